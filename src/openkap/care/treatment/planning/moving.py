"""What a move would change: the session, the later ones if asked, their visits and what is due."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import TextChoices
from django.utils.timezone import localdate, localtime

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.accounts.signing import fingerprint
from openkap.care.enrolment.protocols import protocol_of
from openkap.care.moment import now
from openkap.care.permissions import Role
from openkap.care.treatment.access import chairs_of, colleague_as
from openkap.care.treatment.models import Chair, DueItem, Session, Visit
from openkap.care.treatment.planning.conflicts import (
    FOREVER,
    Slot,
    Taken,
    in_words,
    taken,
    unfit,
    whose_time,
)
from openkap.care.treatment.planning.diaries import diary_of, hours_of
from openkap.care.treatment.planning.due_dates import due_after, with_a_dose
from openkap.care.treatment.planning.held import held_since, session_says
from openkap.care.treatment.planning.placing import Hours, Placed
from openkap.care.treatment.planning.plan import (
    DAY,
    SATURDAY,
    Dose,
    PlannedSession,
    PlannedVisit,
    place_integration,
    weekend_words,
    window_of,
)
from openkap.care.treatment.planning.spacing import days_of, least_gap, spacing
from openkap.care.treatment.planning.trauma_visits import Along, diaries_round, go_along
from openkap.core.errors import InputError
from openkap.protocol.model import Protocol

# How far ahead the next day with a free chair is looked for: a bound of the program.
DAYS_AHEAD = 14


class Later(TextChoices):
    """What becomes of the sessions after the one that moves."""

    STAY = "stay", "stay where they are"
    ALONG = "along", "move by the same number of days"
    LEAST = "least", "move only as far as the days between doses need"


@dataclass(frozen=True, slots=True)
class Change:
    """One date that moves."""

    what: str
    before: datetime
    after: datetime
    why: str = ""
    visit: Visit | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """One session at its new time and place."""

    row: Session
    starts_at: datetime
    chair: Chair
    nurse: Staff

    @property
    def number(self) -> int:
        return self.row.number

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + (self.row.ends_at - self.row.starts_at)

    @property
    def what(self) -> str:
        return f"Session {self.row.number}"


@dataclass(frozen=True)
class Move:
    """A session moved, with everything that moves with it and what stands in the way."""

    sessions: tuple[Moved, ...]
    changes: tuple[Change, ...]
    due_items: int
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    # Later sessions could go along, which might clear the way.
    may_take_later: bool
    # Of every date and person shown: what is moved is what was seen.
    fingerprint: str


def later_than(session: Session) -> list[Session]:
    """The sessions of the course after this one that are still planned."""
    rows = with_a_dose(session.course).filter(state=Session.State.PLANNED, starts_at__gt=session.starts_at)
    return list(rows.select_related("chair", "nurse", "prescriber"))


def preview_move(
    *,
    by: Actor,
    session: Session,
    starts_at: datetime,
    chair: str = "",
    nurse: str = "",
    later: str = Later.STAY,
) -> Move:
    """What would happen: the session, the later ones as asked, their visits and what is due with them."""
    protocol = protocol_of(session.course.protocol, session.course.protocol_version)
    days = days_of(session.course, protocol)
    seat = chairs_of(by).filter(uid=chair).first() if chair else session.chair
    person = colleague_as(by, nurse, Role.NURSE) if nurse else session.nurse
    if seat is None:
        raise InputError("the chair is missing", remedy="choose one", where="chair")
    others = list(with_a_dose(session.course).exclude(pk=session.pk))
    after = later_than(session)
    visits = _visits_of(session)
    held = taken(
        min(now(), starts_at),
        FOREVER,
        chairs=[seat, *(each.chair for each in after)],
        people=[person, *(each.nurse for each in after), *(each.therapist for each in visits)],
        patients=[session.patient_id],
    )
    first = Moved(session, starts_at, seat, person)
    moved = [first, *_follow(first, after, later, least_gap(days), held, visits)]
    doses = _doses(others, moved)
    changes = [Change(each.what, each.row.starts_at, each.starts_at) for each in moved]
    hours = _hours(by, moved)
    changes += _visits_that_move(moved, doses, visits, protocol, held, hours)
    along = _trauma_focused(visits, [session, *others], doses, moved, changes, held, hours)
    changes += [_along(each, each.at) for each in along if each.at]
    stuck = [each for each in along if each.at is None]
    ends = [
        (each.what, each.after, each.after + timedelta(minutes=each.visit.minutes))
        for each in changes
        if each.visit
    ]
    going = {each.row.pk for each in moved}
    stay = [each for each in others if each.pk not in going]
    problems = _order_problems(first, stay, is_first=all(o.starts_at > session.starts_at for o in others))
    too_near_or_far, wide = (
        spacing(doses, [each.number for each in moved], days) if starts_at != session.starts_at else ([], [])
    )
    problems += too_near_or_far
    problems += [
        f"{each.what} would be in the past" for each in changes if each.visit and each.after <= now()
    ]
    problems += [in_words(each) for each in unfit(_needed(moved, changes))]
    problems += [each.refusal for each in stuck]
    problems += held.conflicts_of(_slots(moved, changes, [each.visit.pk for each in stuck]))
    if held_words := session_says(session.state, held_since(session.patient_id)):
        wide = [f"{held_words}; no dose starts on the new day either, unless consent is given anew", *wide]
    seen = [(each.what, each.before, each.after) for each in changes]
    people = [(each.chair.uid, each.nurse.uid) for each in moved]
    return Move(
        tuple(moved),
        tuple(changes),
        _due_items(session, going, others, doses),
        tuple(dict.fromkeys(problems)),
        (*wide, *weekend_words((each.what, each.after) for each in changes), *hours.outside(ends)),
        later == Later.STAY and bool(after) and localdate(starts_at) != localdate(session.starts_at),
        fingerprint(repr((seen, people))),
    )


def _visits_of(session: Session) -> list[Visit]:
    """The planned visits that may have to follow a dose of the course, in the order of the doses."""
    kinds = (Visit.Kind.DOSING_DAY, Visit.Kind.INTEGRATION, Visit.Kind.TRAUMA)
    rows = Visit.objects.filter(course=session.course, kind__in=kinds, state=Visit.State.PLANNED)
    return list(rows.select_related("therapist", "session").order_by("session__starts_at", "id"))


def _hours(by: Actor, moved: Sequence[Moved]) -> Hours:
    return hours_of(by.clinic_id, now(), [(each.starts_at, each.ends_at) for each in moved])


def _follow(
    first: Moved,
    after: Sequence[Session],
    later: str,
    least: int,
    held: Taken,
    visits: Sequence[Visit],
) -> list[Moved]:
    """The later sessions at their own hours: all by as many days, or only where one is too near."""
    days = (localdate(first.starts_at) - localdate(first.row.starts_at)).days
    if later == Later.STAY or not days:
        return []
    if later == Later.ALONG:
        return [_by_days(each, days) for each in after]
    made: list[Moved] = []
    # Their own visits make room for them.
    going = (first.row.pk, *(each.pk for each in after)), tuple(each.pk for each in visits)
    last = localdate(first.starts_at)
    for row in after:
        if (localdate(row.starts_at) - last).days >= least:
            break
        made.append(_next_free(row, last + DAY * least, going, held))
        last = localdate(made[-1].starts_at)
    return made


def _by_days(row: Session, days: int) -> Moved:
    # By the clinic's clock: the hour stays when summer time begins or ends.
    return Moved(row, localtime(row.starts_at) + DAY * days, row.chair, row.nurse)


def _next_free(
    row: Session, earliest: date, going: tuple[tuple[int, ...], tuple[int, ...]], held: Taken
) -> Moved:
    """The first working day from then on on which its chair and nurse are free at its hour."""
    own = localdate(row.starts_at)
    days = [_by_days(row, (earliest - own).days + more) for more in range(DAYS_AHEAD)]
    if own.weekday() < SATURDAY:
        days = [each for each in days if localdate(each.starts_at).weekday() < SATURDAY]
    free = (each for each in days if not any(held.in_the_way(_slot(each, *going))))
    return next(free, days[0])


def _doses(others: Sequence[Session], moved: Sequence[Moved]) -> list[PlannedSession]:
    """Every dose of the course as it would be."""
    new = {each.row.pk for each in moved}
    rows: list[Dose] = [*(each for each in others if each.pk not in new), *moved]
    return [PlannedSession(each.number, each.starts_at, each.ends_at) for each in rows]


def _visits_that_move(
    moved: Sequence[Moved],
    doses: Sequence[PlannedSession],
    visits: Sequence[Visit],
    protocol: Protocol,
    held: Taken,
    hours: Hours,
) -> list[Change]:
    """Beside the dose as the dose; integration where it would leave its window or be in the way of a dose."""
    new = {each.row.pk: each for each in moved}
    going = [each for each in visits if _has_to_go(each, new, protocol)]
    rows = [each.pk for each in going]
    placed: list[PlannedVisit] = []
    made = []
    for visit in going:
        own = visit.session
        if own is None:
            continue
        starts_at = new[own.pk].starts_at if own.pk in new else own.starts_at
        what = f"{visit.get_kind_display().capitalize()} {visit.number}"
        if visit.kind == Visit.Kind.DOSING_DAY:
            after = starts_at + (visit.starts_at - own.starts_at)
            made.append(Change(what, visit.starts_at, after, "same day as the dose", visit))
            continue
        diary = diary_of(
            held, hours, visit.therapist, visit.patient_id, except_sessions=list(new), except_visits=rows
        )
        at = place_integration(protocol, starts_at, doses, placed, diary, visit.minutes)
        placed.append(PlannedVisit(visit.kind, visit.number, at.at, visit.minutes))
        window = "{} to {} h".format(*protocol.therapy.integration.window_h)
        why = f"stays {window} after the dose" + (f"; {at.because}" if at.because else "")
        made.append(Change(what, visit.starts_at, at.at, why, visit))
    return made


def _trauma_focused(
    visits: Sequence[Visit],
    before: Sequence[Session],
    doses: Sequence[PlannedSession],
    moved: Sequence[Moved],
    changes: Sequence[Change],
    held: Taken,
    hours: Hours,
) -> list[Along]:
    """Those that make room, round the diaries and round the dates that move themselves."""
    rows = [each for each in visits if each.kind == Visit.Kind.TRAUMA]
    gone = [each.visit.pk for each in changes if each.visit] + [each.pk for each in rows]
    diary = diaries_round(_slots(moved, changes), held, hours, [each.row.pk for each in moved], gone)
    new = {each.visit.pk: each.after for each in changes if each.visit}
    with_others = {localdate(new.get(each.pk, each.starts_at)) for each in visits if each not in rows}
    return go_along(rows, before, doses, moved, with_others, diary)


def _along(each: Along, at: Placed) -> Change:
    return Change(each.what, each.visit.starts_at, at.at, each.because, each.visit)


def _has_to_go(visit: Visit, new: dict[int, Moved], protocol: Protocol) -> bool:
    session = new.get(visit.session_id or 0)
    if session is None:
        return visit.kind == Visit.Kind.INTEGRATION and _is_under(visit, new.values())
    if visit.kind == Visit.Kind.DOSING_DAY:
        return True
    low, high = window_of(protocol, session.starts_at)
    return not low <= visit.starts_at <= high or _is_under(visit, new.values())


def _is_under(visit: Visit, moved: Iterable[Moved]) -> bool:
    ends_at = visit.starts_at + timedelta(minutes=visit.minutes)
    return any(each.starts_at < ends_at and visit.starts_at < each.ends_at for each in moved)


def _order_problems(first: Moved, stay: Sequence[Session], *, is_first: bool) -> list[str]:
    said = []
    if first.starts_at <= now():
        said.append("the new time is in the past")
    for other in stay:
        # By time and not by number: a session in the place of another has the next free number.
        is_before = other.starts_at < first.row.starts_at
        if first.starts_at < other.ends_at if is_before else first.ends_at > other.starts_at:
            side = "after" if is_before else "before"
            said.append(
                f"it must stay {side} session {other.number} ({localtime(other.starts_at):%d %b %H:%M})"
            )
    preparing = Visit.objects.filter(
        course=first.row.course,
        kind=Visit.Kind.PREPARATION,
        state=Visit.State.PLANNED,
        starts_at__gte=first.starts_at,
    )
    if is_first and preparing.exists():
        said.append("a preparation visit would come after the first dose")
    return said


def _needed(moved: Sequence[Moved], changes: Sequence[Change]) -> list[tuple[Staff, Role, date]]:
    """Each person on the last day on which the move needs them."""
    last: dict[tuple[Staff, Role], date] = {}
    for each in moved:
        for person, role in ((each.row.prescriber, Role.PRESCRIBER), (each.nurse, Role.NURSE)):
            last[person, role] = max(localdate(each.starts_at), last.get((person, role), date.min))
    for change in changes:
        if change.visit is not None:
            key = change.visit.therapist, Role.THERAPIST
            last[key] = max(localdate(change.after), last.get(key, date.min))
    return [(person, role, day) for (person, role), day in last.items()]


def _slots(moved: Sequence[Moved], changes: Sequence[Change], stuck: Sequence[int] = ()) -> list[Slot]:
    going = tuple(each.row.pk for each in moved)
    rows = (*(change.visit.pk for change in changes if change.visit is not None), *stuck)
    slots = [_slot(each, going, rows) for each in moved]
    for change in changes:
        if (visit := change.visit) is not None:
            slots.append(
                Slot(
                    change.after,
                    change.after + timedelta(minutes=visit.minutes),
                    change.what,
                    (visit.therapist,),
                    patient=whose_time(visit.kind, visit.patient_id),
                    except_sessions=going,
                    except_visits=rows,
                )
            )
    return slots


def _slot(each: Moved, going: tuple[int, ...], visits: tuple[int, ...]) -> Slot:
    return Slot(
        each.starts_at,
        each.ends_at,
        each.what,
        (each.nurse,),
        each.chair,
        each.row.patient_id,
        going,
        visits,
    )


def _due_items(
    session: Session, going: set[int], others: Sequence[Session], doses: Sequence[PlannedSession]
) -> int:
    """How much that is due moves: with these sessions, and after the course where its last dose moves."""
    count = DueItem.objects.filter(session__in=going, done_at__isnull=True).count()
    before = max(each.starts_at for each in [session, *others])
    if max(each.starts_at for each in doses) != before:
        count += due_after(session.course).count()
    return count
