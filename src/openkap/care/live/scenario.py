"""Practice scenarios from content: a person, a dose, what goes wrong, what is expected of the team."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from openkap.core.content import SHIPPED, Schema, Tally, content_files, read_document
from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.core.source import Grade
from openkap.protocol.read import read_sources

FOLDER = "scenarios"


class Patient(Schema):
    """The simulated person before the dose."""

    weight: str
    age: str
    sbp: Decimal
    dbp: Decimal
    heart_rate: Decimal

    def number(self, name: str, unit: str) -> float:
        """Weight or age as a number."""
        return Quantity.parse(str(getattr(self, name))).number(unit)


class Dose(Schema):
    """The dose that has just been started."""

    amount: str
    over: str


class Injected(Schema):
    """Something that happens at a minute: said, seen on the monitor, at the pump, or to the network."""

    id: str
    at: Decimal
    until: Decimal
    say: str
    # Added to what the dose does, and what replaces it.
    change: dict[str, Decimal] = Field(default_factory=dict)
    set: dict[str, Decimal] = Field(default_factory=dict)
    relieved_by: Literal["pause", "stop"] | None = None
    pump: Literal["stands_still"] | None = None
    network: Literal["cut"] | None = None


class Expected(Schema):
    """What a team does: an act, from a minute on, within so many minutes."""

    id: str
    what: str
    act: str
    element: str | None = None
    after: Decimal
    within: Decimal
    must: Literal["yes", "no"]


class Scenario(Schema):
    """One scenario."""

    id: str
    version: str
    title: str
    summary: str
    protocol: str
    grade: Grade
    sources: tuple[str, ...] = Field(min_length=1)
    about: str
    person: Patient
    dose: Dose
    # How this person's rise compares with the published mean.
    slope: Decimal
    ends: Decimal
    events: tuple[Injected, ...] = Field(min_length=1)
    expects: tuple[Expected, ...] = Field(min_length=1)


@lru_cache(maxsize=2)
def scenarios(root: Path = SHIPPED) -> dict[str, tuple[Scenario, str]]:
    """Every scenario by id, with the fingerprint of its file."""
    known = read_sources(root)
    found: dict[str, tuple[Scenario, str]] = {}
    for path in content_files(FOLDER, root=root):
        document = read_document(path)
        scenario = document.parse(Scenario)
        missing = [name for name in scenario.sources if name not in known]
        if missing:
            raise document.error(
                "a scenario with an unknown source",
                ("sources",),
                value=", ".join(missing),
                remedy="name a source that is listed",
            )
        found[scenario.id] = (scenario, document.fingerprint)
    return found


def scenario_of(name: str) -> tuple[Scenario, str]:
    """One scenario and its fingerprint."""
    found = scenarios().get(name)
    if found is None:
        raise InputError("no such scenario", value=name, limit=", ".join(scenarios()), remedy="choose one")
    return found


def tally(root: Path) -> list[Tally]:
    """For ``openkap check``: scenarios by grade."""
    return [Tally.of("practice scenarios", lambda: [scenario for scenario, _ in scenarios(root).values()])]
