"""The condition language: one line a clinician can read, evaluated in three values.

    condition := conjunction { "or" conjunction }
    conjunction := negation { "and" negation }
    negation  := "not" negation | "(" condition ")" | test
    test      := FACT                                  a yes/no fact is yes
               | FACT ("is" | "in" | "includes") CHOICE { "," CHOICE }
               | FACT "within" QUANTITY                an event not longer ago than this
               | FACT OPERATOR QUANTITY
               | FACT OPERATOR FACT [ "+" QUANTITY ]
               | FACT OPERATOR "unset"                 a limit the site must set and sign

A choice stands in double quotes. There is no arithmetic beyond a fact plus a constant, and there are no
functions: what does not fit is Python in this room, with a name and a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.core.truth import Truth, every, some
from openkap.protocol.elements import Dictionary, Event, Nothing
from openkap.protocol.facts import Facts

OPERATORS: Final = {
    ">=": lambda order: order >= 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    "<": lambda order: order < 0,
    "=": lambda order: order == 0,
}
_OPERATOR_WORDS: Final = {
    ">=": "at least",
    "<=": "at most",
    ">": "above",
    "<": "below",
    "=": "exactly",
}


@dataclass(frozen=True, slots=True)
class IsYes:
    """A yes/no fact is yes."""

    fact: str


@dataclass(frozen=True, slots=True)
class IsOneOf:
    """A choice is one of these, or findings include one of these."""

    fact: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IsWithin:
    """An event happened not longer ago than ``period`` (the last day counts)."""

    fact: str
    period: Quantity


@dataclass(frozen=True, slots=True)
class Compare:
    """A number against a limit; ``limit`` is ``None`` until the site sets and signs one."""

    fact: str
    operator: str
    limit: Quantity | None


@dataclass(frozen=True, slots=True)
class CompareFacts:
    """A number against another fact plus a constant."""

    fact: str
    operator: str
    other: str
    plus: Quantity | None = None


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Condition


Test = IsYes | IsOneOf | IsWithin | Compare | CompareFacts
Condition = Test | All | Any | Not


@dataclass(frozen=True, slots=True)
class Finding:
    """What a condition came to: the facts that decided it, and those whose absence leaves it open."""

    truth: Truth
    deciding: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def evaluate(condition: Condition, facts: Facts) -> Finding:
    """The condition on these facts, in three values."""
    if isinstance(condition, All | Any):
        found = [evaluate(part, facts) for part in condition.parts]
        truths = [each.truth for each in found]
        truth = every(truths) if isinstance(condition, All) else some(truths)
        # Parts of the same truth as the whole decided it; for an open whole, the open parts do.
        deciding = _names(each.deciding for each in found if each.truth is truth)
        missing = _names(each.missing for each in found if truth is Truth.UNKNOWN)
        return Finding(truth, deciding, missing)
    if isinstance(condition, Not):
        inner = evaluate(condition.part, facts)
        return replace(inner, truth=~inner.truth)
    names = _facts_of_test(condition)
    unknown = tuple(name for name in names if facts.value(name) is None)
    if unknown:
        return Finding(Truth.UNKNOWN, missing=unknown)
    truth = _test(condition, facts)
    if truth is Truth.UNKNOWN:
        return Finding(truth, missing=names)
    return Finding(truth, deciding=names)


def _test(test: Test, facts: Facts) -> Truth:
    value = facts.value(test.fact)
    match test, value:
        case IsYes(), bool():
            return Truth.of(value)
        case IsOneOf(), str():
            return Truth.of(value in test.choices)
        case IsOneOf(), frozenset():
            return Truth.of(bool(value.intersection(test.choices)))
        case IsWithin(), Event():
            if not value.ever or value.on is None:
                return Truth.UNKNOWN if value.ever else Truth.NO
            days = (facts.as_of.date() - value.on).days
            return Truth.of(days <= test.period.number("d"))
        case Compare(), Quantity():
            if test.limit is None:
                return Truth.UNKNOWN
            return Truth.of(OPERATORS[test.operator](value.compare(test.limit)))
        case Compare(limit=None), Nothing():
            return Truth.UNKNOWN
        case Compare(), Nothing():
            # Longer than any limit: what never changed has not changed lately.
            return Truth.of(OPERATORS[test.operator](1))
        case CompareFacts(), Quantity():
            limit = limit_of(test, facts)
            return (
                Truth.UNKNOWN if limit is None else Truth.of(OPERATORS[test.operator](value.compare(limit)))
            )
    raise AssertionError(f"{test} cannot be asked of {value!r}")  # types are checked when rules load


def limit_of(test: Compare | CompareFacts, facts: Facts) -> Quantity | None:
    """The limit a comparison uses for these facts; ``None`` while it is not known."""
    if isinstance(test, Compare):
        return test.limit
    other = facts.value(test.other)
    if not isinstance(other, Quantity):
        return None
    if test.plus is None:
        return other
    plus = test.plus.to(other.unit)
    return Quantity(other.value + plus.value, other.unit)


def tests_of(condition: Condition) -> tuple[Test, ...]:
    """The single tests, left to right."""
    if isinstance(condition, Not):
        return tests_of(condition.part)
    if isinstance(condition, All | Any):
        return tuple(test for part in condition.parts for test in tests_of(part))
    return (condition,)


def facts_of(condition: Condition) -> tuple[str, ...]:
    """Names of the facts it asks about, in order, once each."""
    return _names(_facts_of_test(test) for test in tests_of(condition))


def _facts_of_test(test: Test) -> tuple[str, ...]:
    return (test.fact, test.other) if isinstance(test, CompareFacts) else (test.fact,)


def is_active(condition: Condition) -> bool:
    """False while a limit waits for the site's signed value."""
    return all(not isinstance(test, Compare) or test.limit is not None for test in tests_of(condition))


