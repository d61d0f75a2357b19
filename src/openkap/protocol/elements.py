"""The dictionary of what the rules ask about: one element, one fact a person can give.

An element knows its kind, unit, question, the limits of what is possible, how long a value counts, and how
much effort it costs to learn; it turns what was written into a value, or refuses it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from openkap.core.clock import parse_moment
from openkap.core.content import SHIPPED, Schema, content_files, read_document
from openkap.core.errors import ContentError, InputError
from openkap.core.quantity import Quantity, parse_number, parse_unit
from openkap.core.source import Grade

YES_WORDS = frozenset({"yes", "true"})
NO_WORDS = frozenset({"no", "false"})
NEVER_WORDS = frozenset({"never", "no", "none", "false"})
# A month or a day of one digit, in a date such as 2026-3-8.
SHORT_DAY = re.compile(r"(?<=-)\d(?=-|$)")


class Effort(StrEnum):
    """What it costs to learn a fact; the to-do list asks for the cheapest first."""

    ASKED = "asked"
    MEASURED = "measured"
    TESTED = "tested"
    ASSESSED = "assessed"

    @property
    def rank(self) -> int:
        """Position from cheapest (0) to dearest."""
        return list(Effort).index(self)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on a date, at a date not known (``on`` is ``None``), or never."""

    ever: bool
    on: date | None = None

    def __str__(self) -> str:
        if not self.ever:
            return "never"
        return self.on.isoformat() if self.on else "yes, date not known"


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing to count, and somebody said so: no change ever, which no limit of time reaches."""

    def __str__(self) -> str:
        return "none"


Value = bool | Quantity | str | frozenset[str] | Event | Nothing


class Bounds(Schema):
    """Values strictly outside are impossible (refused) or implausible (asked again)."""

    below: Decimal
    above: Decimal

    @model_validator(mode="after")
    def _in_order(self) -> Bounds:
        if self.below >= self.above:
            raise ValueError(f"'below' ({self.below}) must be less than 'above' ({self.above})")
        return self

    def holds(self, number: Decimal) -> bool:
        """True when ``number`` lies inside."""
        return self.below <= number <= self.above


# A record can answer what screening asks; what a session asks is about that session alone.
Asked = Literal["screening", "session"]


class Codes(Schema):
    """How records name this element: observation codes, or a codelist of conditions, medicines, allergies.

    ``answers`` names, for each choice, the codelist of coded results that mean it. ``dated_by`` says which
    date of a record answers an event: when it began (a heart attack) or when it last held (use of a drug).
    """

    loinc: tuple[str, ...] = ()
    codelist: str | None = None
    kind: Literal["condition", "medicine", "allergy"] = "condition"
    answers: dict[str, str] = Field(default_factory=dict)
    dated_by: Literal["onset", "end"] = "onset"


class Element(Schema):
    """One fact that rules ask about.

    ``step`` is the resolution it is measured in, and of a score or count every value is a multiple of it;
    ``lasts`` is how long a value counts, ``finding_lasts`` how long what a positive test found may still be
    so when the test itself counts no more; ``follows`` names the fact that must be known before this one is
    asked for (a pregnancy test follows "could be pregnant"); ``none`` words the answer that there is nothing
    to count the time from.
    """

    id: str
    asked: Asked = "screening"
    group: str
    label: str
    ask: str
    help: str | None = None
    kind: Literal["yes_no", "quantity", "choice", "findings", "event"]
    effort: Effort
    unit: str | None = None
    none: str | None = None
    step: Decimal | None = None
    choices: tuple[str, ...] = ()
    impossible: Bounds | None = None
    implausible: Bounds | None = None
    test: str | None = None
    follows: str | None = None
    lasts: str | None = None
    finding_lasts: str | None = None
    history: Literal["current", "lifetime"] = "current"
    codes: Codes = Codes()

    @field_validator("unit")
    @classmethod
    def _known_unit(cls, unit: str | None) -> str | None:
        if unit is not None:
            try:
                parse_unit(unit)
            except InputError as refused:
                raise ValueError(str(refused)) from None
        return unit

    @model_validator(mode="after")
    def _complete(self) -> Element:
        is_number = self.kind == "quantity"
        if is_number and not (self.unit and self.step and self.impossible):
            raise ValueError("a quantity needs unit, step and impossible limits")
        if not is_number and (self.unit or self.none or self.step or self.impossible or self.implausible):
            raise ValueError("only a quantity has unit, step or limits")
        if (self.kind in ("choice", "findings")) != bool(self.choices):
            raise ValueError("a choice or findings element lists its choices, no other does")
        return self

    @cached_property
    def lifetime(self) -> timedelta | None:
        """How long a value counts after it was taken; ``None`` for ever."""
        return None if self.lasts is None else _period(self.lasts)

    @cached_property
    def finding_lifetime(self) -> timedelta | None:
        """How long what a positive test found may last; ``None`` for ever."""
        return None if self.finding_lasts is None else _period(self.finding_lasts)

    def parse(self, given: Any) -> Value:
        """What was written as a value of this element; ``InputError`` names value and limit."""
        return getattr(self, f"_parse_{self.kind}")(given)  # type: ignore[no-any-return]

    def is_implausible(self, value: Value) -> bool:
        """True when a person should be asked whether this number is meant."""
        return (
            self.implausible is not None
            and isinstance(value, Quantity)
            and not self.implausible.holds(value.to(self.unit or "1").value)
        )

    def _parse_yes_no(self, given: Any) -> bool:
        word = _word(given)
        if word in YES_WORDS:
            return True
        if word in NO_WORDS:
            return False
        raise _refusal(given, "yes or no", "leave it out when it is not known")

    def _parse_choice(self, given: Any) -> str:
        for choice in self.choices:
            if _word(given) == choice.lower():
                return choice
        raise _refusal(given, ", ".join(self.choices), "choose one of these")

    def _parse_findings(self, given: Any) -> frozenset[str]:
        if _word(given) == "none":
            return frozenset()
        listed = given if isinstance(given, list) else [given]
        return frozenset(self._parse_choice(each) for each in listed)

    def _parse_event(self, given: Any) -> Event:
        word = _word(given)
        if word in NEVER_WORDS:
            return Event(ever=False)
        if word in YES_WORDS:
            return Event(ever=True)
        if not isinstance(given, str):
            raise _refusal(given, "a date such as 2026-11-23, never, or yes", "write the date")
        # A day written by hand comes without its zeros too, as every date field of the clinic takes it.
        padded = SHORT_DAY.sub(lambda part: part[0].zfill(2), given.strip())
        return Event(ever=True, on=parse_moment(padded).date())

    def _parse_quantity(self, given: Any) -> Quantity | Nothing:
        if self.none and _word(given) == "none":
            return Nothing()
        unit = self.unit or "1"
        quantity = self._read_number(given, unit).to(unit)
        if self.impossible and not self.impossible.holds(quantity.value):
            raise InputError(
                f"{self.label.lower()} cannot be this value",
                value=str(given),
                limit=f"{self.impossible.below} to {self.impossible.above} {unit}",
                remedy="check the number and its unit",
            )
        if self.is_counted and self.step and quantity.value % self.step:
            raise InputError(
                f"{self.label.lower()} goes in steps of {self.step}",
                value=str(given),
                limit=f"a multiple of {self.step}",
                remedy="write the score or count as it was taken; leave it out when it is not known",
            )
        return quantity

    @property
    def is_counted(self) -> bool:
        """A score or a count: nothing lies between two steps. A measured value may be finer."""
        return (self.unit or "").startswith("{")

    def _read_number(self, given: Any, unit: str) -> Quantity:
        if isinstance(given, bool) or not isinstance(given, str | int | float | Decimal):
            raise _refusal(given, f"a number with its unit, such as 12 {unit}", "write the value")
        text = given if isinstance(given, str) else f"{Decimal(str(given)):f}"
        # A score or a count has no unit to forget; everything else says what it is measured in.
        if self.is_counted and text.strip().lstrip("+-").replace(".", "", 1).isdigit():
            return Quantity(parse_number(text), parse_unit(unit))
        try:
            quantity = Quantity.parse(text)
        except InputError as refused:
            limit = f"a number with its unit, such as 12 {unit}"
            raise InputError(refused.what, value=given, limit=limit, remedy="write both") from None
        if self.is_counted and quantity.unit.factor != 1:
            # "31 %" would become a score of 0.31.
            raise _refusal(given, f"a plain number, such as 12 {unit}", "write the number alone")
        return quantity


def _period(text: str) -> timedelta:
    return timedelta(days=Quantity.parse(text).number("d"))


def _word(given: Any) -> str:
    return str(given).strip().lower() if isinstance(given, str | bool) else ""


def _refusal(given: Any, limit: str, remedy: str) -> InputError:
    return InputError("not an answer to this question", value=given, limit=limit, remedy=remedy)


@dataclass(frozen=True)
class Dictionary:
    """All elements by id."""

    elements: dict[str, Element]

    def __getitem__(self, name: str) -> Element:
        return self.elements[name]

    def __contains__(self, name: object) -> bool:
        return name in self.elements

    @cached_property
    def _ranks(self) -> dict[str, tuple[int, int]]:
        return {name: (each.effort.rank, place) for place, (name, each) in enumerate(self.elements.items())}

    def rank(self, name: str) -> tuple[int, int]:
        """Cheapest first, then in the order of the content files."""
        return self._ranks[name]

    def find(self, name: str, *, where: str | None = None) -> Element:
        """The element, or ``InputError`` that offers the nearest names."""
        if name in self.elements:
            return self.elements[name]
        from difflib import get_close_matches  # needed only to word a refusal

        near = get_close_matches(name, self.elements, n=3, cutoff=0.7)
        raise InputError(
            "no such fact",
            value=name,
            limit=f"did you mean {' or '.join(near)}?" if near else None,
            remedy="see openkap protocol facts for the names",
            where=where,
        )


class _ElementFile(Schema):
    grade: Grade
    sources: tuple[str, ...]
    asked: Asked = "screening"
    elements: tuple[dict[str, Any], ...]


def read_dictionary(root: Path = SHIPPED) -> Dictionary:
    """Every element below ``root/elements``; ``ContentError`` for a name that stands twice."""
    elements: dict[str, Element] = {}
    for path in content_files("elements", root=root):
        document = read_document(path)
        asked = document.parse(_ElementFile).asked
        for index, _ in enumerate(document.data["elements"]):
            element = document.parse(Element, ("elements", index))
            if element.id in elements:
                raise ContentError(
                    "an element stands twice",
                    value=element.id,
                    remedy="keep one of the two",
                    where=document.where(("elements", index)),
                )
            elements[element.id] = element.model_copy(update={"asked": asked})
    return Dictionary(elements)


@lru_cache(maxsize=4)
def dictionary(root: Path = SHIPPED) -> Dictionary:
    """``read_dictionary``, once a process."""
    return read_dictionary(root)


def is_stale(element: Element, at: datetime, as_of: datetime) -> bool:
    """True when a value taken at ``at`` no longer counts at ``as_of``."""
    return element.lifetime is not None and as_of - at > element.lifetime
