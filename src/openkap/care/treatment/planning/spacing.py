"""How far apart the doses of a course are: what its pattern keeps, in words a person can act on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import pairwise

from django.utils.timezone import localdate, localtime

from openkap.care.treatment.models import Course
from openkap.care.treatment.planning.plan import Dose
from openkap.protocol.model import Protocol


def days_of(course: Course, protocol: Protocol) -> tuple[int, ...]:
    """The days of the course's pattern; none where the protocol leaves them to the site."""
    return next((each.days for each in protocol.courses if each.id == course.pattern), None) or ()


def least_gap(days: tuple[int, ...]) -> int:
    """The smallest number of days between two doses of the pattern; 0 where it has one dose."""
    return min((after - before for before, after in pairwise(days)), default=0)


def spacing(
    doses: Iterable[Dose], moved: Collection[int], days: tuple[int, ...]
) -> tuple[list[str], list[str]]:
    """What refuses and what warns: closer than the pattern's smallest gap, further than all of it lasts.

    ``moved`` are the numbers of the doses that get a new time. A wide gap after one of them only warns: the
    sessions that follow can be brought forward next.
    """
    if len(days) < 2:
        return [], []
    least, most = least_gap(days), days[-1] - days[0]
    problems, warnings = [], []
    for before, after in pairwise(sorted(doses, key=lambda each: each.starts_at)):
        both = before.number in moved and after.number in moved
        if before.number not in moved and after.number not in moved:
            continue
        mover, other = (after, before) if after.number in moved else (before, after)
        apart = (localdate(after.starts_at) - localdate(before.starts_at)).days
        side = "after" if mover is after else "before"
        words = f"{_who(mover, moved)} is {_distance(apart, side)} session {other.number} ({_day(other)})"
        if apart < least:
            problems.append(f"{words}; this course keeps at least {_days(least)} between doses")
        elif apart > most and not both and mover is after:
            problems.append(f"{words}; this course lasts {_days(most)} as a whole: end it, plan another")
        elif apart > most and not both:
            warnings.append(
                f"{words}; this course lasts {_days(most)} as a whole: bring that session forward too"
            )
    return problems, warnings


def _who(dose: Dose, moved: Collection[int]) -> str:
    return f"session {dose.number} on {_day(dose)}" if len(moved) > 1 else _day(dose)


def _day(dose: Dose) -> str:
    return f"{localtime(dose.starts_at):%a %-d %b}"


def _distance(days: int, side: str) -> str:
    return f"{_days(days)} {side}" if days else "the day of"


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"
