"""How far back and how far apart the watch over a session looks: times from content, each with its source."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from pydantic import field_validator

from openkap.core.content import SHIPPED, Schema, Tally, read_document
from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.core.source import Grade

NEWEST = "1.0.0"
NEEDED = (
    *("sustained", "counts_for_leaving", "before_first", "escalates_after", "form_middle", "form_near"),
    "pump_entered_within",
)


class Window(Schema):
    """One time, where it comes from, and how sure that is."""

    id: str
    title: str
    value: str
    grade: Grade
    sources: tuple[str, ...]
    basis: str

    @field_validator("value")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        Quantity.parse(text).number("min")
        return text


class Windows(Schema):
    """All times of the watch."""

    version: str
    windows: tuple[Window, ...]

    @field_validator("windows")
    @classmethod
    def _is_complete(cls, windows: tuple[Window, ...]) -> tuple[Window, ...]:
        missing = sorted(set(NEEDED) - {each.id for each in windows})
        if missing:
            raise InputError("times of the watch are missing", value=", ".join(missing), remedy="add them")
        return windows

    def minutes(self, name: str) -> float:
        """The time of that name, in minutes."""
        return next(Quantity.parse(each.value).number("min") for each in self.windows if each.id == name)

    def span(self, name: str) -> timedelta:
        """The time of that name."""
        return timedelta(minutes=self.minutes(name))


@lru_cache(maxsize=4)
def windows(root: Path = SHIPPED) -> Windows:
    """The times in force."""
    return read_document(root / "monitoring" / f"windows-{NEWEST}.yaml").parse(Windows)


def tally(root: Path = SHIPPED) -> list[Tally]:
    """The times read and checked, for ``openkap check``."""
    return [Tally.of("times of the watch", lambda: windows(root).windows)]