def with_limit(condition: Condition, limit: Quantity) -> Condition:
    """The condition with every unset limit set to ``limit``."""
    if isinstance(condition, Not):
        return Not(with_limit(condition.part, limit))
    if isinstance(condition, All | Any):
        return type(condition)(tuple(with_limit(part, limit) for part in condition.parts))
    if isinstance(condition, Compare) and condition.limit is None:
        return replace(condition, limit=limit)
    return condition


def _names(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))


# --- in words -----------------------------------------------------------------------------------------


def say(condition: Condition, dictionary: Dictionary) -> str:
    """The condition as a phrase, with the elements' labels."""
    if isinstance(condition, Not):
        return f"not ({say(condition.part, dictionary)})"
    if isinstance(condition, All | Any):
        word = " and " if isinstance(condition, All) else " or "
        return word.join(_say_part(part, dictionary) for part in condition.parts)
    return _say_test(condition, dictionary)


def _say_part(part: Condition, dictionary: Dictionary) -> str:
    phrase = say(part, dictionary)
    return f"({phrase})" if isinstance(part, All | Any) else phrase


def _say_test(test: Test, dictionary: Dictionary) -> str:
    label = dictionary[test.fact].label
    match test:
        case IsYes():
            return label
        case IsOneOf():
            return f"{label}: {' or '.join(test.choices)}"
        case IsWithin():
            return f"{label}: within the last {test.period.words}"
        case Compare():
            limit = test.limit.words if test.limit else "the limit the site sets"
            return f"{label} {_OPERATOR_WORDS[test.operator]} {limit}"
        case CompareFacts():
            plus = f" plus {test.plus.words}" if test.plus else ""
            other = dictionary[test.other].label.lower()
            return f"{label} {_OPERATOR_WORDS[test.operator]} {other}{plus}"


def say_limit(condition: Condition, names: Iterable[str]) -> str:
    """The limits the named facts met, such as ``> 140 mm[Hg]``."""
    wanted = set(names)
    said = [_limit_text(test) for test in tests_of(condition) if test.fact in wanted]
    return "; ".join(dict.fromkeys(said))


def _limit_text(test: Test) -> str:
    match test:
        case IsYes():
            return "yes"
        case IsOneOf():
            return " or ".join(test.choices)
        case IsWithin():
            return f"within {test.period}"
        case Compare():
            return f"{test.operator} {test.limit if test.limit else 'unset'}"
        case CompareFacts():
            return f"{test.operator} {test.other}" + (f" + {test.plus}" if test.plus else "")


# --- reading ------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r'\s*(?:(?P<choice>"[^"]*")|(?P<operator>>=|<=|[><=])|(?P<mark>[(),+])'
    r"|(?P<number>-?[0-9][0-9.]*)|(?P<word>[^\s(),+\"<>=]+))"
)
_KEYWORDS: Final = frozenset({"and", "or", "not", "is", "in", "includes", "within", "unset"})


