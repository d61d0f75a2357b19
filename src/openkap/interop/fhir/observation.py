"""Observation: a reading of an element, with its unit and time; components such as blood pressure too."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from openkap.core.errors import InputError
from openkap.interop.fhir.concepts import SAYS_NOTHING, CodeIndex, concept_of, read_concept, status_code
from openkap.interop.fhir.condition import note_unmatched
from openkap.interop.fhir.fields import Resource, choice, name_of, part, parts, text
from openkap.interop.fhir.findings import Finding, Tray, origin_of
from openkap.interop.fhir.moments import Span, span_of
from openkap.protocol.elements import Element, Value

READY = frozenset({"final", "amended", "corrected"})
VOID = {"entered-in-error": "entered in error", "cancelled": "cancelled"}
# The international unit of an enzyme is the unit U (micromole a minute) by its definition, IUB 1964; UCUM
# keeps [IU] arbitrary because for other substances it is.
ENZYME_UNITS = {"[IU]/L": "U/L", "IU/L": "U/L", "[iU]/L": "U/L"}


class NoValue(InputError):
    """Nothing was measured or answered: that leaves a question open, and casts no doubt on other readings."""


LONGEST_NUMBER = 40
LARGEST_EXPONENT = 20
NO_DATE = InputError("a reading without its date", remedy="ask when it was taken")
UNREAD_DATE = InputError("a reading whose date cannot be read", remedy="ask when it was taken")


def read_observation(
    observation: Resource, place: str, index: CodeIndex, as_of: datetime, tray: Tray
) -> None:
    """Add the readings of this observation to the tray."""
    name = name_of(observation, place)
    status = text(observation, "status").lower()
    components = list(parts(observation, "component"))
    concept = read_concept(observation, "code")
    asked = [(observation, index.asked_by(concept))]
    asked += [(holder, index.asked_by(read_concept(holder, "code"))) for holder in components]
    if status in VOID:
        tray.set_aside(name, concept.shown(), VOID[status])
        return
    if not any(elements for _, elements in asked):
        note_unmatched(name, concept, tray)
        return
    when, is_dated = tray.date(name, concept.shown(), lambda: span_of(observation, "effective", as_of))
    if status not in READY:
        why = f"status {status or 'not given'}: not a final result"
        valued = [each for holder, elements in asked if _has_value(holder) for each, _ in elements]
        tray.doubt(valued, name, concept.shown(), why, when)
        return
    for holder, elements in asked:
        for element, coding in elements:
            if holder is observation and components and not choice(observation, "value")[0]:
                continue  # the panel itself; its readings are the components
            _add(holder, name, element, origin_of(name, coding), when, is_dated, index, tray)


def _has_value(holder: Resource) -> bool:
    return any(each.startswith("value") for each in holder)


def _add(
    holder: Resource,
    name: str,
    element: Element,
    origin: str,
    when: Span | None,
    is_dated: bool,
    index: CodeIndex,
    tray: Tray,
) -> None:
    try:
        if _says_nothing(holder, element, index):
            tray.set_aside(name, element.label, "understood, and leaves the question open")
            tray.ended.extend([(element, when)] if when else [])
            return
        value = read_value(holder, element, index)
    except NoValue as nothing:
        tray.not_understood(name, element.label, nothing)
    except InputError as refused:
        tray.doubt([element], name, element.label, refused, when)
    else:
        if when is None and value is not True:
            tray.doubt([element], name, element.label, NO_DATE if is_dated else UNREAD_DATE)
        else:
            tray.findings.append(Finding(element, value, when, origin, is_passing=True))


def _says_nothing(holder: Resource, element: Element, index: CodeIndex) -> bool:
    kind, value = choice(holder, "value")
    if kind != "CodeableConcept" or not isinstance(value, dict):
        return False
    return index.answer(element, concept_of(value)) == SAYS_NOTHING


def read_value(holder: Resource, element: Element, index: CodeIndex) -> Value:
    """The value[x] as a value of the element; ``InputError`` says what it is instead."""
    kind, value = choice(holder, "value")
    if not kind:
        reason = status_code(holder, "dataAbsentReason")
        raise NoValue("no value", value=reason or None, remedy="ask for it")
    if kind == "Quantity" and isinstance(value, dict):
        return element.parse(_quantity(value))
    if kind == "CodeableConcept" and isinstance(value, dict):
        return element.parse(index.answer(element, concept_of(value)))
    if kind in ("Integer", "Decimal") and isinstance(value, int | float | Decimal):
        return element.parse(number_text(value))
    if kind == "String" and isinstance(value, str):
        return element.parse(value)
    if kind == "Boolean" and isinstance(value, bool):
        return element.parse(value)
    raise InputError(f"a value given as {kind} cannot be read here", remedy="ask for the value")


def _quantity(quantity: Resource) -> str:
    if text(quantity, "comparator"):
        raise InputError(
            "a limit, not a value",
            value=f"{text(quantity, 'comparator')} {quantity.get('value')}",
            remedy="ask for the value itself",
        )
    unit = text(quantity, "code") or text(quantity, "unit")
    number = quantity.get("value")
    if number is None:
        reason = status_code(quantity, "dataAbsentReason") or text(part(quantity, "_value"), "id")
        raise NoValue("no value", value=reason or None, remedy="ask for it")
    return f"{number_text(number)} {ENZYME_UNITS.get(unit, unit)}".strip()


def number_text(number: Any) -> str:
    """A JSON number as plain digits; ``InputError`` for anything else or of absurd size."""
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
        raise InputError("not a number", value=number, remedy="ask for the value")
    exact = Decimal(str(number)) if not isinstance(number, int) or number.bit_length() < 200 else None
    if exact is None or not exact.is_finite() or abs(exact.adjusted()) > LARGEST_EXPONENT:
        raise InputError("a number of impossible size", remedy="ask for the value")
    plain = f"{exact:f}"
    if len(plain) > LONGEST_NUMBER:
        raise InputError("a number with too many digits", value=plain, remedy="ask for the value")
    return plain
