"""Where a visit goes: at its usual time, else at the next free one inside its window. Values; no rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.utils.timezone import localtime

# How finely a diary is looked through: of the program, not of a therapy.
STEP = timedelta(minutes=30)
OPEN, USED = "the opening hours", "the hours in which the chairs are used"


@dataclass(frozen=True, slots=True)
class Placed:
    """A time, and what stood in the way of the usual one; no words where nothing did."""

    at: datetime
    because: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """From when to when visits are put, by the clinic's own clock, and what these hours are."""

    opens: time
    closes: time
    words: str = USED

    def __str__(self) -> str:
        return f"{self.opens:%H:%M} to {self.closes:%H:%M}"

    @property
    def is_stated(self) -> bool:
        """Whether the site says so itself."""
        return self.words == OPEN

    def outside(self, dates: Iterable[tuple[str, datetime, datetime]]) -> list[str]:
        """What falls outside: possible where somebody opens earlier, and worth a look."""
        return [
            f"{what} on {localtime(starts):%a %-d %b} is at {localtime(starts):%H:%M}, "
            f"outside {self.words} ({self})"
            for what, starts, ends in dates
            if localtime(starts).time() < self.opens or localtime(ends).time() > self.closes
        ]

    def of_the_day(self, usual: datetime, minutes: int) -> Iterator[datetime]:
        """The other times of a day, later ones first, each nearest to the usual one first."""
        own, length = localtime(usual), timedelta(minutes=minutes)
        opens, closes = (own.replace(hour=at.hour, minute=at.minute) for at in (self.opens, self.closes))
        later = own + STEP
        while later + length <= closes:
            if later >= opens:
                yield later
            later += STEP
        earlier = own - STEP
        while earlier >= opens:
            if earlier + length <= closes:
                yield earlier
            earlier -= STEP


@dataclass(frozen=True, slots=True)
class Diary:
    """When the people of a visit are free, within the clinic's hours."""

    hours: Hours
    # What is in the way from one moment to another; empty when nothing is.
    clash: Callable[[datetime, datetime], str]

    def place(
        self,
        wished: Sequence[Sequence[datetime]],
        minutes: int,
        *,
        refused: Callable[[datetime], str] = lambda at: "",
    ) -> Placed | None:
        """The first free time: of each group of days the usual times first, then their other hours.

        ``refused`` says what else is in the way of a time, such as its window. ``None``: nothing is free.
        """
        length = timedelta(minutes=minutes)

        def said(at: datetime) -> str:
            return refused(at) or self.clash(at, at + length)

        because = ""
        for group in wished:
            others = (at for day in group for at in self.hours.of_the_day(day, minutes))
            for at in (*group, *others):
                if not (words := said(at)):
                    return Placed(at, because)
                because = because or f"instead of {localtime(at):%a %-d %b %H:%M}: {words}"
        return None
