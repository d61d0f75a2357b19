"""What was read from a record: findings for elements, and notes on everything that became none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from openkap.core.coding import Coding
from openkap.core.errors import DomainError, InputError, quote
from openkap.interop.fhir.concepts import NAMES
from openkap.interop.fhir.fields import Resource, text
from openkap.interop.fhir.moments import Span
from openkap.protocol.elements import Element, Value
from openkap.protocol.facts import Facts


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a record says about one element.

    ``value`` is ``None`` for an event that happened, whose date is ``when``; a span of ``None`` means no date
    is given. An event answered with "never" has that as its value, and ``when`` is the time of the answer.
    ``not_later_than`` is when the event was already on record. ``is_passing`` marks what was true of that
    moment, such as a pregnancy status, until a later one says otherwise.
    """

    element: Element
    value: Value | None
    when: Span | None
    origin: str
    not_later_than: datetime | None = None
    is_passing: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """An entry about an element that a person must read first: until then no answer passes over it.

    ``when`` is the time it speaks of, ``None`` when that is not known; a later answer settles the doubt.
    """

    element: Element
    resource: str
    when: Span | None


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """Resources that say the same thing: their type, what they say, why not used, and which they are."""

    resource: str
    what: str
    why: str
    ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        few = ", ".join(self.ids[:3]) + (f" and {len(self.ids) - 3} more" if len(self.ids) > 3 else "")
        return ": ".join(each for each in (few or self.resource, self.what, self.why) if each)

    def as_dict(self) -> dict[str, Any]:
        """The note as data."""
        return {"resource": self.resource, "what": self.what, "why": self.why, "ids": list(self.ids)}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the record says the patient is; kept apart from the facts, which carry no name."""

    id: str = ""
    name: str = ""
    birth_date: str = ""
    gender: str = ""
    deceased: bool = False


@dataclass(frozen=True, slots=True)
class Understood:
    """One finding as told to people: where it stands, what it says, and which element it answers."""

    element: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Warned:
    """One allergy or flag: its type, its words, and the ids of the elements it answers."""

    resource: str
    words: str
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Intake:
    """A record as facts, and what became of everything else in it.

    ``set_aside`` was understood and does not count (entered in error, refuted, resolved); ``not_understood``
    needs a person; ``unlisted`` carries codes that no element names; ``ignored`` counts resource types that
    hold nothing screening asks about.
    """

    facts: Facts
    identity: Identity
    understood: tuple[Understood, ...] = ()
    set_aside: tuple[Note, ...] = ()
    not_understood: tuple[Note, ...] = ()
    unlisted: tuple[Note, ...] = ()
    ignored: dict[str, int] = field(default_factory=dict)
    # Allergies and flags in their own words, whether or not screening asks about them.
    warnings: tuple[Warned, ...] = ()

    @property
    def to_read(self) -> int:
        """How many entries a person must read, because they were not understood."""
        return len({each for note in self.not_understood for each in note.ids})

    def as_dict(self) -> dict[str, Any]:
        """The intake as data, without identity."""
        return {
            "understood": [
                {"element": each.element, "value": each.value, "origin": each.origin}
                for each in self.understood
            ],
            "set_aside": [note.as_dict() for note in self.set_aside],
            "not_understood": [note.as_dict() for note in self.not_understood],
            "unlisted": [note.as_dict() for note in self.unlisted],
            "ignored": dict(self.ignored),
        }


@dataclass
class Tray:
    """Collects what the readers find, in any order; everything told from it is sorted."""

    findings: list[Finding] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    ended: list[tuple[Element, Span]] = field(default_factory=list)
    _aside: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)
    _unclear: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)
    _unlisted: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)

    def set_aside(self, resource: str, what: str, why: str) -> None:
        """Understood, and does not count."""
        _file(self._aside, resource, what, why)

    def not_understood(self, resource: str, what: str, why: str | DomainError) -> None:
        """A person must look."""
        _file(self._unclear, resource, what, str(why))

    def doubt(
        self,
        elements: Iterable[Element],
        resource: str,
        what: str,
        why: str | DomainError,
        when: Span | None = None,
    ) -> None:
        """A person must look, and these elements stay open until then."""
        self.not_understood(resource, what, why)
        self.doubts.extend(Doubt(element, resource, when) for element in elements)

    def date(self, resource: str, what: str, read: Callable[[], Span | None]) -> tuple[Span | None, bool]:
        """A date of an entry, and whether it could be read: without its date the entry still counts."""
        try:
            return read(), True
        except InputError as refused:
            self.not_understood(resource, what, f"its date: {refused}")
            return None, False

    def unlisted(self, resource: str, what: str) -> None:
        """A code that no element names."""
        _file(self._unlisted, resource, what, "no element names this code")

    def notes(self) -> tuple[tuple[Note, ...], tuple[Note, ...], tuple[Note, ...]]:
        """Set aside, not understood, unlisted; each sorted."""
        return _notes(self._aside), _notes(self._unclear), _notes(self._unlisted)


def origin_of(resource: str, coding: Coding) -> str:
    """``Condition/abc, SNOMED CT 22298006 Myocardial infarction``."""
    words = f"{NAMES.get(coding.system, coding.system)} {quote(coding.code)} {quote(coding.display)}"
    return f"{resource}, {words.strip()}"


def recorded(resource: Resource, names: Iterable[str]) -> str:
    """The first of these date fields that is filled in."""
    return next((text(resource, name) for name in names if resource.get(name)), "")


def _file(drawer: dict[tuple[str, str, str], set[str]], resource: str, what: str, why: str) -> None:
    drawer.setdefault((resource.split("/")[0].split(" at ")[0], quote(what), why), set()).add(resource)


def _notes(drawer: dict[tuple[str, str, str], set[str]]) -> tuple[Note, ...]:
    return tuple(sorted(Note(*key, tuple(sorted(ids))) for key, ids in drawer.items()))
