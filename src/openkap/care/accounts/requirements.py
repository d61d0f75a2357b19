"""What each role needs before it may be put on a patient: read from content, with source and grade."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal

from django.conf import settings

from openkap.care.permissions import Role
from openkap.core.content import SHIPPED, Schema, Tally, content_files, read_document
from openkap.core.quantity import Quantity
from openkap.core.source import Grade, Source
from openkap.protocol.read import read_sources
from openkap.protocol.site import PracticeAsked, read_site

PLACE = Path("staffing") / "requirements.yaml"


class _RequirementText(Schema):
    role: Role
    kind: str
    words: str
    amount: Decimal | None
    unit: str
    expires: Literal["yes", "no"]
    grade: Grade
    sources: tuple[str, ...]
    note: str


class _File(Schema):
    requirements: tuple[_RequirementText, ...]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One credential that a role needs."""

    role: Role
    kind: str
    words: str
    amount: Decimal | None
    unit: str
    expires: bool
    grade: Grade
    sources: tuple[Source, ...]
    note: str

    @property
    def asks(self) -> str:
        """In words: ``Ketamine-specific learning, 40 hours or more``."""
        return f"{self.words}, {self.amount} {self.unit} or more" if self.amount is not None else self.words


def read_requirements(root: Path = SHIPPED) -> tuple[Requirement, ...]:
    """The requirements below a content folder; ``ContentError`` names line and remedy."""
    document = read_document(root / PLACE)
    known = read_sources(root)
    found, seen = [], set()
    for index, each in enumerate(document.parse(_File).requirements):
        place = ("requirements", index)
        missing = [name for name in each.sources if name not in known]
        if missing or not each.sources:
            raise document.error(
                "a requirement without a known source",
                place,
                value=", ".join(missing) or each.kind,
                remedy="name a source that is listed",
            )
        if (each.role, each.kind) in seen:
            raise document.error("this role has this requirement twice", place, value=each.kind)
        seen.add((each.role, each.kind))
        sources = tuple(known[name] for name in each.sources)
        fields = each.model_dump() | {"sources": sources, "expires": each.expires == "yes"}
        found.append(Requirement(**fields))
    return tuple(found)


@lru_cache(maxsize=1)
def shipped_requirements() -> tuple[Requirement, ...]:
    """The shipped requirements, read once."""
    return read_requirements()


def requirements_of(role: Role) -> list[Requirement]:
    """What one role needs, with what this site asks beyond it."""
    asked = practice_requirements(settings.SITE_FILE)
    return [
        each for each in (*shipped_requirements(), *(one.requirement for one in asked)) if each.role is role
    ]


def kinds(roles: Collection[Role] = ()) -> dict[str, Requirement]:
    """Each kind of credential once, by key, by the name that these roles have for it."""
    asked = (one.requirement for one in practice_requirements(settings.SITE_FILE))
    every = sorted((*shipped_requirements(), *asked), key=lambda each: each.role not in roles)
    return {each.kind: each for each in reversed(every)}


ANY_SCENARIO = "any"
SCENARIOS = "scenarios"


@dataclass(frozen=True, slots=True)
class PracticeRequirement:
    """A scenario the site's file asks a role to have passed, and how many days a pass counts."""

    scenario: str
    days: int | None
    requirement: Requirement

    def is_met_by(self, scenario: str) -> bool:
        """Whether passing that scenario is what is asked."""
        return self.scenario in (ANY_SCENARIO, scenario)


@lru_cache(maxsize=8)
def practice_requirements(site_file: Path | None) -> tuple[PracticeRequirement, ...]:
    """What the site's file asks of practice; ``ContentError`` names line and remedy. None without a file."""
    if site_file is None:
        return ()
    site, document = read_site(site_file)
    # A file of a scenario is named by its id and its version.
    known = {ANY_SCENARIO, *(path.stem.rpartition("-")[0] for path in content_files(SCENARIOS))}
    roles = {role.value for role in Role}
    found: dict[tuple[str, str], PracticeRequirement] = {}
    for index, each in enumerate(site.practice):
        place = ("practice", index)
        if each.role not in roles or each.scenario not in known or (each.role, each.scenario) in found:
            raise document.error(
                "practice that cannot be asked for",
                place,
                value=f"{each.role}, {each.scenario}",
                remedy=f"name one of {', '.join(sorted(roles))} and one of {', '.join(sorted(known))}, once",
            )
        found[(each.role, each.scenario)] = _asked(each)
    return tuple(found.values())


def _asked(each: PracticeAsked) -> PracticeRequirement:
    days = None if each.lasts is None else int(Quantity.parse(each.lasts).number("d"))
    which = "any scenario" if each.scenario == ANY_SCENARIO else each.scenario.replace("-", " ")
    signed = ", ".join(f"{one.name} ({one.role})" for one in each.signed_by)
    requirement = Requirement(
        role=Role(each.role),
        kind=f"practice:{each.scenario}",
        words=f"Practice passed: {which}",
        amount=None,
        unit="",
        expires=days is not None,
        grade=Grade.PLATFORM,
        sources=(),
        note=f"asked by this site: {each.reason}; signed by {signed}",
    )
    return PracticeRequirement(each.scenario, days, requirement)


def tally(root: Path) -> list[Tally]:
    """For ``openkap check``: requirements by grade."""
    return [Tally.of("staffing requirements", lambda: read_requirements(root))]
