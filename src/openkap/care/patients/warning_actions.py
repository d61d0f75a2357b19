"""Somebody here looks at what a referral warns of: it holds, or it does not, with the reason."""

from __future__ import annotations

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.columns import refuse_long
from openkap.care.moment import now
from openkap.care.patients.access import patient_for
from openkap.care.patients.models import ReferralWarning
from openkap.care.patients.same_person import same_person
from openkap.care.permissions import Permission
from openkap.core.errors import InputError


@transaction.atomic
def look_at_warning(*, by: Actor, uid: str, warning: str, holds: bool, because: str) -> ReferralWarning:
    """An allergy or a flag holds from now on as confirmed, or leaves the banner; it stays in the record.

    Whether there is an allergy to the drug is a question of the screening, and answered there.
    """
    patient = patient_for(by, uid, Permission.EDIT_PATIENT, seen="")
    rows = ReferralWarning.objects.select_for_update().filter(
        patient__in=same_person(patient.pk), uid=warning
    )
    row = rows.exclude(kind=ReferralWarning.Kind.DRUG).first()
    if row is None or row.looked_at is not None:
        raise InputError("somebody has looked at this meanwhile", remedy="look at the page again")
    if not because.strip():
        raise InputError(
            "the reason is missing", remedy="write whom you asked, or what you read", where="because"
        )
    refuse_long(ReferralWarning, because=because)
    row.looked_at, row.looked_by_id, row.holds, row.because = now(), by.staff_id, holds, because.strip()
    row.save(update_fields=["looked_at", "looked_by", "holds", "because"])
    record(
        "referral.warning_confirmed" if holds else "referral.warning_refuted",
        by=by,
        entity="warning",
        uid=row.uid,
        patient=uid,
        reason=row.because,
    )
    return row
