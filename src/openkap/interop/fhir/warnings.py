"""What a record warns of in its own words: every allergy and every flag that stands."""

from __future__ import annotations

from openkap.core.errors import InputError, quote
from openkap.interop.fhir.concepts import CodeIndex, read_concept, status_code
from openkap.interop.fhir.condition import NOT_THERE
from openkap.interop.fhir.fields import Resource, parts, text
from openkap.interop.fhir.findings import Warned
from openkap.interop.fhir.glimpse import glimpse

ALLERGY, FLAG = "AllergyIntolerance", "Flag"
WARNS = frozenset({ALLERGY, FLAG})
OVER = frozenset({"inactive", "resolved", "entered-in-error"})
# How a record says in an entry for an allergy that there is none.
NONE_KNOWN = ("no known", "none known", "no allerg", "nkda")


def warned_of(kind: str, resource: Resource, index: CodeIndex) -> Warned | None:
    """What this entry warns of; ``None`` where it is over, was refuted, or says that there is nothing."""
    try:
        return _allergy(resource, index) if kind == ALLERGY else _flag(resource)
    except InputError:
        # What cannot be read in full still warns, by the words that it has.
        return Warned(kind, quote(glimpse(resource).text) or "an entry that could not be read")


def _allergy(resource: Resource, index: CodeIndex) -> Warned | None:
    if status_code(resource, "verificationStatus") in NOT_THERE:
        return None
    concept = read_concept(resource, "code")
    substances = [concept, *(read_concept(each, "substance") for each in parts(resource, "reaction"))]
    answers = {element.id for each in substances for element, _ in index.find("allergy", each)}
    words = next((each.text for each in substances if quote(each.text)), "") or concept.shown()
    if not answers and status_code(resource, "clinicalStatus") in OVER:
        return None
    if words.strip().lower().startswith(NONE_KNOWN):
        return None
    return Warned(ALLERGY, quote(words), tuple(sorted(answers)))


def _flag(resource: Resource) -> Warned | None:
    if text(resource, "status").lower() in OVER:
        return None
    concept = read_concept(resource, "code")
    return Warned(FLAG, quote(concept.text) or concept.shown())
