"""FHIR dates, which may be known to the year or the month only: a span from earliest to latest."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from openkap.core.clock import parse_moment
from openkap.core.errors import InputError
from openkap.interop.fhir.fields import Resource, choice, text
from openkap.protocol.facts import CLOCK_TOLERANCE_S

_PARTIAL = re.compile(r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2}))?")
# A date has no zone: it may begin elsewhere before it begins here. A time may be ahead by a clock's error.
DATE_AHEAD = timedelta(days=1)
TIME_AHEAD = timedelta(seconds=CLOCK_TOLERANCE_S)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The earliest and the latest moment that a written date can mean."""

    start: datetime
    end: datetime

    @property
    def is_exact(self) -> bool:
        """True when the day is known."""
        return self.end - self.start < timedelta(days=1)

    @property
    def day(self) -> date:
        """The day, for an exact span."""
        return self.start.date()

    def __str__(self) -> str:
        return self.start.date().isoformat() if self.is_exact else f"{self.start.date()} to {self.end.date()}"


def read_span(written: str, as_of: datetime) -> Span:
    """A FHIR date or dateTime as a span; ``InputError`` when it cannot be read or lies after ``as_of``."""
    span = _span(written)
    if span.start - as_of > (TIME_AHEAD if "T" in written else DATE_AHEAD):
        raise InputError(
            "a date in the future",
            value=written,
            limit=f"not after {as_of.date()}",
            remedy="ask the sender for the right date",
        )
    return span


def _span(written: str) -> Span:
    match = _PARTIAL.fullmatch(written.strip())
    if match is None:
        moment = parse_moment(written)
        return Span(moment, moment)
    year, month = int(match["year"]), match["month"]
    first, last = (int(month), int(month)) if month else (1, 12)
    if not (year >= 1900 and 1 <= first <= 12):
        parse_moment(written)  # refuses it in the words used for every date
    start = datetime(year, first, 1, tzinfo=UTC)
    last_day = calendar.monthrange(year, last)[1]
    return Span(start, datetime(year, last, last_day, 23, 59, tzinfo=UTC))


def span_of(resource: Resource, stem: str, as_of: datetime) -> Span | None:
    """When ``stem[x]`` says something was: a dateTime, or a period from its start to its end."""
    kind, value = choice(resource, stem)
    if not kind:
        return None
    if kind in ("DateTime", "Instant", "Date") and isinstance(value, str):
        return read_span(value, as_of)
    if kind == "Period" and isinstance(value, dict):
        return read_period(value, as_of)
    raise _no_date(stem, kind, value)


def read_period(period: Resource, as_of: datetime) -> Span | None:
    """A period as a span; an open end is open to ``as_of``."""
    start, end = text(period, "start"), text(period, "end")
    if not start and not end:
        return None
    last = read_span(end, as_of) if end else Span(as_of, as_of)
    first = read_span(start, as_of) if start else last
    return Span(min(first.start, last.start), last.end)


def _no_date(stem: str, kind: str, value: Any) -> InputError:
    return InputError(
        f"{stem} is given as {kind}, which names no date",
        value=value if isinstance(value, str) else None,
        limit="a date",
        remedy="ask for the date",
    )
