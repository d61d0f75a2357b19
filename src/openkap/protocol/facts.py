"""Facts: what is known about one patient, each value with its time and origin.

What is absent is unknown. A value that is too old, or implausible and not confirmed, is kept and shown but
counts as unknown: it delays, it never passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from openkap.core.clock import aware, is_date_only, parse_moment
from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.protocol.elements import Dictionary, Element, Event, Value, is_stale

# A reading may carry a time a little ahead of ours: clocks differ.
CLOCK_TOLERANCE_S = 300
# A resting pressure and the one taken again after it.
REPEATED_READINGS = (("sbp_resting", "sbp_resting_repeat"), ("dbp_resting", "dbp_resting_repeat"))
PREGNANCY_TESTS = ("pregnancy_test", "pregnancy_test_today")
# What ``derive`` works a fact out from: an answer about the first rests on the others too.
DERIVED_FROM = {
    "bmi": ("body_weight", "height"),
    "could_be_pregnant": PREGNANCY_TESTS,
    **{first: (repeated,) for first, repeated in REPEATED_READINGS},
}
_FACT_KEYS = frozenset({"value", "at", "origin", "confirmed"})


class Standing(StrEnum):
    """Whether a recorded value counts."""

    COUNTS = "counts"
    STALE = "stale"
    IMPLAUSIBLE = "implausible"


@dataclass(frozen=True, slots=True)
class Fact:
    """One value of one element: when it was true, who or what said so, and whether it was confirmed."""

    element: Element
    value: Value
    at: datetime | None = None
    origin: str = ""
    confirmed: bool = False

    def standing(self, as_of: datetime) -> Standing:
        """Whether the value counts at ``as_of``; an undated value is taken as current."""
        if not self.confirmed and self.element.is_implausible(self.value):
            return Standing.IMPLAUSIBLE
        if self.at is not None and is_stale(self.element, self.at, as_of):
            return Standing.STALE
        return Standing.COUNTS

    def shown(self) -> str:
        """The value as text for people."""
        return show_value(self.value)

    def as_dict(self) -> dict[str, Any]:
        """The fact as data: value, time, origin."""
        told = {"value": self.shown(), "at": self.at.isoformat() if self.at else None, "origin": self.origin}
        return {key: value for key, value in told.items() if value}


def show_value(value: Value | None) -> str:
    """Any value as text: yes, 128 mm[Hg], never, a list, or not known."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "none"
    return str(value)


@dataclass(frozen=True)
class Facts:
    """The facts of one patient as of one moment."""

    as_of: datetime
    known: Mapping[str, Fact] = field(default_factory=dict)
    patient: str = ""

    def __post_init__(self) -> None:
        aware(self.as_of)

    def __iter__(self) -> Iterator[Fact]:
        return iter(self.known.values())

    @cached_property
    def _counting(self) -> dict[str, Value]:
        return {
            name: fact.value
            for name, fact in self.known.items()
            if fact.standing(self.as_of) is Standing.COUNTS
        }

    def value(self, name: str) -> Value | None:
        """The value that counts, or ``None`` for unknown."""
        return self._counting.get(name)

    def with_fact(self, fact: Fact) -> Facts:
        """These facts and one more (or a newer one in its place)."""
        return Facts(self.as_of, {**self.known, fact.element.id: fact}, self.patient)


def derive(facts: Facts, dictionary: Dictionary) -> Facts:
    """Add what follows from known facts alone: body mass index, what a positive pregnancy test says, and the
    higher of two blood pressures.
    """
    facts = _with_bmi(facts, dictionary)
    for first, repeated in REPEATED_READINGS:
        facts = _keep_the_higher(facts, first, repeated)
    return _believe_the_test(facts, dictionary)


def _keep_the_higher(facts: Facts, first: str, repeated: str) -> Facts:
    """A reading taken again and higher counts: a first one that was lower does not excuse it.

    The repeat stays a fact of its own, so that rules about it see it as it was taken. An unknown first
    reading stays unknown: somebody has to say why there is only a second one.
    """
    low, high = facts.value(first), facts.value(repeated)
    if not (isinstance(low, Quantity) and isinstance(high, Quantity)) or high <= low:
        return facts
    taken = facts.known[repeated]
    origin = f"the repeated reading, above the first ({low})"
    return facts.with_fact(Fact(facts.known[first].element, high, taken.at, origin, taken.confirmed))


def _believe_the_test(facts: Facts, dictionary: Dictionary) -> Facts:
    """A positive test answers "could be pregnant", whatever was said before, so that it is always read.

    A test too old to count still asks for a new one while the pregnancy it showed may last.
    """
    said = facts.value("could_be_pregnant")
    if said is True:
        return facts
    for name in PREGNANCY_TESTS:
        test = facts.known.get(name)
        if test is None or test.value != "positive":
            continue
        lasts = test.element.finding_lifetime
        if test.at is None or lasts is None or facts.as_of - test.at <= lasts:
            against = ", against the answer no" if said is False else ""
            origin = f"{test.element.label.lower()} is positive{against}"
            return facts.with_fact(Fact(dictionary["could_be_pregnant"], True, test.at, origin))
    return facts


