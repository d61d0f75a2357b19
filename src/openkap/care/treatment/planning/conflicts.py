"""What stands in the way of a date: a taken chair, a person in two places, a window that is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import combinations

from django.db.models import Q, QuerySet
from django.utils.timezone import localtime

from openkap.care.accounts.credentials import NotQualified, require_qualified
from openkap.care.accounts.models import Staff
from openkap.care.permissions import Role
from openkap.care.prepared import prepared
from openkap.care.treatment.models import Chair, Session, Visit
from openkap.core.errors import InputError

GIVEN_UP = ("cancelled", "aborted", "missed")
# A visit holds only its start and length; none lasts longer than this.
LONGEST_VISIT = timedelta(hours=12)
# As far as any diary goes.
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of somebody's time and of a chair."""

    starts_at: datetime
    ends_at: datetime
    what: str
    staff: tuple[Staff, ...] = ()
    chair: Chair | None = None
    # Whose time it is: nobody is treated and seen at the same time. None for a visit beside the own dose.
    patient: int | None = None
    # Rows that move with it and do not stand in its way.
    except_sessions: tuple[int, ...] = ()
    except_visits: tuple[int, ...] = ()


def whose_time(kind: str, patient: int) -> int | None:
    """Whose time a visit takes: on the day of a dose it is beside the dose, by intent."""
    return None if kind == Visit.Kind.DOSING_DAY else patient


@dataclass(frozen=True, slots=True)
class Taken:
    """What stands in the diaries of chairs, people and patients, read once."""

    sessions: Sequence[Session]
    visits: Sequence[Visit]

    def in_the_way(self, slot: Slot) -> Iterator[str]:
        """In words, everything that wants the same chair, person or patient at the same time."""
        people = {person.pk for person in slot.staff}
        for other in self.sessions:
            if other.pk in slot.except_sessions or not _overlap(slot, other.starts_at, other.ends_at):
                continue
            span = span_words(other.starts_at, other.ends_at)
            if slot.chair and other.chair_id == slot.chair.pk:
                yield f"{other.chair.name} is taken {span}"
            if other.nurse_id in people:
                yield f"{other.nurse.name} has a session {span}"
            if other.patient_id == slot.patient:
                yield f"the patient has session {other.number} {span}"
        for visit in self.visits:
            ends_at = visit.starts_at + timedelta(minutes=visit.minutes)
            if visit.pk in slot.except_visits or not _overlap(slot, visit.starts_at, ends_at):
                continue
            span = span_words(visit.starts_at, ends_at)
            if visit.therapist_id in people:
                yield f"{visit.therapist.name} has a visit {span}"
            if visit.patient_id == slot.patient and visit.kind != Visit.Kind.DOSING_DAY:
                yield f"the patient has {visit.get_kind_display()} {visit.number} {span}"

    def conflicts_of(self, slots: Sequence[Slot]) -> list[str]:
        """Every conflict in words, each with what is in the way: rows that are there, and slot with slot."""
        said = [f"{slot.what}: {words}" for slot in slots for words in self.in_the_way(slot)]
        return said + [each for one, other in combinations(slots, 2) for each in between(one, other)]


def taken(
    first: datetime,
    last: datetime,
    *,
    chairs: Iterable[Chair] = (),
    people: Iterable[Staff] = (),
    patients: Iterable[int] = (),
) -> Taken:
    """What these chairs, people and patients have between two moments."""
    seats, staff = sorted({each.pk for each in chairs}), sorted({each.pk for each in people})
    whose = sorted(set(patients))
    return Taken(
        _sessions(first, last, seats, staff, whose), _visits(first - LONGEST_VISIT, last, staff, whose)
    )


@prepared
def _sessions(
    first: datetime, last: datetime, chairs: list[int], people: list[int], patients: list[int]
) -> QuerySet[Session]:
    found = Session.objects.filter(starts_at__lt=last, ends_at__gt=first)
    found = found.filter(Q(chair_id__in=chairs) | Q(nurse_id__in=people) | Q(patient_id__in=patients))
    return found.exclude(state__in=GIVEN_UP).select_related("chair", "nurse")


@prepared
def _visits(first: datetime, last: datetime, people: list[int], patients: list[int]) -> QuerySet[Visit]:
    found = Visit.objects.filter(starts_at__lt=last, starts_at__gt=first)
    found = found.filter(Q(therapist_id__in=people) | Q(patient_id__in=patients))
    return found.exclude(state__in=GIVEN_UP).select_related("therapist")


def conflicts_of(slots: Iterable[Slot]) -> list[str]:
    """Every conflict of these dates with what is planned, and with each other."""
    slots = list(slots)
    if not slots:
        return []
    return taken(
        min(slot.starts_at for slot in slots),
        max(slot.ends_at for slot in slots),
        chairs=[slot.chair for slot in slots if slot.chair],
        people=[person for slot in slots for person in slot.staff],
        patients=[slot.patient for slot in slots if slot.patient],
    ).conflicts_of(slots)


def between(one: Slot, other: Slot) -> list[str]:
    """Two dates of the same plan that want the same person, chair or patient at the same time."""
    if not _overlap(one, other.starts_at, other.ends_at):
        return []
    taken = [person.name for person in one.staff if person in other.staff]
    if one.chair and one.chair == other.chair:
        taken.append(one.chair.name)
    if one.patient and one.patient == other.patient:
        taken.append("the patient")
    span = span_words(other.starts_at, other.ends_at)
    return [f"{one.what} and {other.what} both need {' and '.join(taken)} {span}"] if taken else []


def _overlap(slot: Slot, starts_at: datetime, ends_at: datetime) -> bool:
    return slot.starts_at < ends_at and starts_at < slot.ends_at


def span_words(starts_at: datetime, ends_at: datetime) -> str:
    """From when to when."""
    return f"{localtime(starts_at):%d %b %H:%M} to {localtime(ends_at):%H:%M}"


def unfit(needed: Iterable[tuple[Staff, Role, date]]) -> list[InputError]:
    """Who does not meet what their part needs on that day: nobody is assigned who does not."""
    found = []
    for person, role, day in needed:
        try:
            require_qualified(person.pk, role, on=day)
        except NotQualified as refused:
            found.append(
                InputError(
                    f"{person.name}: {refused.what}",
                    value=f"{day:%d %b %Y}",
                    remedy=refused.remedy,
                    where=role.value,
                )
            )
    return found


def in_words(refused: InputError) -> str:
    """A refusal as one line of a list."""
    return "; ".join(str(part) for part in (refused.what, refused.value, refused.remedy) if part)


def hold(chairs: Iterable[Chair], people: Iterable[Staff]) -> None:
    """Until the transaction ends nobody else takes these chairs or people: always in the same order."""
    for rows, wanted in ((Chair.objects.all(), chairs), (Staff.objects.all(), people)):
        held = rows.filter(pk__in={each.pk for each in wanted}).order_by("pk")
        list(held.select_for_update().values_list("pk", flat=True))


def refuse_unseen(now_shown: str, seen: str | None) -> None:
    """What is done is what was on the screen; ``None`` is an act without a screen."""
    if seen is not None and seen != now_shown:
        raise InputError(
            "these dates are not the ones you have seen" if seen else "nobody has looked at these dates",
            remedy="look at them below, then confirm",
            where="seen",
        )
