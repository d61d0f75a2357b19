"""What somebody means who types into the search: a name, a code, a birth date, a telephone number."""

from __future__ import annotations

import re
from calendar import month_abbr
from dataclasses import dataclass
from datetime import date

from openkap.care.accounts.telephone import TELEPHONE
from openkap.care.patients.names import search_form
from openkap.care.patients.telephones import shared_digits

_YEAR_FIRST = re.compile(r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})$")
_YEAR_LAST = re.compile(r"(\d{1,2})[-./](\d{1,2})[-./](\d{4})$")
_IN_WORDS = re.compile(r"(?:(\d{1,2})\.?\s+([a-z]{3,9})|([a-z]{3,9})\s+(\d{1,2}))\.?,?\s+(\d{4})$")
_MONTHS = {month_abbr[number].lower(): number for number in range(1, 13)}


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is looked for, each part with no or some values."""

    statuses: list[str]
    days: list[date]
    words: list[str]
    texts: list[str]
    telephones: list[str]

    @property
    def read_as(self) -> str:
        """How a birth date was understood; empty for everything else."""
        return " or ".join(f"{day.day} {day:%B %Y}" for day in self.days if day != date.min)


def criteria(text: str, status: str = "") -> Criteria:
    """What these words look for; of a date that can be read in two ways, both."""
    statuses, text = [status] if status else [], text.strip()
    days = _days(text)
    if days or not text:
        return Criteria(statuses, days, [], [], [])
    shared = shared_digits(text) if TELEPHONE.fullmatch(text) else ""
    telephones = [shared] if shared else []
    return Criteria(statuses, [], search_form(text.replace(",", " ")).split(), [text], telephones)


def _days(text: str) -> list[date]:
    if found := _YEAR_FIRST.match(text):
        year, month, day = map(int, found.groups())
        return _among((year, month, day))
    if found := _YEAR_LAST.match(text):
        first, second, year = map(int, found.groups())
        return _among((year, second, first), (year, first, second))
    if found := _IN_WORDS.match(text.lower()):
        day_before, month_after, month_before, day_after, in_year = found.groups()
        number = _MONTHS.get((month_after or month_before)[:3])
        return _among((int(in_year), number, int(day_before or day_after))) if number else []
    return []


def _among(*wanted: tuple[int, int, int]) -> list[date]:
    days = []
    for each in wanted:
        try:
            days.append(date(*each))
        except ValueError:
            continue
    # No day of any calendar: nobody was born on it.
    return list(dict.fromkeys(days)) or [date.min]
