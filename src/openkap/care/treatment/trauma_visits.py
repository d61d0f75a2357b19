"""Trauma-focused visits when a dose moves: after the first dose, in their own order, never on a dosing day.

They hang on the course and not on one dose. The window of each is what lies between the one before it (or the
first dose) and the one after it, so that no treatment is overtaken by its own next visit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils.timezone import localdate, localtime

from openkap.care.treatment.models import Visit
from openkap.care.treatment.placing import Diary, Placed
from openkap.care.treatment.plan import DAY, SATURDAY, WEEK, Dose


@dataclass(frozen=True, slots=True)
class Along:
    """A visit that has to go: where to, or nowhere in the days that are left to it."""

    visit: Visit
    at: Placed | None
    after: date
    before: date

    @property
    def what(self) -> str:
        return f"{self.visit.get_kind_display().capitalize()} {self.visit.number}"

    @property
    def window(self) -> str:
        return f"after {self.after:%a %-d %b} and before {self.before:%a %-d %b}"

    @property
    def refusal(self) -> str:
        """Why the move cannot be, and what makes room for it."""
        who, was = self.visit.therapist.name, localtime(self.visit.starts_at)
        return (
            f"{self.what} ({was:%a %-d %b %H:%M}, {who}) has to make room and finds no free time "
            f"in its window, {self.window}, on a day without a dose: move that visit or its neighbour first"
        )


def go_along(
    visits: Sequence[Visit],
    before: Sequence[Dose],
    doses: Sequence[Dose],
    moved: Sequence[Dose],
    with_others: Set[date],
    diary: Callable[[Visit], Diary],
) -> list[Along]:
    """Where the planned visits go; those that a move leaves alone are not named.

    ``before`` and ``doses`` are all doses of the course as they were and as they would be; ``moved``
    those that get a new time; ``with_others`` the days on which the patient has another visit. A visit on
    the day of a moved dose makes room in its window. Where the first dose passes a visit, all that followed
    it move by as many days: the rhythm of the therapy stays.
    """
    rows = sorted(visits, key=lambda each: each.starts_at)
    first_was, first = (min(localdate(each.starts_at) for each in some) for some in (before, doses))
    follow = [each for each in rows if localdate(each.starts_at) > first_was]
    is_passed = any(localdate(each.starts_at) <= first for each in follow)
    shift = first - first_was if is_passed else timedelta(0)
    wished = {each.pk: localtime(each.starts_at) + (shift if each in follow else DAY * 0) for each in rows}
    was = {each.number: localdate(each.starts_at) for each in before}
    clashing = {
        localdate(each.starts_at) for each in moved if localdate(each.starts_at) != was.get(each.number)
    }
    made: list[Along] = []
    last = first
    for place, visit in enumerate(rows):
        wish = wished[visit.pk]
        if visit in follow and (shift or localdate(wish) in clashing or _is_under(visit, moved)):
            behind = wished[rows[place + 1].pk] if place + 1 < len(rows) else wish + _rhythm(rows, place)
            window = last, localdate(behind)
            groups = _days(wish, window, {localdate(each.starts_at) for each in doses}, with_others)
            made.append(Along(visit, diary(visit).place(groups, visit.minutes), *window))
            wish = made[-1].at.at if made[-1].at else wish
        last = max(last, localdate(wish))
    return made


def _rhythm(rows: Sequence[Visit], place: int) -> timedelta:
    """How far the last visit stands from the one before it: it is not put off further than that."""
    return rows[place].starts_at - rows[place - 1].starts_at if place else WEEK


def _is_under(visit: Visit, moved: Sequence[Dose]) -> bool:
    ends_at = visit.starts_at + timedelta(minutes=visit.minutes)
    return any(each.starts_at < ends_at and visit.starts_at < each.ends_at for each in moved)


def _days(
    wish: datetime, window: tuple[date, date], dosing_days: Set[date], with_others: Set[date]
) -> list[list[datetime]]:
    """The days between the two without a dose: without another visit first, then the nearest."""
    after, before = window
    days = [after + DAY * count for count in range(1, (before - after).days)]
    own = localdate(wish)
    if own.weekday() < SATURDAY:
        days = [day for day in days if day.weekday() < SATURDAY]

    def worth(day: date) -> tuple[bool, timedelta, bool]:
        return day in with_others, abs(day - own), day < own

    return [[wish + (day - own)] for day in sorted(days, key=worth) if day not in dosing_days]
