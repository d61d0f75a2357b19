"""What a screening under way takes from a referral that comes into the record: facts nobody was asked yet."""

from __future__ import annotations

from openkap.care.accounts.actor import Actor
from openkap.care.enrolment.actions import take_over_referral
from openkap.care.enrolment.models import Screening
from openkap.care.patients.models import Referral


def kept(by: Actor, referral: Referral) -> None:
    """Take its facts over where a screening was opened; opening one takes them by itself."""
    if Screening.objects.filter(patient=referral.patient).exists():
        take_over_referral(by, referral.patient, referral)
