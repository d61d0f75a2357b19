"""Moving a session or a visit: what moves with it is shown first, and nothing leaves its window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from django.db import transaction
from django.db.models import F
from django.utils.timezone import localdate, localtime

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.accounts.signing import fingerprint
from openkap.care.audit.actions import record
from openkap.care.conflict import Conflict
from openkap.care.enrolment.protocols import protocol_of
from openkap.care.moment import now
from openkap.care.permissions import Permission, Role
from openkap.care.treatment import plan as planning
from openkap.care.treatment.access import TAKE, chairs_of, colleague_as, session_for, staff_with, visit_for
from openkap.care.treatment.conflicts import Slot, conflicts_of, hold, in_words, refuse_unseen, unfit
from openkap.care.treatment.due_dates import due_after, follow_last_dose, last_dose, with_a_dose
from openkap.care.treatment.models import Chair, DueItem, Session, Visit
from openkap.care.treatment.plan import weekend_words, window_of
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
    warnings: tuple[str, ...]
    # Of every date and person shown: what is moved is what was seen.
    fingerprint: str


def preview_move(
    *, by: Actor, session: Session, starts_at: datetime, chair: str = "", nurse: str = ""
) -> Move:
    """What would happen: the session, its visits (which stay in their window) and what is due with it."""
    protocol = protocol_of(session.course.protocol, session.course.protocol_version)
    shift = starts_at - session.starts_at
    seat = chairs_of(by).filter(uid=chair).first() if chair else session.chair
    person = colleague_as(by, nurse, Role.NURSE) if nurse else session.nurse
    if seat is None:
        raise InputError("the chair is missing", remedy="choose one", where="chair")
    ends_at = session.ends_at + shift
    others = list(with_a_dose(session.course).exclude(pk=session.pk))
    changes = [Change(f"Session {session.number}", session.starts_at, starts_at)]
    changes += _visits_that_move(session, starts_at, shift, others, protocol)
    problems = _order_problems(session, starts_at, ends_at, others)
    too_near_or_far, wide = spacing(session, starts_at, others, protocol) if shift else ([], [])
    problems += too_near_or_far
    visits = Visit.objects.in_bulk([change.visit for change in changes if change.visit is not None])
    slots = _slots(session, starts_at, ends_at, person, seat, changes, visits)
    needed = [
        (session.prescriber, Role.PRESCRIBER, localdate(starts_at)),
        (person, Role.NURSE, localdate(starts_at)),
    ]
    needed += [
        (visits[change.visit].therapist, Role.THERAPIST, localdate(change.after))
        for change in changes
        if change.visit is not None
    ]
    problems += [in_words(each) for each in unfit(needed)] + conflicts_of(slots)
    items = DueItem.objects.filter(session=session, done_at__isnull=True).count()
    if _is_last(starts_at, others) or _is_last(session.starts_at, others):
        items += due_after(session.course).count()
    return Move(
        session,
        starts_at,
        ends_at,
        seat,
        person,
        tuple(changes),
        items,
        tuple(problems),
        (*wide, *weekend_words((change.what, change.after) for change in changes)),
        fingerprint(repr((changes, seat.uid, person.uid))),
    )


def _is_last(starts_at: datetime, others: list[Session]) -> bool:
    return all(each.starts_at < starts_at for each in others)


def _slots(
    session: Session,
    starts_at: datetime,
    ends_at: datetime,
    nurse: Staff,
    chair: Chair,
    changes: list[Change],
    visits: dict[int, Visit],
) -> list[Slot]:
    moved = tuple(visits)
    patient = session.patient_id
    slots = [
        Slot(starts_at, ends_at, f"Session {session.number}", (nurse,), chair, patient, (session.pk,), moved)
    ]
    for change in changes:
        if change.visit is None:
            continue
        visit = visits[change.visit]
        ends = change.after + timedelta(minutes=visit.minutes)
        slots.append(
            Slot(
                change.after,
                ends,
                change.what,
                (visit.therapist,),
                patient=_whose(visit),
                except_sessions=(session.pk,),
                except_visits=moved,
            )
        )
    return slots


def _whose(visit: Visit) -> int | None:
    """A visit on the day of the dose is beside the dose, by intent."""
    return None if visit.kind == Visit.Kind.DOSING_DAY else visit.patient_id


def _visits_that_move(
    session: Session, starts_at: datetime, shift: timedelta, others: list[Session], protocol: Protocol
) -> list[Change]:
    low, high = window_of(protocol, starts_at)
    busy = [localdate(each.starts_at) for each in others] + [localdate(starts_at)]
    made = []
    for visit in Visit.objects.filter(session=session, state=Visit.State.PLANNED):
        what = f"{visit.get_kind_display().capitalize()} {visit.number}"
        if visit.kind == Visit.Kind.DOSING_DAY:
            made.append(
                Change(what, visit.starts_at, visit.starts_at + shift, "same day as the dose", visit.pk)
            )
        elif not low <= visit.starts_at <= high:
            after = free_day(
                visit, [d for g in planning.integration_days(protocol, starts_at, busy) for d in g]
            )
            hours = "{} to {} h".format(*protocol.therapy.integration.window_h)
            made.append(Change(what, visit.starts_at, after, f"stays {hours} after the dose", visit.pk))
    return made


def free_day(visit: Visit, days: list[datetime]) -> datetime:
    """The best day on which the therapist is free; the best one at all where none is."""
    for day in days:
        ends_at = day + timedelta(minutes=visit.minutes)
        slot = Slot(
            day,
            ends_at,
            "",
            (visit.therapist,),
            patient=visit.patient_id,
            except_sessions=(visit.session_id,) if visit.session_id else (),
            except_visits=(visit.pk,),
        )
        if not conflicts_of([slot]):
            return day
    return days[0]


def _order_problems(
    session: Session, starts_at: datetime, ends_at: datetime, others: list[Session]
) -> list[str]:
    said = []
    if starts_at <= now():
        said.append("the new time is in the past")
    for other in others:
        # By time and not by number: a session in the place of another has the next free number.
        is_before = other.starts_at < session.starts_at
        if starts_at < other.ends_at if is_before else ends_at > other.starts_at:
            side = "after" if is_before else "before"
            said.append(
                f"it must stay {side} session {other.number} ({localtime(other.starts_at):%d %b %H:%M})"
            )
    preparing = Visit.objects.filter(
        course=session.course,
        kind=Visit.Kind.PREPARATION,
        state=Visit.State.PLANNED,
        starts_at__gte=starts_at,
    )
    if all(other.starts_at > session.starts_at for other in others) and preparing.exists():
        said.append("a preparation visit would come after the first dose")
    return said


def spacing(
    session: Session,
    starts_at: datetime,
    others: list[Session],
    protocol: Protocol,
    *,
    is_anew: bool = False,
) -> tuple[list[str], list[str]]:
    """What refuses and what warns: closer than the pattern's smallest gap, further than all of it lasts.

    A wide gap after it only warns: the sessions that follow can be brought forward next. One that is planned
    anew has no place among the others yet: the new time is its place.
    """
    place = starts_at if is_anew else session.starts_at
    name = session.course.pattern
    days = next((each.days for each in protocol.courses if each.id == name), None) or ()
    if len(days) < 2:
        return [], []
    least, most = min(after - before for before, after in pairwise(days)), days[-1] - days[0]
    in_time = sorted(others, key=lambda each: each.starts_at)
    before = [each for each in in_time if each.starts_at < place][-1:]
    after = [each for each in in_time if each.starts_at > place][:1]
    problems, warnings = [], []
    for other in before + after:
        apart = abs((localdate(starts_at) - localdate(other.starts_at)).days)
        day = f"{localtime(starts_at):%a %-d %b}"
        words = (
            f"{day} is {_days(apart)} from session {other.number} ({localtime(other.starts_at):%a %-d %b})"
        )
        if apart < least:
            problems.append(f"{words}; {name} keeps {_days(least)} or more between doses")
        elif apart > most and other in before:
            problems.append(f"{words}; {name} lasts {_days(most)} as a whole: end this course, plan another")
        elif apart > most:
            warnings.append(f"{words}; {name} lasts {_days(most)} as a whole: bring that session forward too")
    return problems, warnings


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"


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
    seen: str | None = None,
) -> Move:
    """Move a session and what depends on it; refused when anything stands in the way.

    ``seen`` is the fingerprint of the move that was on the screen: another one is shown first.
    """
    found = session_for(by, patient, uid, Permission.PLAN_COURSE)
    seats, people = (
        chairs_of(by).filter(uid=chair),
        staff_with(by, *TAKE[Role.NURSE]).filter(uid=nurse),
    )
    therapists = [visit.therapist for visit in found.visits.select_related("therapist")]
    hold([found.chair, *seats], [found.nurse, *people, *therapists])
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
    move = preview_move(by=by, session=session, starts_at=starts_at, chair=chair, nurse=nurse)
    if move.problems:
        raise InputError("; ".join(move.problems), remedy="choose another time", where="starts_at")
    refuse_unseen(move.fingerprint, seen)
    shift, before, last = starts_at - session.starts_at, session.starts_at, last_dose(session.course)
    session.starts_at, session.ends_at = move.starts_at, move.ends_at
    session.chair, session.nurse = move.chair, move.nurse
    session.version += 1
    session.save()
    for change in move.changes:
        if change.visit is not None:
            visit = Visit.objects.get(pk=change.visit)
            visit.starts_at, visit.version = change.after, visit.version + 1
            visit.save()
    DueItem.objects.filter(session=session, done_at__isnull=True).update(due_at=F("due_at") + shift)
    follow_last_dose(session.course, last)
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
    hold((), (visit.therapist,))
    slot = Slot(
        starts_at,
        starts_at + timedelta(minutes=visit.minutes),
        visit.get_kind_display().capitalize(),
        (visit.therapist,),
        patient=_whose(visit),
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
