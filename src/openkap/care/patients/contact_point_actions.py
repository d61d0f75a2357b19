"""Which telephone, e-mail or address of a person is in use: decided by somebody who has asked."""

from __future__ import annotations

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.moment import now
from openkap.care.patients.access import patient_for
from openkap.care.patients.actions import change_identity, hold_unerased
from openkap.care.patients.models import ContactPoint, Patient
from openkap.care.permissions import Permission
from openkap.core.errors import InputError


@transaction.atomic
def use_contact_point(*, by: Actor, uid: str, point: str) -> None:
    """The person is reached there from now on; what was in use until now stays beside it."""
    patient = patient_for(by, uid, Permission.EDIT_PATIENT, seen="")
    identity = hold_unerased(patient)
    row = _end(patient, point)
    before = getattr(identity, row.kind)
    if before:
        ContactPoint.objects.get_or_create(
            patient=patient, kind=row.kind, value=before, ended_at=None, defaults={"added_at": now()}
        )
    change_identity(by=by, uid=uid, changes={row.kind: row.value}, version=identity.version)


@transaction.atomic
def end_contact_point(*, by: Actor, uid: str, point: str) -> None:
    """The person is not reached there; the row stays with its end."""
    patient = patient_for(by, uid, Permission.EDIT_PATIENT, seen="")
    row = _end(patient, point)
    record(
        "contact_point.ended",
        by=by,
        entity="contact_point",
        uid=point,
        patient=uid,
        detail={"kind": row.kind},
    )


def _end(patient: Patient, point: str) -> ContactPoint:
    row = ContactPoint.objects.select_for_update().filter(patient=patient, uid=point).first()
    if row is None or row.ended_at is not None:
        raise InputError("somebody has decided this meanwhile", remedy="look at what stands here now")
    row.ended_at = now()
    row.save(update_fields=["ended_at"])
    return row
