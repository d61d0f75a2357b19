"""What the simulated patient is like where neither dose nor scenario says so: assumptions from content."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import Field

from openkap.core.content import SHIPPED, Schema, Tally, read_document
from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.core.source import Grade
from openkap.protocol.elements import dictionary
from openkap.protocol.read import read_sources

PLACE = Path("practice") / "simulated-patient-1.0.0.yaml"
AT_REST = ("spo2", "respiratory_rate", "moaas", "distress_rating_0_10")
TIMES = ("rises", "falls")
DISSOCIATED = {"from_intensity": "1", "moaas": "{score}", "distress_added": "{score}"}


class Assumption(Schema):
    """One number, and why it is assumed."""

    id: str
    title: str
    value: str
    grade: Grade
    sources: tuple[str, ...] = Field(min_length=1)
    basis: str


class Assumptions(Schema):
    """Every number of the simulated patient that is nobody's finding."""

    version: str
    steady: tuple[Assumption, ...]
    scatter: tuple[Assumption, ...]
    times: tuple[Assumption, ...]
    dissociated: tuple[Assumption, ...]

    @property
    def all(self) -> tuple[Assumption, ...]:
        return (*self.steady, *self.scatter, *self.times, *self.dissociated)

    def levels(self) -> dict[str, float]:
        """By element what it is at rest, in the element's unit."""
        return {each.id: _in_its_unit(each) for each in self.steady}

    def scatters(self) -> dict[str, float]:
        """By element the standard deviation around the person's curve, in the element's unit."""
        return {each.id: _in_its_unit(each) for each in self.scatter}

    def minutes(self, name: str) -> float:
        """How long a change takes to come (``rises``) or to go (``falls``)."""
        return _named(self.times, name, "min")

    def when_dissociated(self, name: str) -> float:
        """A number of what dissociation does beside pressure and pulse."""
        return _named(self.dissociated, name, DISSOCIATED[name])


def _in_its_unit(each: Assumption) -> float:
    return Quantity.parse(each.value).number(dictionary().find(each.id).unit or "1")


def _named(rows: tuple[Assumption, ...], name: str, unit: str) -> float:
    found = next((each for each in rows if each.id == name), None)
    if found is None:
        raise InputError("the simulated patient lacks a number", value=name, remedy="add it")
    return Quantity.parse(found.value).number(unit)


@lru_cache(maxsize=4)
def assumptions(root: Path = SHIPPED) -> Assumptions:
    """The assumptions in force; refused where one is missing, in a wrong unit, or without a listed source."""
    held = read_document(root / PLACE).parse(Assumptions)
    known = read_sources(root)
    if unknown := {name for each in held.all for name in each.sources if name not in known}:
        raise InputError(
            "an assumption with an unknown source", value=", ".join(sorted(unknown)), remedy="list the source"
        )
    held.scatters()
    if missing := [name for name in AT_REST if name not in held.levels()]:
        raise InputError("the simulated patient lacks a level", value=", ".join(missing), remedy="add it")
    for name in TIMES:
        held.minutes(name)
    for name in DISSOCIATED:
        held.when_dissociated(name)
    return held


def tally(root: Path) -> list[Tally]:
    """For ``openkap check``: the assumptions by grade."""
    return [Tally.of("assumptions of practice", lambda: assumptions(root).all)]
