"""AllergyIntolerance: an allergy to a listed substance, ever, is a yes."""

from __future__ import annotations

from datetime import datetime

from openkap.interop.fhir.concepts import CodeIndex, read_concept, status_code
from openkap.interop.fhir.condition import NOT_THERE, note_unmatched
from openkap.interop.fhir.fields import Resource, name_of, parts, text
from openkap.interop.fhir.findings import Finding, Tray, origin_of
from openkap.interop.fhir.moments import read_span


def read_allergy(allergy: Resource, place: str, index: CodeIndex, as_of: datetime, tray: Tray) -> None:
    """Add what this allergy says to the tray.

    An unconfirmed allergy counts: most records hold what the patient told, and a person decides.
    """
    name = name_of(allergy, place)
    concept = read_concept(allergy, "code")
    verification = status_code(allergy, "verificationStatus")
    if verification in NOT_THERE:
        tray.set_aside(name, concept.shown(), NOT_THERE[verification])
        return
    substances = [concept, *(read_concept(each, "substance") for each in parts(allergy, "reaction"))]
    found = {
        element.id: (element, coding)
        for substance in substances
        for element, coding in index.find("allergy", substance)
    }
    if not found:
        note_unmatched(name, concept, tray, index.perhaps("allergy", *substances))
        return
    written = text(allergy, "recordedDate")
    when, _ = tray.date(name, concept.shown(), lambda: read_span(written, as_of) if written else None)
    for element, coding in found.values():
        tray.findings.append(Finding(element, True, when, origin_of(name, coding)))
