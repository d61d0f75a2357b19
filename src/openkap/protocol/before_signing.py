"""What a patient's signature asks for besides every part of the text: time to decide, no open question."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from pydantic import field_validator

from openkap.core.content import SHIPPED, Schema, Tally, read_document
from openkap.protocol.read import read_sources
from openkap.protocol.reporting import span_of
from openkap.protocol.rules import Sourced

NEWEST = "1.0.0"


class TimeToDecide(Sourced):
    """How long before the signature the text is handed over; sooner needs a reason."""

    within: str

    @field_validator("within")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        span_of(text)
        return text

    @property
    def span(self) -> timedelta:
        """The time itself."""
        return span_of(self.within)


class LeftOpen(Sourced):
    """The parts of the text whose last choice leaves something to be talked about."""

    parts: tuple[str, ...]


class BeforeSigning(Schema):
    """Both rules."""

    version: str
    time_to_decide: TimeToDecide
    left_open: LeftOpen


@lru_cache(maxsize=4)
def before_signing(root: Path = SHIPPED) -> BeforeSigning:
    """The rules in force; ``ContentError`` names line and remedy."""
    document = read_document(root / "consent" / f"before-signing-{NEWEST}.yaml")
    found, known = document.parse(BeforeSigning), read_sources(root)
    for each in (found.time_to_decide, found.left_open):
        if missing := [name for name in each.sources if name not in known]:
            raise document.error(
                "no such source", value=", ".join(missing), remedy="name a source that is listed"
            )
    return found


def tally(root: Path = SHIPPED) -> list[Tally]:
    """The rules read and checked, for ``openkap check``."""
    return [
        Tally.of(
            "rules before a signature",
            lambda: [before_signing(root).time_to_decide, before_signing(root).left_open],
        )
    ]
