"""The scales that outcomes are given in: range, step and direction, read from content."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field

from openkap.core.content import SHIPPED, Schema, Tally, read_document
from openkap.core.errors import DomainError
from openkap.evidence.study import Place, Tier


class Scale(Schema):
    """One scale; ``minimum`` and ``maximum`` bound one person's total."""

    id: str
    aliases: tuple[str, ...]
    name: str
    domain: str
    rater: str
    minimum: Decimal | None
    maximum: Decimal | None
    step: Decimal
    higher_is: Literal["worse", "better"]
    clusters: dict[str, Decimal] = Field(default_factory=dict)
    family: str
    sources: tuple[str, ...]
    grade: Tier

    def top(self, cluster: str | None) -> Decimal | None:
        """The highest value of the total, or of one cluster."""
        return self.maximum if cluster in (None, "total", "all") else self.clusters.get(cluster)


class _File(Schema):
    scales: tuple[Scale, ...]
    places: dict[str, Place]


@dataclass(frozen=True)
class Scales:
    """All known scales, found by any of their names."""

    scales: tuple[Scale, ...]

    @cached_property
    def _names(self) -> dict[str, Scale]:
        return {alias.casefold(): scale for scale in self.scales for alias in scale.aliases}

    def find(self, name: str) -> Scale | None:
        """The scale whose name this is, exactly but for case."""
        return self._names.get(name.strip().casefold())

    def mentioned(self, text: str) -> Scale | None:
        """The scale with the longest name that occurs in a free text, or ``None``."""
        low = text.casefold()
        found = [(len(alias), scale) for alias, scale in self._names.items() if alias in low]
        return max(found, key=lambda pair: pair[0])[1] if found else None


def read_scales(path: Path | None = None) -> Scales:
    """The shipped scales, or those of another file."""
    return Scales(read_document(path or SHIPPED / "outcome_scales.yaml").parse(_File).scales)


def tally_scales(root: Path) -> Tally:
    """How many scales there are, and whether the file loads."""
    tally = Tally("outcome scales")
    path = root / "outcome_scales.yaml"
    try:
        if path.exists():
            for scale in read_scales(path).scales:
                tally.add(scale.grade.value)
    except DomainError as error:
        tally.errors.append(error)
    return tally
