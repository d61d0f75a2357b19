"""By when a serious adverse event is reported: times of programmes from content, each with its source.

A site names the programmes it belongs to, and may sign a time of its own; without either there is no time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from pydantic import field_validator

from openkap.core.content import SHIPPED, Schema, Tally, read_document
from openkap.core.quantity import Quantity
from openkap.protocol.rules import Sourced

NEWEST = "1.0.0"


@dataclass(frozen=True, slots=True)
class ReportingTime:
    """How long after the clinic knew, and who says so."""

    within: timedelta
    why: str


def span_of(text: str) -> timedelta:
    """A time such as ``7 d``; ``InputError`` for anything else."""
    return timedelta(minutes=Quantity.parse(text).number("min"))


class Programme(Sourced):
    """A programme that wants serious adverse events of one drug, by when, and for whom that holds."""

    id: str
    title: str
    drug: str
    applies_to: str
    within: str

    @field_validator("within")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        span_of(text)
        return text

    @property
    def time(self) -> ReportingTime:
        """Its time, said with whom it holds for."""
        return ReportingTime(span_of(self.within), f"{self.title} ({self.applies_to})")


class _Programmes(Schema):
    version: str
    programmes: tuple[Programme, ...]


@lru_cache(maxsize=4)
def programmes(root: Path = SHIPPED) -> tuple[Programme, ...]:
    """Every programme that is known."""
    return read_document(root / "monitoring" / f"reporting-{NEWEST}.yaml").parse(_Programmes).programmes


def tally(root: Path = SHIPPED) -> list[Tally]:
    """The programmes read and checked, for ``openkap check``."""
    return [Tally.of("times to report in", lambda: programmes(root))]
