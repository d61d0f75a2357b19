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
from openkap.care.treatment.planning.conflicts import Slot, Taken, between
from openkap.care.treatment.planning.diaries import diary_of
from openkap.care.treatment.planning.placing import Diary, Hours, Placed
from openkap.care.treatment.planning.plan import DAY, SATURDAY, WEEK, Dose


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
    def because(self) -> str:
        """Why it goes where it goes."""
        said = f"its window is {self.window}, on a day without a dose"
        return f"{said}; {self.at.because}" if self.at and self.at.because else said

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
    the day of a moved dose makes room in its window. One that the first dose passes moves by as many days
    as the dose, and so does each that this one would overtake: the rhythm of the therapy stays.
    """
    rows = sorted(visits, key=lambda each: each.starts_at)
    first_was, first = (min(localdate(each.starts_at) for each in some) for some in (before, doses))
    was = {each.number: localdate(each.starts_at) for each in before}
    new_days = {localdate(each.starts_at) for each in moved} - {was.get(each.number) for each in moved}
    made: list[Along] = []
    last = passed = first
    for place, visit in enumerate(rows):
        day = wish = localdate(visit.starts_at)
        if day <= first_was:
            continue
        if day <= passed:
            wish += first - first_was
        elif day not in new_days and not _is_under(visit, moved):
            last = max(last, day)
            continue
        window = last, _behind(rows, place, wish)
        groups = _days(visit, wish, window, {localdate(each.starts_at) for each in doses}, with_others)
        made.append(Along(visit, diary(visit).place(groups, visit.minutes), *window))
        found = made[-1].at
        last = passed = localdate(found.at) if found else max(last, wish)
    return made


def diaries_round(
    slots: Sequence[Slot], held: Taken, hours: Hours, sessions: Sequence[int], gone: Sequence[int]
) -> Callable[[Visit], Diary]:
    """Each visit's diary: round what is held and round the dates that are new themselves.

    ``sessions`` and ``gone`` are rows that leave their place: sessions, and visits.
    """

    def diary(visit: Visit) -> Diary:
        stays = diary_of(
            held, hours, visit.therapist, visit.patient_id, except_sessions=sessions, except_visits=gone
        )

        def clash(starts_at: datetime, ends_at: datetime) -> str:
            own = Slot(starts_at, ends_at, "it", (visit.therapist,), patient=visit.patient_id)
            return stays.clash(starts_at, ends_at) or next(
                (words for each in slots for words in between(own, each)), ""
            )

        return Diary(hours, clash)

    return diary


def _behind(rows: Sequence[Visit], place: int, wish: date) -> date:
    """The day of the next visit that is not passed itself; where there is none, its own rhythm further."""
    ahead = (day for each in rows[place + 1 :] if (day := localdate(each.starts_at)) > wish)
    rhythm = rows[place].starts_at - rows[place - 1].starts_at if place else WEEK
    return next(ahead, wish + max(rhythm, DAY))


def _is_under(visit: Visit, moved: Sequence[Dose]) -> bool:
    ends_at = visit.starts_at + timedelta(minutes=visit.minutes)
    return any(each.starts_at < ends_at and visit.starts_at < each.ends_at for each in moved)


def _days(
    visit: Visit, wish: date, window: tuple[date, date], dosing_days: Set[date], with_others: Set[date]
) -> list[list[datetime]]:
    """The days between the two without a dose: without another visit first, then the nearest."""
    after, before = window
    days = [after + DAY * count for count in range(1, (before - after).days)]
    own = localtime(visit.starts_at)
    if own.weekday() < SATURDAY:
        days = [day for day in days if day.weekday() < SATURDAY]

    def worth(day: date) -> tuple[bool, timedelta, bool]:
        return day in with_others, abs(day - wish), day < wish

    return [[own + (day - own.date())] for day in sorted(days, key=worth) if day not in dosing_days]
