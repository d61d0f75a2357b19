"""What a screening under way takes from a referral that comes into the record: facts nobody was asked yet.

It comes with an upload, or with a record that is merged into this one.
"""

from __future__ import annotations

from openkap.care.accounts.actor import Actor
from openkap.care.enrolment.actions import take_over_referral
from openkap.care.enrolment.models import Screening
from openkap.care.patients.models import Referral


def kept(by: Actor, referral: Referral) -> None:
    """Take its facts over where a screening was opened; opening one takes them by itself."""
    patient = referral.patient.merged_into or referral.patient
    if Screening.objects.filter(patient=patient).exists():
        take_over_referral(by, patient, referral)
