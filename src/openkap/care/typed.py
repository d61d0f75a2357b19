"""Days, moments, amounts and counts as people type them: read or refused, inside limits that nothing behind
them breaks on. The limits are those of calendars and columns, not of medicine.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from openkap.core.errors import InputError

# Far enough from both ends of the calendar for a time zone, a window or a course to be added.
FIRST_DAY = date(1900, 1, 1)
LAST_DAY = date(2199, 12, 31)
# A kilogram in milligrams: a thousandfold of it still fits every column, in micrograms too.
LARGEST_AMOUNT = Decimal(1_000_000)
FINEST_AMOUNT = Decimal("0.000001")
LARGEST_COUNT = 999_999


def moment_typed(text: str, *, where: str) -> datetime | None:
    """A ``datetime-local`` field in the clinic's time zone, or an ISO moment; ``None`` when empty."""
    text = text.strip()
    if not text:
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise InputError(
            "this is not a time",
            value=text,
            limit="such as 2026-11-23T10:40",
            remedy="correct it",
            where=where,
        )
    refuse_far(found.date(), text, where=where)
    return found if timezone.is_aware(found) else timezone.make_aware(found)


def day_typed(text: str, *, where: str) -> date:
    """A day from a date field."""
    try:
        found = parse_date(text.strip())
    except ValueError:
        found = None
    if found is None:
        raise InputError(
            "this is not a day", value=text, limit="such as 2027-03-31", remedy="correct it", where=where
        )
    refuse_far(found, text, where=where)
    return found


def refuse_far(day: date, text: str, *, where: str) -> None:
    """Refuse a day at the ends of the calendar, where adding a day or a zone breaks."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise InputError(
            "this day is too far away",
            value=text,
            limit=f"{FIRST_DAY} to {LAST_DAY}",
            remedy="correct the year",
            where=where,
        )


def amount_typed(text: str, *, where: str) -> Decimal | None:
    """A decimal number with a point; ``None`` when empty."""
    text = text.strip()
    if not text:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise InputError(
            "this is not a number",
            value=text,
            limit="digits with a point, such as 35.5",
            remedy="correct it",
            where=where,
        )
    if abs(found) > LARGEST_AMOUNT:
        raise InputError(
            "this number is too large",
            value=text,
            limit=f"{LARGEST_AMOUNT:,}",
            remedy="count the digits",
            where=where,
        )
    if found and (abs(found) < FINEST_AMOUNT or found % FINEST_AMOUNT):
        raise InputError(
            "this number is too fine",
            value=text,
            limit=f"{FINEST_AMOUNT:f}",
            remedy="round it",
            where=where,
        )
    return found


def page_typed(text: str) -> int:
    """Which page of a list; the first where the address says nothing sensible."""
    try:
        return count_typed(text, where="page")
    except InputError:
        return 1


def count_typed(text: str, *, where: str) -> int:
    """A whole number; what it may be at most is known to what it counts."""
    text = text.strip()
    # ``isdigit`` alone takes what int() does not read, such as a superscript.
    is_whole = text.isascii() and text.isdecimal()
    if not is_whole or len(text) > len(str(LARGEST_COUNT)):
        raise InputError(
            "this number is too large" if is_whole else "this is not a whole number",
            value=text,
            limit=f"digits, up to {LARGEST_COUNT}",
            remedy="correct it",
            where=where,
        )
    return int(text)