def parse_condition(text: str, dictionary: Dictionary) -> Condition:
    """Read a condition; ``InputError`` names what is wrong, unknown facts and mixed units included."""
    reader = _Reader(text, dictionary)
    condition = reader.disjunction()
    reader.expect_end()
    return condition


class _Reader:
    """Recursive descent over the tokens of one line."""

    def __init__(self, text: str, dictionary: Dictionary) -> None:
        self.text, self.dictionary = text, dictionary
        self.tokens = list(self._split(text))
        self.position = 0

    def _split(self, text: str) -> Iterable[tuple[str, str]]:
        position, length = 0, len(text.rstrip())
        while position < length:
            match = _TOKEN.match(text, position)
            if match is None:
                raise self.error(f"cannot read from {text[position:].strip()!r} on")
            kind = str(match.lastgroup)
            yield kind, match[kind]
            position = match.end()

    def disjunction(self) -> Condition:
        parts = [self.conjunction()]
        while self._take("or"):
            parts.append(self.conjunction())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def conjunction(self) -> Condition:
        parts = [self.negation()]
        while self._take("and"):
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def negation(self) -> Condition:
        if self._take("not"):
            return Not(self.negation())
        if self._take("("):
            inner = self.disjunction()
            if not self._take(")"):
                raise self.error("a bracket is not closed")
            return inner
        return self._test()

    def _test(self) -> Test:
        name = self._next("word", "the name of a fact")
        if name in _KEYWORDS:
            raise self.error(f"a fact's name is expected, not {name!r}")
        element = self.dictionary.find(name, where=self.text)
        kind, word = self._peek()
        if kind == "operator":
            self._need(name, element.kind == "quantity", "a number")
            self.position += 1
            return self._comparison(name, word)
        if word == "within":
            self._need(name, element.kind == "event", "an event")
            self.position += 1
            return IsWithin(name, self._quantity("d"))
        if word in ("is", "in", "includes"):
            self._need(name, element.kind in ("choice", "findings"), "a choice")
            self.position += 1
            return IsOneOf(name, self._choices(name, element.choices))
        self._need(name, element.kind == "yes_no", "a yes/no fact")
        return IsYes(name)

    def _comparison(self, name: str, operator: str) -> Compare | CompareFacts:
        unit = self.dictionary[name].unit or "1"
        if self._take("unset"):
            return Compare(name, operator, None)
        kind, _ = self._peek()
        if kind == "number":
            return Compare(name, operator, self._quantity(unit))
        other = self.dictionary.find(self._next("word", "a number or a fact"), where=self.text)
        self._need(other.id, other.kind == "quantity" and other.unit == unit, f"a number in {unit}")
        return CompareFacts(name, operator, other.id, self._quantity(unit) if self._take("+") else None)

    def _quantity(self, unit: str) -> Quantity:
        number = self._next("number", "a number")
        kind, unit_code = self._peek()
        has_unit = kind == "word" and unit_code not in _KEYWORDS
        if has_unit:
            self.position += 1
        elif not unit.startswith("{"):
            raise self.error(f"the number {number} has no unit")
        quantity = Quantity.parse(f"{number} {unit_code}" if has_unit else f"{number} {unit}")
        return quantity.to(unit)

    def _choices(self, name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        chosen = [self._next("choice", "a choice in double quotes").strip('"')]
        while self._take(","):
            chosen.append(self._next("choice", "a choice in double quotes").strip('"'))
        for choice in chosen:
            if choice not in allowed:
                raise self.error(f"{choice!r} is not a choice of {name} ({', '.join(allowed)})")
        return tuple(chosen)

    def expect_end(self) -> None:
        if self.position < len(self.tokens):
            raise self.error(f"{self.tokens[self.position][1]!r} is not expected here")

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.position] if self.position < len(self.tokens) else ("end", "")

    def _take(self, wanted: str) -> bool:
        kind, found = self._peek()
        if kind != "choice" and found == wanted:
            self.position += 1
            return True
        return False

    def _next(self, kind: str, expected: str) -> str:
        found_kind, found = self._peek()
        if found_kind != kind:
            raise self.error(f"{expected} is expected" + (f", not {found!r}" if found else " at the end"))
        self.position += 1
        return found

    def _need(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise self.error(f"{name} is not {expected}")

    def error(self, what: str) -> InputError:
        return InputError(
            f"condition not understood: {what}",
            value=self.text,
            remedy="write for example: sbp_resting > 140 mm[Hg]",
        )
