"""Closing a record that is needed no longer, and opening it again; a death is told here too.

A death is taken in whatever still runs: every message stops at once, lists no longer ask for the person, and
the record itself is closed as soon as nothing is under way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.contributions import contributions
from openkap.care.moment import now, today
from openkap.care.patients.access import patient_for
from openkap.care.patients.actions import add_referral, set_status
from openkap.care.patients.holds import holds_of
from openkap.care.patients.models import Closing, IncomingReferral, Patient
from openkap.care.patients.out_of_care import DIED, standing_closings
from openkap.care.patients.queries import record_ids
from openkap.care.permissions import Permission
from openkap.core.errors import InputError

CLOSED = Patient.Status.CLOSED


@dataclass(frozen=True, slots=True)
class Why:
    """The reason for closing; ``died_on`` empty: the day of the death is not known."""

    reason: str
    died_on: date | None = None
    said: str = ""


def standing_closing(patient: Patient) -> Closing | None:
    """What closed the record, or the death that will."""
    return standing_closings(patient.pk).select_related("closed_by").first()


@transaction.atomic
def close_record(*, by: Actor, uid: str, why: Why) -> Closing:
    """Close the record: open questions and visits to come end with it, screening stops, lists let it go.

    Whoever treats records a death; without the right to plan the record itself stays open for who has it.
    """
    right = Permission.RECORD_DEATH if why.reason == DIED else Permission.PLAN_COURSE
    patient = patient_for(by, uid, right, seen="")
    locked = Patient.objects.select_for_update().get(pk=patient.pk)
    _refuse_wrong(patient, why)
    ids = record_ids(patient)
    # Before the first event of the audit: what ends below is held by others who write there at their end.
    for module in contributions("record_closing"):
        module.hold(ids)
    before = _take_the_place_of(by, patient, locked, why)
    held = holds_of(patient)
    if why.reason != DIED:
        _refuse_held(held)
    row = Closing.objects.create(
        patient=patient,
        reason=why.reason,
        died_on=why.died_on,
        said=why.said.strip(),
        closed_by_id=by.staff_id,
        closed_at=now(),
        status_before=before,
    )
    for module in contributions("record_closing"):
        module.end(by, ids, f"record closed: {row.get_reason_display()}")
    record(
        "patient.died" if why.reason == DIED else "patient.closed",
        by=by,
        entity="closing",
        uid=row.uid,
        patient=uid,
        reason=row.said,
        detail={"because": row.reason},
    )
    if not held and by.may(Permission.PLAN_COURSE):
        set_status(by=by, patient=locked, status=CLOSED, because=row.get_reason_display())
    return row


@transaction.atomic
def close_after_death(*, by: Actor, uid: str) -> None:
    """Close the record of somebody whose death is recorded, now that nothing runs any more."""
    patient = patient_for(by, uid, Permission.PLAN_COURSE, seen="")
    locked = Patient.objects.select_for_update().get(pk=patient.pk)
    row = standing_closing(patient)
    if row is None or row.reason != DIED:
        raise InputError("no death is recorded here", remedy="close the record with its reason")
    _refuse_held(holds_of(patient))
    # A course may have ended since the death was told: reopening leads to here and not back into it.
    row.status_before = locked.status
    row.save(update_fields=["status_before"])
    set_status(by=by, patient=locked, status=CLOSED, because=row.get_reason_display())


@transaction.atomic
def reopen_record(*, by: Actor, uid: str, reason: str) -> None:
    """The record is in use again, where it stood; what closing ended is asked and planned anew."""
    patient = patient_for(by, uid, Permission.PLAN_COURSE, seen="")
    locked = Patient.objects.select_for_update().get(pk=patient.pk)
    row = standing_closing(patient)
    if row is None or patient.identity.erased_at is not None:
        raise InputError(
            "there is nothing here to reopen",
            remedy="look at the chart again; whose identity was erased is registered as somebody new",
        )
    if not reason.strip():
        raise InputError("a reason is needed", remedy="say why the record is in use again", where="reason")
    _take_back(by, row, reason.strip())
    if locked.status == CLOSED:
        set_status(by=by, patient=locked, status=row.status_before, because=reason.strip())


@transaction.atomic
def reopen_for_referral(
    *,
    by: Actor,
    uid: str,
    referrer: str = "",
    reason: str = "",
    incoming: IncomingReferral | None = None,
    reach: Mapping[str, str] | None = None,
) -> Patient:
    """Somebody whose record is closed is referred again: no second record, but the first one reopened."""
    standing = standing_closing(patient_for(by, uid, Permission.PLAN_COURSE, seen=""))
    if standing is not None and standing.reason == DIED:
        raise InputError(
            "the record says that this person has died",
            remedy="open it and look whose record it is; a death told in error is taken back there",
        )
    said = ", ".join(filter(None, (referrer.strip(), reason.strip())))
    reopen_record(by=by, uid=uid, reason=f"referred again: {said}" if said else "referred again")
    return add_referral(by=by, uid=uid, referrer=referrer, reason=reason, incoming=incoming, reach=reach)


def _refuse_wrong(patient: Patient, why: Why) -> None:
    if why.reason not in Closing.Reason.values:
        raise InputError("the reason is missing", remedy="choose one", where="reason")
    if why.died_on is None:
        return
    born = patient.identity.birth_date
    if why.reason != DIED:
        raise InputError(
            "a day of death was given, and another reason",
            value=f"{why.died_on:%-d %b %Y}",
            remedy="choose “died”, or empty the day",
            where="died_on",
        )
    if why.died_on > today() or (born and why.died_on < born):
        raise InputError(
            "this cannot be the day of the death",
            value=f"{why.died_on:%-d %b %Y}",
            limit="from the day of birth to today",
            remedy="correct it, or say that it is not known",
            where="died_on",
        )


def _take_the_place_of(by: Actor, patient: Patient, locked: Patient, why: Why) -> str:
    """Where the patient stood; of a closed record only a death is told, in the place of its reason."""
    row = standing_closing(patient)
    if row is None and locked.status != CLOSED:
        return locked.status
    if row is None or why.reason != DIED or row.reason == DIED:
        raise InputError("this record is closed already", remedy="reopen it first, with a reason")
    _take_back(by, row, "the person has died")
    return row.status_before


def _take_back(by: Actor, row: Closing, reason: str) -> None:
    row.reopened_by_id, row.reopened_at, row.reopened_because = by.staff_id, now(), reason
    row.save(update_fields=["reopened_by", "reopened_at", "reopened_because"])
    record("patient.reopened", by=by, entity="closing", uid=row.uid, patient=row.patient.uid, reason=reason)


def _refuse_held(held: list[str]) -> None:
    if held:
        raise InputError(
            f"the record cannot be closed yet: {'; '.join(held)}",
            limit="no course running, no session open, no serious event and no alarming answer open",
            remedy="end the course, sign the session, report the event with its outcome, or write down what "
            "was done about the answer; then close the record",
        )