def _with_bmi(facts: Facts, dictionary: Dictionary) -> Facts:
    weight, height = facts.value("body_weight"), facts.value("height")
    # What is worked out outranks what was stated: a stated index may belong to another weight.
    if isinstance(weight, Quantity) and isinstance(height, Quantity):
        metres = height.to("m").value
        bmi = Quantity.of(f"{weight.to('kg').value / (metres * metres):.1f}", "kg/m2")
        element = dictionary["bmi"]
        if element.impossible and element.impossible.holds(bmi.value):
            at = facts.known["body_weight"].at
            return facts.with_fact(Fact(element, bmi, at, "worked out from weight and height"))
    return facts


def parse_facts(data: Any, dictionary: Dictionary, *, as_of: datetime, where: str = "facts") -> Facts:
    """A facts file's data as ``Facts``.

    ``data`` is a mapping with ``facts`` (element name to value, or to a mapping with ``value``, ``at``,
    ``origin``, ``confirmed``) and optionally ``patient`` and ``as_of``. ``as_of`` of the file wins over the
    argument only when it is earlier, so that a file cannot reach into the future.
    """
    if not isinstance(data, Mapping):
        raise _not_facts(where, type(data).__name__)
    unknown = set(data) - {"patient", "as_of", "facts"}
    if unknown or not isinstance(data.get("facts"), Mapping):
        raise _not_facts(where, ", ".join(sorted(map(str, unknown))) or "no 'facts' mapping")
    try:
        if data.get("as_of") is not None:
            said = _text(data["as_of"])
            moment = parse_moment(said, end_of_day=True)
            _refuse_future(said, moment, as_of + timedelta(days=1) if is_date_only(said) else as_of)
            as_of = min(moment, as_of)
        patient = _text(data.get("patient") or "")
    except InputError as refused:
        raise refused.at(where) from None
    known = {}
    for name, given in data["facts"].items():
        element = dictionary.find(str(name), where=where)
        if given is not None:
            known[element.id] = _parse_fact(element, given, as_of, where)
    return Facts(as_of, known, patient)


def _parse_fact(element: Element, given: Any, as_of: datetime, where: str) -> Fact:
    try:
        return _read_fact(element, given, as_of)
    except InputError as refused:
        raise refused.at(f"{where}: {element.id}") from None


def _read_fact(element: Element, given: Any, as_of: datetime) -> Fact:
    at, origin, confirmed = None, "", False
    if isinstance(given, Mapping):
        if "value" not in given or not given.keys() <= _FACT_KEYS:
            extra = given.keys() - _FACT_KEYS
            raise InputError(
                "a fact is a value, or a mapping with value, at, origin, confirmed",
                value=", ".join(sorted(map(str, extra))) or "no value",
                remedy="remove or rename these keys",
            )
        if given.get("at") is not None:
            said = _text(given["at"])
            at = parse_moment(said)
            _refuse_future(said, at, as_of)
        origin = _text(given.get("origin") or "")
        confirmed = _word_is_true(given.get("confirmed"))
        given = given["value"]
    value = element.parse(given)
    if isinstance(value, Event) and value.on and value.on > as_of.date() + timedelta(days=1):
        raise _in_future(value.on.isoformat(), as_of)
    return Fact(element, value, at, origin, confirmed)


def _word_is_true(given: Any) -> bool:
    return given is True or (isinstance(given, str) and given.strip().lower() in {"true", "yes"})


def _text(given: Any) -> str:
    if not isinstance(given, str | int) or isinstance(given, bool):
        raise InputError("text expected", value=given, remedy="write plain text")
    return str(given).strip()


def _refuse_future(text: str, moment: datetime, as_of: datetime) -> None:
    # East of Greenwich today has begun while the date here is still yesterday's.
    ahead = timedelta(days=1) if is_date_only(text) else timedelta(seconds=CLOCK_TOLERANCE_S)
    if moment - as_of > ahead:
        raise _in_future(moment.isoformat(), as_of)


def _in_future(value: str, as_of: datetime) -> InputError:
    return InputError(
        "a date in the future cannot be a fact",
        value=value,
        limit=f"not after {as_of.date().isoformat()}",
        remedy="correct the date, or assess as of a later day",
    )


def _not_facts(where: str, value: str) -> InputError:
    return InputError(
        "not a facts file",
        value=value,
        limit="a mapping with 'facts' and optionally 'patient' and 'as_of'",
        remedy="see docs/protocol.md for an example",
        where=where,
    )
