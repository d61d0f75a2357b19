"""A glimpse of a resource that cannot be read: what it is called, and which elements it may bear on."""

from __future__ import annotations

from typing import Any

from openkap.core.coding import Coding, short_system
from openkap.core.errors import quote
from openkap.interop.fhir.concepts import CodeIndex, Concept, Kind
from openkap.interop.fhir.fields import Resource
from openkap.protocol.elements import Element

MEDICINES = frozenset({"MedicationRequest", "MedicationStatement"})
LISTED_AS: dict[str, Kind] = {
    "Condition": "condition",
    "AllergyIntolerance": "allergy",
    **dict.fromkeys(MEDICINES, "medicine"),
}
# Where a resource says what it is about, and how much of that is looked at.
NAMED_BY = ("code", "medicationCodeableConcept", "medicationReference", "component")
MOST_GLIMPSED = 20


def concerned(resource_type: str, concept: Concept, index: CodeIndex) -> list[Element]:
    """The elements that a resource of this type would answer, by its codes or its name."""
    kind = LISTED_AS.get(resource_type)
    if kind is None:
        return [element for element, _ in index.asked_by(concept)]
    return [element for element, _ in index.find(kind, concept)] or index.perhaps(kind, concept)


def glimpse(resource: Resource) -> Concept:
    """The codes and words of a resource that cannot be read, so that it is listed by its name."""
    codings: list[Coding] = []
    words, unknown = "", []
    waiting: list[Any] = [resource.get(name) for name in NAMED_BY]
    while waiting and len(codings) < MOST_GLIMPSED:
        each = waiting.pop(0)
        if isinstance(each, list):
            waiting[:0] = each[:MOST_GLIMPSED]
        elif isinstance(each, dict):
            said = {name: text for name, text in each.items() if isinstance(text, str)}
            words = words or said.get("text", "") or said.get("display", "")
            code, system = said.get("code", ""), short_system(said.get("system", ""))
            if code and system:
                codings.append(Coding(system, code.strip(), said.get("display", "")))
            elif code:
                unknown.append(f"{quote(said.get('system', '')) or 'no system'}: {quote(code)}")
            waiting[:0] = [each.get("coding"), *([each["code"]] if not code and "code" in each else [])]
        elif isinstance(each, str):
            words = words or each
    return Concept(tuple(codings), words, tuple(unknown))
