"""Which models of ketamine with psychotherapy have a therapist beside the patient on the day of the dose."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from openkap.core.content import SHIPPED, Schema, Tally, read_document
from openkap.protocol.model import Protocol, Statement
from openkap.protocol.read import read_sources
from openkap.protocol.rules import Sourced

NEWEST = "1.0.0"


class Model(Sourced):
    """One way of working that has a therapist on the dosing day, and the routes it was described for."""

    id: str
    title: str
    routes: tuple[str, ...]
    text: str


class DosingDay(Schema):
    """What the therapist is there for, and every model that says so."""

    version: str
    role: Statement
    models: tuple[Model, ...]


@lru_cache(maxsize=4)
def dosing_day(root: Path = SHIPPED) -> DosingDay:
    """The models in force; ``ContentError`` names line and remedy."""
    document = read_document(root / "therapy" / f"dosing-day-{NEWEST}.yaml")
    found, known = document.parse(DosingDay), read_sources(root)
    for each in (found.role, *found.models):
        if missing := [name for name in each.sources if name not in known]:
            raise document.error(
                "no such source", ("models",), value=", ".join(missing), remedy="name a source that is listed"
            )
    return found


def models_for(protocol: Protocol) -> tuple[Model, ...]:
    """The models with a therapist on the dosing day for the protocol's route; none where none says so."""
    return tuple(each for each in dosing_day().models if protocol.dosing.route in each.routes)


def tally(root: Path = SHIPPED) -> list[Tally]:
    """The models read and checked, for ``openkap check``."""
    return [Tally.of("dosing-day models", lambda: dosing_day(root).models)]
