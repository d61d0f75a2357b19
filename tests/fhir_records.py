"""Small FHIR records for tests: one patient, a few resources, read as of a fixed moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from openkap.core.coding import SYSTEMS
from openkap.interop.fhir.bundle import read_bundle
from openkap.interop.fhir.concepts import shipped_index
from openkap.interop.fhir.findings import Intake
from openkap.interop.fhir.questionnaire_response import SCREENING
from openkap.protocol.elements import dictionary

AS_OF = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANEURYSM = "433068007"
INFARCTION = "22298006"
PSYCHOSIS = "69322001"
Json = dict[str, Any]


def codeable(code: str, system: str = "sct", text: str = "") -> Json:
    return {
        "coding": [{"system": SYSTEMS.get(system, system), "code": code}],
        **({"text": text} if text else {}),
    }


def status(code: str) -> Json:
    return {"coding": [{"code": code}]}


def patient(**fields: Any) -> Json:
    return {"resourceType": "Patient", "id": "p", "birthDate": "1980-05-17", "gender": "female", **fields}


def about(kind: str, name: str = "r", **fields: Any) -> Json:
    holder = "patient" if kind == "AllergyIntolerance" else "subject"
    return {"resourceType": kind, "id": name, holder: {"reference": "Patient/p"}, **fields}


def condition(code: str = ANEURYSM, name: str = "c", system: str = "sct", **fields: Any) -> Json:
    return about("Condition", name, code=codeable(code, system), **fields)


def reading(
    code: str = "29463-7",
    value: Any = 80,
    unit: str = "kg",
    name: str = "o",
    day: str = "2026-11-20",
    **fields: Any,
) -> Json:
    quantity = {"value": value, "unit": unit, "code": unit} if unit else {"value": value}
    return about(
        "Observation",
        name,
        **{
            "status": "final",
            "code": codeable(code, "loinc"),
            "effectiveDateTime": day,
            "valueQuantity": quantity,
            **fields,
        },
    )


def screening(day: str = "2026-11-22", name: str = "q", **answers: Any) -> Json:
    """The screening questionnaire, answered with yes, no or text."""
    items = [
        {"linkId": link, "answer": [{"valueBoolean" if isinstance(given, bool) else "valueString": given}]}
        for link, given in answers.items()
    ]
    said = {"status": "completed", "questionnaire": SCREENING, "authored": day, "item": items}
    return about("QuestionnaireResponse", name, **said)


def bundle(*resources: Json, kind: str = "collection") -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": each} for each in resources]}


def intake(*resources: Json) -> Intake:
    """The record of the one patient with these resources."""
    return read(bundle(patient(), *resources))


def read(data: Any) -> Intake:
    return read_bundle(data, dictionary(), shipped_index(), AS_OF)


def value(found: Intake, element: str) -> Any:
    """What the record says, counted or not; ``None`` when it says nothing."""
    fact = found.facts.known.get(element)
    return None if fact is None else fact.value


def why(found: Intake) -> str:
    """Everything a person must look at, as one text."""
    return "\n".join(map(str, found.not_understood))


def aside(found: Intake) -> str:
    return "\n".join(map(str, found.set_aside))
