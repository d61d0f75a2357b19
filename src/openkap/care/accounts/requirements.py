"""What each role needs before it may be put on a patient: read from content, with source and grade."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal

from openkap.care.permissions import Role
from openkap.core.content import SHIPPED, Schema, Tally, read_document
from openkap.core.errors import DomainError
from openkap.core.source import Grade, Source
from openkap.protocol.read import read_sources

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
    """What one role needs."""
    return [each for each in shipped_requirements() if each.role is role]


def kinds() -> dict[str, Requirement]:
    """Each kind of credential once, by key."""
    return {each.kind: each for each in reversed(shipped_requirements())}


def tally(root: Path) -> list[Tally]:
    """For ``openkap check``: requirements by grade."""
    counted = Tally("staffing requirements")
    try:
        for each in read_requirements(root):
            counted.add(each.grade.value)
    except DomainError as refused:
        counted.errors.append(refused)
    return [counted]
