"""Time is aware of its zone, and the clock is handed in: nothing below reads the wall by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from openkap.core.errors import InputError

Clock = Callable[[], datetime]

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# FHIR's instant and dateTime with a time part: seconds may be left out in hand-written facts.
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def system_clock() -> datetime:
    """The wall clock, in UTC. Only the outermost layer (commands, pages) hands this in."""
    return datetime.now(UTC)


def fixed_clock(moment: datetime) -> Clock:
    """A clock that has stopped, for tests, examples and re-runs."""
    aware(moment)
    return lambda: moment


def aware(moment: datetime) -> datetime:
    """The same moment, or ``TypeError`` when it has no zone (a programmer's mistake)."""
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise TypeError(f"time without a zone: {moment!r}")
    return moment


def is_date_only(text: str) -> bool:
    """True for a date without a time, such as 2026-11-23."""
    return _DATE.fullmatch(text.strip()) is not None


def parse_moment(text: str, *, where: str | None = None, end_of_day: bool = False) -> datetime:
    """An ISO date or date-time as an aware moment.

    A date alone is the start of that day (its end with ``end_of_day``: "as of the 23rd" means what was known
    that day), a time without a zone is read as UTC. Raises
    ``InputError`` for anything else, years before 1900 included (a placeholder, not a date).
    """
    moment = _read_moment(text.strip())
    if moment is None:
        raise InputError(
            "not a date or time that can be read",
            value=text,
            limit="an ISO date from 1900 on, such as 2026-11-23 or 2026-11-23T10:40:00Z",
            remedy="write year, month and day with hyphens",
            where=where,
        )
    if end_of_day and is_date_only(text):
        return moment + timedelta(days=1, seconds=-1)
    return moment


@lru_cache(maxsize=4096)  # a record repeats its dates
def _read_moment(given: str) -> datetime | None:
    try:
        if _DATE.fullmatch(given):
            moment = datetime.combine(date.fromisoformat(given), time(), UTC)
        elif _DATETIME.fullmatch(given):
            moment = datetime.fromisoformat(given)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        else:
            return None
        return moment.astimezone(UTC) if moment.year >= 1900 else None
    except (ValueError, OverflowError):
        return None
