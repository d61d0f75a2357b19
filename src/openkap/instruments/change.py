"""Two scores to a change: response, remission, reliable and clinically important change, relapse.

The sources disagree about every one of these. So each definition is tried and reported by name with its
source; the default of a kind is the one the content marks, unless another is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from openkap.core.errors import InputError
from openkap.core.truth import Truth, every
from openkap.instruments.model import ChangeDefinition, Instrument
from openkap.instruments.score import Score, plain


@dataclass(frozen=True, slots=True)
class Finding:
    """What one definition says of a change; ``is_used`` marks the one that answers for its kind."""

    id: str
    of: str
    name: str
    limits: tuple[tuple[str, Decimal], ...]
    met: Truth
    is_used: bool
    grade: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """The change of the main scale between two forms, and every definition tried on it.

    ``points`` is after minus before, so a fall is negative; ``percent`` of the score before, ``None``
    when that was zero.
    """

    instrument: str
    before: Fraction | None
    after: Fraction | None
    points: Fraction | None
    percent: Fraction | None
    findings: tuple[Finding, ...]

    def met(self, kind: str) -> Truth:
        """What the definition in use says of a kind; UNKNOWN when the instrument defines none."""
        return next((each.met for each in self.findings if each.of == kind and each.is_used), Truth.UNKNOWN)

    def used(self, kind: str) -> str | None:
        """The id of the definition in use for a kind."""
        return next((each.id for each in self.findings if each.of == kind and each.is_used), None)

    def as_dict(self) -> dict[str, Any]:
        """The change as plain data."""
        return {
            "instrument": self.instrument,
            "before": plain(self.before),
            "after": plain(self.after),
            "points": plain(self.points),
            "percent": plain(self.percent),
            "definitions": [
                {
                    "id": each.id,
                    "of": each.of,
                    "name": each.name,
                    "limits": {name: plain(Fraction(limit)) for name, limit in each.limits},
                    "met": each.met.value,
                    "used": each.is_used,
                    "grade": each.grade,
                    "sources": list(each.sources),
                }
                for each in self.findings
            ],
        }


def change(instrument: Instrument, before: Score, after: Score, *, definition: str | None = None) -> Change:
    """Judge the change between two forms of one instrument.

    Parameters
    ----------
    instrument : the instrument both forms belong to.
    before, after : the two scores, the earlier one first.
    definition : id of the definition to use for its kind; the content's default for every other kind.

    Raises
    ------
    InputError
        When a score belongs to another instrument, or the definition is not known.
    """
    for each in (before, after):
        if each.instrument != instrument.id:
            raise InputError(
                "the two scores and the instrument do not belong together",
                value=each.instrument,
                limit=instrument.id,
                remedy="compare two forms of the same instrument",
            )
    chosen = _chosen(instrument, definition)
    findings = tuple(
        Finding(
            each.id,
            each.of,
            each.name,
            tuple(each.conditions.items()),
            _met(each, before.scale(each.scale).value, after.scale(each.scale).value),
            chosen.get(each.of) == each.id,
            each.grade.value,
            each.sources,
        )
        for each in instrument.change
    )
    start, end = before.total, after.total
    points = None if start is None or end is None else end - start
    percent = None if points is None or not start else 100 * points / start
    return Change(instrument.id, start, end, points, percent, findings)


def _chosen(instrument: Instrument, definition: str | None) -> dict[str, str]:
    """The definition in use for each kind."""
    chosen: dict[str, str] = {each.of: each.id for each in instrument.change if each.default}
    if definition is not None:
        kinds: dict[str, str] = {each.id: each.of for each in instrument.change}
        if definition not in kinds:
            raise InputError(
                f"{instrument.short} has no definition of change of that id",
                value=definition,
                limit=", ".join(kinds) or "none in the sources read",
                remedy="choose one of these",
            )
        chosen[kinds[definition]] = definition
    return chosen


def _met(definition: ChangeDefinition, before: Fraction | None, after: Fraction | None) -> Truth:
    limits = definition.conditions.items()
    return every(_holds(name, Fraction(limit), before, after) for name, limit in limits)


def _holds(name: str, limit: Fraction, before: Fraction | None, after: Fraction | None) -> Truth:
    if after is None:
        return Truth.UNKNOWN
    if name.startswith("end_"):
        reached = {
            "end_at_most": after <= limit,
            "end_below": after < limit,
            "end_above": after > limit,
        }
        return Truth.of(reached[name])
    if before is None:
        return Truth.UNKNOWN
    fall = before - after
    if name == "fall_percent":
        # Of nothing there is no percentage: a person without symptoms can neither respond nor fail to.
        return Truth.of(None if before <= 0 else 100 * fall >= limit * before)
    return Truth.of(fall >= limit if name == "fall" else -fall >= limit)
