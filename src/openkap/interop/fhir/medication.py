"""MedicationRequest and MedicationStatement: what is taken now, and when something was last taken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from openkap.core.coding import Coding
from openkap.interop.fhir.concepts import CodeIndex, Concept, concept_of, read_concept
from openkap.interop.fhir.condition import note_unmatched
from openkap.interop.fhir.fields import Resource, choice, flag, name_of, part, parts, text
from openkap.interop.fhir.findings import Finding, Tray, origin_of
from openkap.interop.fhir.moments import Span, read_period, read_span, span_of
from openkap.protocol.elements import Element

# Resolves a reference of a resource to the resource it names, or None.
Resolver = Callable[[Resource, str], Resource | None]

# Status to how it counts: taken now, taken once, never taken; anything else is for a person.
NOW, ONCE, NEVER = "taken now", "taken once", "never taken"
STATUS = {
    "active": NOW,
    "on-hold": ONCE,
    "stopped": ONCE,
    "completed": ONCE,
    "entered-in-error": NEVER,
    "cancelled": NEVER,
    "draft": NEVER,
    "not-taken": NEVER,
    "intended": NEVER,
}
NOT_ORDERS = frozenset({"proposal", "plan", "option"})


def read_medication(
    resource: Resource, place: str, index: CodeIndex, as_of: datetime, tray: Tray, resolve: Resolver
) -> None:
    """Add what this order or statement says to the tray."""
    name = name_of(resource, place)
    concept = _medicine(resource, resolve)
    found = index.find("medicine", concept)
    status = text(resource, "status").lower()
    counts = STATUS.get(status)
    if counts == NEVER or flag(resource, "doNotPerform"):
        tray.set_aside(name, concept.shown(), status if counts == NEVER else "an order not to give it")
        return
    if not found:
        meant = index.perhaps("medicine", concept)
        if counts == ONCE:
            meant = [each for each in meant if each.kind == "event" or each.history == "lifetime"]
        note_unmatched(name, concept, tray, meant)
        return
    if counts is None or text(resource, "intent").lower() in NOT_ORDERS:
        said = f"status {status or 'not given'}, intent {text(resource, 'intent') or 'not given'}"
        tray.doubt([each for each, _ in found], name, concept.shown(), f"{said}: ask whether it is taken")
        return
    for element, coding in found:
        _add(resource, name, concept, element, coding, counts == NOW, as_of, tray)


def _add(
    resource: Resource,
    name: str,
    concept: Concept,
    element: Element,
    coding: Coding,
    is_taken: bool,
    as_of: datetime,
    tray: Tray,
) -> None:
    origin, what = origin_of(name, coding), concept.shown()
    if element.kind == "event":
        last, _ = (None, True) if is_taken else tray.date(name, what, lambda: _ended(resource, as_of))
        tray.findings.append(Finding(element, None, last, origin))
    elif is_taken or element.history == "lifetime":
        asserted, _ = tray.date(name, what, lambda: _asserted(resource, as_of))
        tray.findings.append(Finding(element, True, asserted, origin))
    else:
        status = text(resource, "status")
        tray.set_aside(name, what, f"{status}: says nothing of {element.label.lower()} now")


def _medicine(resource: Resource, resolve: Resolver) -> Concept:
    """The code given, or that of the Medication referred to, with the codes of its ingredients."""
    kind, value = choice(resource, "medication")
    if kind == "Reference" and isinstance(value, dict):
        medication = resolve(resource, text(value, "reference"))
        if medication is None:
            return Concept((), text(value, "display"), ())
        concepts = [read_concept(medication, "code")]
        concepts += [read_concept(each, "itemCodeableConcept") for each in parts(medication, "ingredient")]
        codings = tuple(coding for each in concepts for coding in each.codings)
        return Concept(codings, concepts[0].text, concepts[0].unknown)
    if kind == "CodeableConcept" and isinstance(value, dict):
        return concept_of(value)
    return Concept((), value if isinstance(value, str) else "", ())


def _asserted(resource: Resource, as_of: datetime) -> Span | None:
    """When it was last said to be taken: the newest of its own dates."""
    written = [text(resource, name) for name in ("authoredOn", "dateAsserted")]
    written.append(text(part(resource, "meta"), "lastUpdated"))
    return max((read_span(each, as_of) for each in written if each), default=None)


def _ended(resource: Resource, as_of: datetime) -> Span | None:
    """When it was last taken: the end of the effective period; an order alone does not tell."""
    kind, value = choice(resource, "effective")
    if kind == "DateTime":
        return span_of(resource, "effective", as_of)
    if kind == "Period" and isinstance(value, dict) and text(value, "end"):
        period = read_period(value, as_of)
        return Span(period.end, period.end) if period else None
    return None
