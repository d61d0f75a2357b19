"""After a visit without a dose: another session in its place, or somebody says why there will be none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import F, Max
from django.utils.timezone import localdate, localtime

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.accounts.signing import fingerprint
from openkap.care.audit.actions import record
from openkap.care.enrolment.protocols import protocol_of
from openkap.care.moment import now
from openkap.care.patients.out_of_care import refuse_out_of_care
from openkap.care.permissions import Permission, Role
from openkap.care.treatment.access import TAKE, chairs_of, colleague_as, join_as, session_for, staff_with
from openkap.care.treatment.models import Chair, Course, DueItem, Replanning, Session, Visit
from openkap.care.treatment.planning.conflicts import (
    FOREVER,
    Slot,
    Taken,
    hold,
    in_words,
    refuse_unseen,
    taken,
    unfit,
    whose_time,
)
from openkap.care.treatment.planning.diaries import Board, diary_of, hours_of
from openkap.care.treatment.planning.due_dates import follow_last_dose, last_dose, with_a_dose
from openkap.care.treatment.planning.held import held_since, withdrawn_words
from openkap.care.treatment.planning.placing import Placed
from openkap.care.treatment.planning.plan import (
    Dose,
    PlannedItem,
    PlannedSession,
    PlannedVisit,
    items_with,
    place_integration,
    weekend_words,
)
from openkap.care.treatment.planning.spacing import days_of, spacing
from openkap.care.treatment.planning.trauma_visits import Along, diaries_round, go_along
from openkap.core.errors import InputError
from openkap.protocol.model import Protocol


@dataclass(frozen=True, slots=True)
class PlannedAnew:
    """A visit of the session that did not take place, at its new time."""

    instead_of: Visit
    starts_at: datetime
    number: int
    # Why it is not at its usual time.
    because: str = ""

    @property
    def words(self) -> str:
        return f"{self.instead_of.get_kind_display().capitalize()} {self.number}"


@dataclass(frozen=True)
class InItsPlace:
    """A session as it would be, with what belongs to it and what stands in the way."""

    planned: PlannedSession
    chair: Chair
    nurse: Staff
    visits: tuple[PlannedAnew, ...]
    # Trauma-focused visits that make room for it, each with where it goes.
    along: tuple[tuple[Along, datetime], ...]
    items: tuple[PlannedItem, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    # Of every date and person shown: what is planned is what was seen.
    fingerprint: str


def replanning_of(session: Session) -> Replanning | None:
    """What was decided after a visit without a dose; ``None`` while nobody has."""
    rows = Replanning.objects.filter(session=session).select_related("in_its_place", "decided_by")
    return rows.first()


def preview_in_its_place(
    *, by: Actor, session: Session, starts_at: datetime, chair: str = "", nurse: str = ""
) -> InItsPlace:
    """What would be planned in the place of a session without a dose, for looking at first."""
    protocol = protocol_of(session.course.protocol, session.course.protocol_version)
    seat = chairs_of(by).filter(uid=chair).first() if chair else session.chair
    if seat is None:
        raise InputError("the chair is missing", remedy="choose one", where="chair")
    person = colleague_as(by, nurse, Role.NURSE) if nurse else session.nurse
    rows = Session.objects.filter(course=session.course)
    number = (rows.aggregate(last=Max("number"))["last"] or 0) + 1
    planned = PlannedSession(number, starts_at, starts_at + (session.ends_at - session.starts_at))
    others = list(with_a_dose(session.course))
    given_up, trauma = _cancelled_with(session), _trauma_focused(session.course)
    held = taken(
        min(now(), starts_at),
        FOREVER,
        chairs=[seat],
        people=[person, *(each.therapist for each in (*given_up, *trauma))],
        patients=[session.patient_id],
    )
    hours = hours_of(by.clinic_id, now(), [(planned.starts_at, planned.ends_at)])
    visits = _visits_anew(
        session, given_up, planned, [*others, planned], protocol, Board(held, hours, (seat,))
    )
    slots = _slots(session, planned, person, seat, visits)
    along = go_along(
        trauma,
        others or [session],
        [*others, planned],
        [planned],
        {localdate(each.starts_at) for each in visits} | _days_with_others(session, held),
        diaries_round(slots, held, hours, (), [each.pk for each in trauma]),
    )
    goes = tuple((each, each.at.at) for each in along if each.at)
    gone = tuple(each.visit.pk for each in along)
    # What leaves its place, or is refused by its own name, stands in nobody's way there.
    slots = [replace(each, except_visits=gone) for each in [*slots, *(_slot(*each) for each in goes)]]
    day = localdate(starts_at)
    needed = [(session.prescriber, Role.PRESCRIBER, day), (person, Role.NURSE, day)]
    needed += [(visit.instead_of.therapist, Role.THERAPIST, localdate(visit.starts_at)) for visit in visits]
    needed += [(each.visit.therapist, Role.THERAPIST, localdate(at)) for each, at in goes]
    problems = [*_days_that_clash(starts_at, others), *(in_words(each) for each in unfit(needed))]
    too_near_or_far, wide = spacing([*others, planned], [number], days_of(session.course, protocol))
    problems += too_near_or_far + [each.refusal for each in along if each.at is None]
    problems += held.conflicts_of(slots)
    if since := held_since(session.patient_id):
        problems.insert(0, f"{withdrawn_words(since)}: no session is added until consent is given anew")
    dates = [(f"Session {number}", starts_at), *((each.words, each.starts_at) for each in visits)]
    dates += [(each.what, at) for each, at in goes]
    seen = [(each.words, each.starts_at, each.instead_of.therapist_id) for each in visits]
    moves = [(each.what, each.visit.starts_at, at) for each, at in goes]
    return InItsPlace(
        planned,
        seat,
        person,
        tuple(visits),
        goes,
        tuple(items_with(protocol, planned, now=now())),
        tuple(dict.fromkeys(problems)),
        (*wide, *weekend_words(dates)),
        fingerprint(repr((planned, seat.uid, person.uid, seen, moves))),
    )


def _slots(
    session: Session, planned: PlannedSession, nurse: Staff, seat: Chair, visits: Sequence[PlannedAnew]
) -> list[Slot]:
    whose = session.patient_id
    slots = [Slot(planned.starts_at, planned.ends_at, f"Session {planned.number}", (nurse,), seat, whose)]
    for visit in visits:
        ends_at = visit.starts_at + timedelta(minutes=visit.instead_of.minutes)
        beside = whose_time(visit.instead_of.kind, whose)
        slots.append(
            Slot(visit.starts_at, ends_at, visit.words, (visit.instead_of.therapist,), patient=beside)
        )
    return slots


def _slot(each: Along, at: datetime) -> Slot:
    ends_at = at + timedelta(minutes=each.visit.minutes)
    return Slot(at, ends_at, each.what, (each.visit.therapist,), patient=each.visit.patient_id)


def _visits_anew(
    session: Session,
    rows: Sequence[Visit],
    planned: PlannedSession,
    doses: Sequence[Dose],
    protocol: Protocol,
    board: Board,
) -> list[PlannedAnew]:
    """The visits given up with it: integration where the diaries are free, others beside the dose."""
    made: list[PlannedAnew] = []
    for place, row in enumerate(rows):
        at = Placed(planned.starts_at + (row.starts_at - session.starts_at))
        if row.kind == Visit.Kind.INTEGRATION:
            diary = diary_of(board.taken, board.hours, row.therapist, row.patient_id)
            placed = [
                PlannedVisit(each.instead_of.kind, each.number, each.starts_at, each.instead_of.minutes)
                for each in made
                if each.instead_of.kind == Visit.Kind.INTEGRATION
            ]
            at = place_integration(protocol, planned.starts_at, doses, placed, diary, row.minutes)
        # Numbers are unique by kind; a gap between two kinds of visits is harmless.
        number = _next_number(session.course, row.kind) + place
        made.append(PlannedAnew(row, at.at, number, at.because))
    return made


def _cancelled_with(session: Session) -> list[Visit]:
    rows = Visit.objects.filter(session=session, state=Visit.State.CANCELLED).select_related("therapist")
    return list(rows.order_by("starts_at", "id"))


def _trauma_focused(course: Course) -> list[Visit]:
    rows = Visit.objects.filter(course=course, kind=Visit.Kind.TRAUMA, state=Visit.State.PLANNED)
    return list(rows.select_related("therapist").order_by("starts_at", "id"))


def _days_with_others(session: Session, held: Taken) -> set[date]:
    mine = (each for each in held.visits if each.patient_id == session.patient_id)
    return {localdate(each.starts_at) for each in mine if each.kind != Visit.Kind.TRAUMA}


def _next_number(course: Course, kind: str) -> int:
    return (Visit.objects.filter(course=course, kind=kind).aggregate(last=Max("number"))["last"] or 0) + 1


def _days_that_clash(starts_at: datetime, others: list[Session]) -> list[str]:
    said = ["the time is in the past"] if starts_at <= now() else []
    day = localdate(starts_at)
    said += [
        f"session {other.number} is on that day already ({localtime(other.starts_at):%d %b %H:%M})"
        for other in others
        if localdate(other.starts_at) == day
    ]
    return said


@transaction.atomic
def plan_in_its_place(
    *,
    by: Actor,
    patient: str,
    uid: str,
    starts_at: datetime,
    chair: str = "",
    nurse: str = "",
    seen: str | None = None,
) -> Session:
    """Plan a session in the place of one that ended without a dose, with its visits and what is due.

    ``seen`` is the fingerprint of what was on the screen: anything else is shown first.
    """
    old = _to_replan(by, patient, uid)
    refuse_out_of_care(old.patient)
    seats, people = chairs_of(by).filter(uid=chair), staff_with(by, *TAKE[Role.NURSE]).filter(uid=nurse)
    visits = [*_cancelled_with(old), *_trauma_focused(old.course)]
    hold([old.chair, *seats], [old.nurse, *people, *(each.therapist for each in visits)])
    draft = preview_in_its_place(by=by, session=old, starts_at=starts_at, chair=chair, nurse=nurse)
    if draft.problems:
        raise InputError("; ".join(draft.problems), remedy="choose another time", where="starts_at")
    refuse_unseen(draft.fingerprint, seen)
    last = last_dose(old.course)
    row = Session.objects.create(
        course=old.course,
        patient=old.patient,
        number=draft.planned.number,
        chair=draft.chair,
        prescriber=old.prescriber,
        nurse=draft.nurse,
        starts_at=draft.planned.starts_at,
        ends_at=draft.planned.ends_at,
    )
    _store_what_belongs(row, draft)
    for each, at in draft.along:
        Visit.objects.filter(pk=each.visit.pk).update(starts_at=at, version=F("version") + 1)
    join_as(by, old.patient, [(draft.nurse, Role.NURSE)])
    follow_last_dose(old.course, last)
    _decide(by, old, in_its_place=row, with_it=[each.what for each, _ in draft.along])
    return row


def _store_what_belongs(session: Session, draft: InItsPlace) -> None:
    for each in draft.visits:
        Visit.objects.create(
            course=session.course,
            patient=session.patient,
            session=session,
            kind=each.instead_of.kind,
            number=each.number,
            therapist=each.instead_of.therapist,
            starts_at=each.starts_at,
            minutes=each.instead_of.minutes,
        )
    DueItem.objects.bulk_create(
        DueItem(
            course=session.course,
            patient=session.patient,
            session=session,
            kind=item.kind,
            what=item.what[:120],
            when=item.when,
            due_at=item.due_at,
        )
        for item in draft.items
    )


@transaction.atomic
def plan_none(*, by: Actor, patient: str, uid: str, reason: str) -> Replanning:
    """There will be no session in its place: somebody says so, with the reason."""
    session = _to_replan(by, patient, uid)
    if not reason.strip():
        raise InputError("the reason is missing", remedy="write why none is planned", where="reason")
    return _decide(by, session, reason=reason.strip())


def _to_replan(by: Actor, patient: str, uid: str) -> Session:
    session = session_for(by, patient, uid, Permission.PLAN_COURSE)
    # The course may end at this moment, which gives up what is planned in it; so the course comes first.
    session.course = Course.objects.select_for_update().get(pk=session.course_id)
    # Two people may answer the same task at once.
    session.state = Session.objects.select_for_update().get(pk=session.pk).state
    if session.state != Session.State.ABORTED:
        raise InputError(
            "only a session that ended without a dose is re-planned here",
            value=session.get_state_display(),
            remedy="move the session, or end it without a dose first",
        )
    decided = replanning_of(session)
    if decided is not None:
        raise InputError(
            "this is decided already",
            value=f"by {decided.decided_by.name}, {localtime(decided.decided_at):%d %b %H:%M}",
            remedy="look at the course",
        )
    if session.course.ended_at is not None:
        raise InputError("this course has ended", remedy="plan another course")
    return session


def _decide(
    by: Actor,
    session: Session,
    *,
    in_its_place: Session | None = None,
    reason: str = "",
    with_it: Sequence[str] = (),
) -> Replanning:
    row = Replanning.objects.create(
        session=session,
        in_its_place=in_its_place,
        reason=reason,
        decided_by_id=by.staff_id,
        decided_at=now(),
    )
    record(
        "session.replanned",
        by=by,
        entity="session",
        uid=session.uid,
        patient=session.patient.uid,
        reason=reason,
        detail={"in_its_place": in_its_place.uid if in_its_place else "", "with_it": list(with_it)},
    )
    return row
