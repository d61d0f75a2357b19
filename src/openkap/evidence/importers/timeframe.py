"""Free-text times of registries ("Baseline and 24 hours post-infusion") as days and a window."""

from __future__ import annotations

import re
from dataclasses import dataclass

from openkap.evidence.study import Window

_UNITS = {
    "minute": 1 / 1440,
    "min": 1 / 1440,
    "hour": 1 / 24,
    "hr": 1 / 24,
    "h": 1 / 24,
    "day": 1.0,
    "week": 7.0,
    "wk": 7.0,
    "month": 30.4375,
    "year": 365.25,
}
_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "eight": 8, "twelve": 12}
_UNIT = r"(minutes?|mins?|hours?|hrs?|h|days?|weeks?|wks?|months?|years?)"
_NUMBER = rf"(\d+(?:\.\d+)?|{'|'.join(_WORDS)})"
_AMOUNT = re.compile(rf"\b{_NUMBER}[\s-]*{_UNIT}\b", re.IGNORECASE)
_NAMED = re.compile(rf"\b{_UNIT}\s+{_NUMBER}\b", re.IGNORECASE)
_LISTED = re.compile(rf"\b(?:{_NUMBER}\s*(?:,|and|&|or|to|-|/)\s*)+{_NUMBER}[\s-]*{_UNIT}\b", re.IGNORECASE)
_LISTED_AFTER = re.compile(
    rf"\b{_UNIT}\s+{_NUMBER}(?:\s*(?:,|and|&|or|to|-|/)\s*)+{_NUMBER}\b(?!\s*{_UNIT}\b)", re.IGNORECASE
)
_AFTER_LAST = re.compile(
    r"\b(after|post|following)[\s-]+(the\s+)?(last|final|end of)\b|\bfollow-?up\b|\bpost-?treatment\b",
    re.IGNORECASE,
)
# "7 days following each injection" is as many times as there are injections.
_EACH = re.compile(
    r"\b(each|every)\s+(\w+\s+)?(dose|infusion|injection|session|treatment|administration)s?\b", re.IGNORECASE
)
_BASELINE = re.compile(r"\b(baseline|screening|pre-?treatment|pre-?dose|pre-?infusion)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Time:
    """``days`` is ``None`` where the text names no single time; ``several`` when it names more than one.

    ``after_last`` when the days count from the last dose, not the first.
    """

    days: float | None
    window: Window
    several: bool = False
    after_last: bool = False


def read_time(text: str) -> Time:
    """The time an outcome belongs to.

    Baseline beside one later time is a change to that time. Two different later times are not guessed
    between: the answer is "unclear" and says that there were several.
    """
    if _LISTED.search(text) or _LISTED_AFTER.search(text) or _EACH.search(text):
        return Time(None, Window.UNCLEAR, several=True)
    times = {
        _days(number, unit)
        for number, unit in [
            *((m.group(1), m.group(2)) for m in _AMOUNT.finditer(text)),
            *((m.group(2), m.group(1)) for m in _NAMED.finditer(text) if not _AMOUNT.search(m.group(0))),
        ]
    }
    if len(times) > 1:
        return Time(None, Window.UNCLEAR, several=True)
    if times:
        days = times.pop()
        if _AFTER_LAST.search(text):
            return Time(days, window_after_last(days), after_last=True)
        return Time(days, window_of(days))
    if _BASELINE.search(text):
        return Time(0.0, Window.BASELINE)
    return Time(None, Window.UNCLEAR)


def _days(number: str, unit: str) -> float:
    count = float(_WORDS.get(number.lower(), 0) or number)
    name = unit.lower().rstrip("s") if unit.lower() not in ("h",) else "h"
    return count * _UNITS[name]


def window_of(days: float) -> Window:
    """The window of a time in days from the first dose; limits are those of ``docs/evidence_base.md``."""
    limits = (
        (0.0, Window.BASELINE),
        (0.5, Window.ACUTE),
        (2.5, Window.DAY_1),
        (28.5, Window.END_OF_COURSE),
        (60.0, Window.MONTH_1),
        (135.0, Window.MONTH_3),
    )
    return next((window for limit, window in limits if days <= limit), Window.LATER)


def window_after_last(days: float) -> Window:
    """The window of a time counted from the last dose: a follow-up is never the end of the course."""
    limits = ((2.5, Window.END_OF_COURSE), (60.0, Window.MONTH_1), (135.0, Window.MONTH_3))
    return next((window for limit, window in limits if days <= limit), Window.LATER)
