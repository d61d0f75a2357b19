"""Moving a session or a visit: exactly what was shown first, and nothing leaves its window."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils.timezone import localdate, localtime

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.conflict import Conflict
from openkap.care.enrolment.protocols import protocol_of
from openkap.care.moment import now
from openkap.care.patients.out_of_care import refuse_out_of_care
from openkap.care.permissions import Permission, Role
from openkap.care.treatment.access import TAKE, chairs_of, session_for, staff_with, visit_for
from openkap.care.treatment.models import DueItem, Session, Visit
from openkap.care.treatment.planning.conflicts import (
    Slot,
    conflicts_of,
    hold,
    in_words,
    refuse_unseen,
    unfit,
    whose_time,
)
from openkap.care.treatment.planning.due_dates import follow_last_dose, last_dose, with_a_dose
from openkap.care.treatment.planning.moving import Later, Move, Moved, later_than, preview_move
from openkap.care.treatment.planning.plan import window_of
from openkap.core.errors import InputError


@transaction.atomic
def move_session(
    *,
    by: Actor,
    patient: str,
    uid: str,
    starts_at: datetime,
    version: int,
    reason: str,
    chair: str = "",
    nurse: str = "",
    later: str = Later.STAY,
    seen: str | None = None,
) -> Move:
    """Move a session and what depends on it; refused when anything stands in the way.

    ``seen`` is the fingerprint of the move that was on the screen: another one is shown first.
    """
    found = session_for(by, patient, uid, Permission.PLAN_COURSE)
    refuse_out_of_care(found.patient)
    _hold_all(by, found, chair, nurse)
    session = (
        Session.objects.select_for_update(of=("self",))
        .select_related("course", "chair", "nurse", "prescriber")
        .get(pk=found.pk)
    )
    if session.state != Session.State.PLANNED:
        raise InputError(
            "this session has begun or is over", value=session.get_state_display(), remedy="plan another"
        )
    if session.version != version:
        theirs = {"starts_at": session.starts_at, "chair": session.chair.name}
        raise Conflict(theirs=theirs, version=session.version)
    move = preview_move(by=by, session=session, starts_at=starts_at, chair=chair, nurse=nurse, later=later)
    if move.problems:
        more = ", or move the later sessions too" if move.may_take_later else ""
        raise InputError("; ".join(move.problems), remedy=f"choose another time{more}", where="starts_at")
    refuse_unseen(move.fingerprint, seen)
    last = last_dose(session.course)
    # The one that goes furthest first: two sessions are never in one chair, not even on the way.
    is_later = starts_at > session.starts_at
    rows = sorted(move.sessions, key=lambda each: each.starts_at, reverse=is_later)
    before = [each.row.starts_at for each in rows]
    for each in rows:
        _put(each)
    for change in move.changes:
        if change.visit is not None:
            Visit.objects.filter(pk=change.visit.pk).update(starts_at=change.after, version=F("version") + 1)
    follow_last_dose(session.course, last)
    # Last: somebody may hold one of these visits or items, and wait for the audit.
    for each, was_at in zip(rows, before, strict=True):
        _told(by, each, was_at, patient, reason, move)
    return move


def _hold_all(by: Actor, session: Session, chair: str, nurse: str) -> None:
    """Everybody and every chair that a move of this session, or of the later ones, may need."""
    rows = [session, *later_than(session)]
    seats, people = (
        chairs_of(by).filter(uid=chair),
        staff_with(by, *TAKE[Role.NURSE]).filter(uid=nurse),
    )
    visits = Visit.objects.filter(course=session.course, state=Visit.State.PLANNED)
    therapists = [each.therapist for each in visits.select_related("therapist")]
    hold([*(each.chair for each in rows), *seats], [*(each.nurse for each in rows), *people, *therapists])
    list(Session.objects.select_for_update().filter(pk__in=[each.pk for each in rows]).order_by("pk"))


def _put(each: Moved) -> None:
    """One session to its new time, with what is due with it."""
    row, shift = each.row, each.starts_at - each.row.starts_at
    row.starts_at, row.ends_at = each.starts_at, each.ends_at
    row.chair, row.nurse = each.chair, each.nurse
    row.version += 1
    row.save()
    DueItem.objects.filter(session=row, done_at__isnull=True).update(due_at=F("due_at") + shift)


def _told(by: Actor, each: Moved, was_at: datetime, patient: str, reason: str, move: Move) -> None:
    detail = {
        "from": was_at.isoformat(),
        "to": each.starts_at.isoformat(),
        "with_it": [change.what for change in move.changes if change.what != each.what],
    }
    record(
        "session.moved",
        by=by,
        entity="session",
        uid=each.row.uid,
        patient=patient,
        reason=reason,
        detail=detail,
    )


@transaction.atomic
def move_visit(*, by: Actor, patient: str, uid: str, starts_at: datetime, version: int) -> Visit:
    """Move a therapy visit; an integration visit stays in the window of its session."""
    found = visit_for(by, patient, uid, Permission.PLAN_COURSE)
    refuse_out_of_care(found.patient)
    # Before the row itself, as a move of the session does: two that wait for each other would both fail.
    hold((), (found.therapist,))
    visit = (
        Visit.objects.select_for_update(of=("self",))
        .select_related("course", "session", "therapist")
        .get(pk=found.pk)
    )
    if visit.version != version:
        raise Conflict(theirs={"starts_at": visit.starts_at}, version=visit.version)
    if visit.state != Visit.State.PLANNED:
        raise InputError("this visit is over", value=visit.get_state_display(), remedy="plan another")
    if starts_at <= now():
        raise InputError(
            "the new time is in the past",
            value=f"{localtime(starts_at):%d %b %Y %H:%M}",
            remedy="choose a later time",
            where="starts_at",
        )
    if visit.kind == Visit.Kind.DOSING_DAY and visit.session:
        raise InputError(
            "this visit is beside the dose and moves with its session",
            value=f"session {visit.session.number}, {localtime(visit.session.starts_at):%d %b %H:%M}",
            remedy="move the session",
            where="starts_at",
        )
    _refuse_outside_window(visit, starts_at)
    slot = Slot(
        starts_at,
        starts_at + timedelta(minutes=visit.minutes),
        visit.get_kind_display().capitalize(),
        (visit.therapist,),
        patient=whose_time(visit.kind, visit.patient_id),
        except_visits=(visit.pk,),
    )
    refused = unfit([(visit.therapist, Role.THERAPIST, localdate(starts_at))])
    if said := [in_words(each) for each in refused] + conflicts_of([slot]):
        raise InputError("; ".join(said), remedy="choose another time", where="starts_at")
    before, visit.starts_at, visit.version = visit.starts_at, starts_at, visit.version + 1
    visit.save()
    detail = {"from": before.isoformat(), "to": starts_at.isoformat(), "kind": visit.kind}
    record("visit.moved", by=by, entity="visit", uid=uid, patient=patient, detail=detail)
    return visit


def _refuse_outside_window(visit: Visit, starts_at: datetime) -> None:
    protocol = protocol_of(visit.course.protocol, visit.course.protocol_version)
    if visit.kind == Visit.Kind.INTEGRATION and visit.session:
        low, high = window_of(protocol, visit.session.starts_at)
        if not low <= starts_at <= high:
            hours = "{} to {} h".format(*protocol.therapy.integration.window_h)
            raise InputError(
                f"the visit would leave its window of {hours} after the dose",
                value=f"{localtime(starts_at):%d %b %H:%M}",
                limit=f"{localtime(low):%d %b %H:%M} to {localtime(high):%d %b %H:%M}",
                remedy="choose a time inside it",
                where="starts_at",
            )
    first = with_a_dose(visit.course).first()
    if visit.kind == Visit.Kind.PREPARATION and first and starts_at >= first.starts_at:
        raise InputError(
            "preparation comes before the first dose",
            value=f"{localtime(starts_at):%d %b %H:%M}",
            limit=f"before {localtime(first.starts_at):%d %b %H:%M}",
            remedy="choose an earlier time",
            where="starts_at",
        )
