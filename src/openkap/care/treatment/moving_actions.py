"""Moving a session or a visit: what moves with it is shown first, and nothing leaves its window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.audit.actions import record
from openkap.care.conflict import Conflict
from openkap.care.enrolment.protocols import protocol_of
from openkap.care.moment import now
from openkap.care.permissions import Permission, Role
from openkap.care.treatment import plan as planning
from openkap.care.treatment.access import chairs_of, colleague_as, session_for, visit_for
from openkap.care.treatment.conflicts import Slot, conflicts_of, refuse_unfit
from openkap.care.treatment.models import Chair, DueItem, Session, Visit
from openkap.care.treatment.plan import window_of
from openkap.core.errors import InputError
from openkap.protocol.model import Protocol


@dataclass(frozen=True, slots=True)
class Change:
    """One date that moves."""

    what: str
    before: datetime
    after: datetime
    why: str = ""
    visit: int | None = None


@dataclass(frozen=True)
class Move:
    """A session moved, with everything that moves with it and what stands in the way."""

    session: Session
    starts_at: datetime
    ends_at: datetime
    chair: Chair
    nurse: Staff
    changes: tuple[Change, ...]
    due_items: int
    problems: tuple[str, ...]


def preview_move(
    *, by: Actor, session: Session, starts_at: datetime, chair: str = "", nurse: str = ""
) -> Move:
    """What would happen: the session, its visits (which stay in their window) and what is due with it."""
    protocol = protocol_of(session.course.protocol, session.course.protocol_version)
    shift = starts_at - session.starts_at
    seat = chairs_of(by).filter(uid=chair).first() if chair else session.chair
    person = colleague_as(by, nurse, "nurse", Role.NURSE, Role.PRESCRIBER) if nurse else session.nurse
    if seat is None:
        raise InputError("the chair is missing", remedy="choose one", where="chair")
    ends_at = session.ends_at + shift
    others = list(
        Session.objects.filter(course=session.course)
        .exclude(pk=session.pk)
        .exclude(state__in=("cancelled", "aborted"))
    )
    changes = [Change(f"Session {session.number}", session.starts_at, starts_at)]
    changes += _visits_that_move(session, starts_at, shift, others, protocol)
    problems = _order_problems(session, starts_at, ends_at, others)
    moved = tuple(change.visit for change in changes if change.visit is not None)
    slots = [Slot(starts_at, ends_at, f"Session {session.number}", (person,), seat, session.pk, moved)]
    visits = {visit.pk: visit for visit in Visit.objects.filter(pk__in=moved).select_related("therapist")}
    for change in changes[1:]:
        visit = visits[change.visit or 0]
        ends = change.after + timedelta(minutes=visit.minutes)
        slots.append(Slot(change.after, ends, change.what, (visit.therapist,), None, session.pk, moved))
    problems += conflicts_of(slots)
    items = DueItem.objects.filter(session=session, done_at__isnull=True).count()
    return Move(session, starts_at, ends_at, seat, person, tuple(changes), items, tuple(problems))


def _visits_that_move(
    session: Session, starts_at: datetime, shift: timedelta, others: list[Session], protocol: Protocol
) -> list[Change]:
    low, high = window_of(protocol, starts_at)
    busy = [each.starts_at.date() for each in others] + [starts_at.date()]
    made = []
    for visit in Visit.objects.filter(session=session, state=Visit.State.PLANNED):
        what = f"{visit.get_kind_display().capitalize()} {visit.number}"
        if visit.kind == Visit.Kind.DOSING_DAY:
            made.append(
                Change(what, visit.starts_at, visit.starts_at + shift, "same day as the dose", visit.pk)
            )
        elif not low <= visit.starts_at <= high:
            after = _free_day(visit, planning.integration_days(protocol, starts_at, busy))
            hours = "{} to {} h".format(*protocol.therapy.integration.window_h)
            made.append(Change(what, visit.starts_at, after, f"stays {hours} after the dose", visit.pk))
    return made


def _free_day(visit: Visit, days: list[datetime]) -> datetime:
    """The best day on which the therapist is free; the best one at all where none is."""
    for day in days:
        ends_at = day + timedelta(minutes=visit.minutes)
        if not conflicts_of([Slot(day, ends_at, "", (visit.therapist,), None, None, (visit.pk,))]):
            return day
    return days[0]


def _order_problems(
    session: Session, starts_at: datetime, ends_at: datetime, others: list[Session]
) -> list[str]:
    said = []
    if starts_at <= now():
        said.append("the new time is in the past")
    for other in others:
        if (other.number < session.number and starts_at < other.ends_at) or (
            other.number > session.number and ends_at > other.starts_at
        ):
            side = "after" if other.number < session.number else "before"
            said.append(f"it must stay {side} session {other.number} ({other.starts_at:%d %b %H:%M})")
    preparing = Visit.objects.filter(
        course=session.course,
        kind=Visit.Kind.PREPARATION,
        state=Visit.State.PLANNED,
        starts_at__gte=starts_at,
    )
    if session.number == 1 and preparing.exists():
        said.append("a preparation visit would come after the first dose")
    return said


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
) -> Move:
    """Move a session and what depends on it; refused when anything stands in the way."""
    session = session_for(by, patient, uid, Permission.PLAN_COURSE)
    Chair.objects.select_for_update().get(pk=session.chair_id)
    session = (
        Session.objects.select_for_update(of=("self",))
        .select_related("course", "chair", "nurse")
        .get(pk=session.pk)
    )
    if session.state != Session.State.PLANNED:
        raise InputError(
            "this session has begun or is over", value=session.get_state_display(), remedy="plan another"
        )
    if session.version != version:
        theirs = {"starts_at": session.starts_at, "chair": session.chair.name}
        raise Conflict(theirs=theirs, version=session.version)
    move = preview_move(by=by, session=session, starts_at=starts_at, chair=chair, nurse=nurse)
    if move.problems:
        raise InputError("; ".join(move.problems), remedy="choose another time", where="starts_at")
    refuse_unfit(move.nurse, Role.NURSE, starts_at.date())
    shift, before = starts_at - session.starts_at, session.starts_at
    session.starts_at, session.ends_at = move.starts_at, move.ends_at
    session.chair, session.nurse = move.chair, move.nurse
    session.version += 1
    session.save()
    for change in move.changes:
        if change.visit is not None:
            visit = Visit.objects.get(pk=change.visit)
            visit.starts_at, visit.version = change.after, visit.version + 1
            visit.save()
    for item in DueItem.objects.filter(session=session, done_at__isnull=True):
        DueItem.objects.filter(pk=item.pk).update(due_at=item.due_at + shift)
    detail = {
        "from": before.isoformat(),
        "to": starts_at.isoformat(),
        "with_it": [change.what for change in move.changes[1:]],
    }
    record("session.moved", by=by, entity="session", uid=uid, patient=patient, reason=reason, detail=detail)
    return move


@transaction.atomic
def move_visit(*, by: Actor, patient: str, uid: str, starts_at: datetime, version: int) -> Visit:
    """Move a therapy visit; an integration visit stays in the window of its session."""
    found = visit_for(by, patient, uid, Permission.PLAN_COURSE)
    visit = (
        Visit.objects.select_for_update(of=("self",))
        .select_related("course", "session", "therapist")
        .get(pk=found.pk)
    )
    if visit.version != version:
        raise Conflict(theirs={"starts_at": visit.starts_at}, version=visit.version)
    if visit.state != Visit.State.PLANNED:
        raise InputError("this visit is over", value=visit.get_state_display(), remedy="plan another")
    _refuse_outside_window(visit, starts_at)
    ends_at = starts_at + timedelta(minutes=visit.minutes)
    slot = Slot(starts_at, ends_at, visit.get_kind_display(), (visit.therapist,), None, None, (visit.pk,))
    said = conflicts_of([slot])
    if said:
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
                value=f"{starts_at:%d %b %H:%M}",
                limit=f"{low:%d %b %H:%M} to {high:%d %b %H:%M}",
                remedy="choose a time inside it",
                where="starts_at",
            )
    first = Session.objects.filter(course=visit.course).order_by("starts_at").first()
    if visit.kind == Visit.Kind.PREPARATION and first and starts_at >= first.starts_at:
        raise InputError(
            "preparation comes before the first dose",
            value=f"{starts_at:%d %b %H:%M}",
            limit=f"before {first.starts_at:%d %b %H:%M}",
            remedy="choose an earlier time",
            where="starts_at",
        )
