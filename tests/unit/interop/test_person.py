"""Who a record says somebody is: what it does not say stays unknown."""

import pytest

from openkap.interop.fhir.person import read_person

NEEDED = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-interpreter-needed"
SPANISH = {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "es-MX"}]}, "preferred": True}


def patient(**more):
    return {"resourceType": "Patient", "communication": [SPANISH], **more}


def told(code):
    return [{"url": NEEDED, "valueCoding": {"system": "http://snomed.info/sct", "code": code}}]


def test_a_language_alone_does_not_say_that_an_interpreter_is_needed():
    person = read_person({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient()}]})
    assert (person.language, person.needs_interpreter) == ("es", None)


@pytest.mark.parametrize(("code", "needs"), [("373066001", True), ("373067005", False), ("unknown", None)])
def test_a_record_that_says_whether_one_is_needed_is_believed(code, needs):
    assert (
        read_person(
            {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"resource": patient(extension=told(code))}],
            }
        ).needs_interpreter
        is needs
    )
