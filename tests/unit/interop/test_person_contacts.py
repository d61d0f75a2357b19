"""People around the patient are read as the record names them, and what no field takes is listed."""

from __future__ import annotations

import pytest

from openkap.interop.fhir.person import read_person
from openkap.interop.fhir.person_left_out import left_out_of


def bundle(**patient):
    said = {"resourceType": "Patient", "name": [{"family": "Sample", "given": ["Robin"]}]} | patient
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": said}]}


def phone(value, **more):
    return {"system": "phone", "value": value} | more


def test_a_contact_whose_name_is_one_text_is_read():
    found = read_person(bundle(contact=[{"name": {"text": "Kim Sample"}, "telecom": [phone("555 0188")]}]))
    assert [each.name for each in found.contacts] == ["Kim Sample"]


def test_a_contact_without_a_telephone_is_kept():
    found = read_person(bundle(contact=[{"name": {"family": "Sample", "given": ["Kim"]}}]))
    assert [each.name for each in found.contacts] == ["Kim Sample"]


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        ({"birthDate": "1979-03"}, "birth date 1979-03: not a whole day, ask for it"),
        (
            {"name": [{"family": "Sample"}, {"family": "Exampel", "use": "maiden"}]},
            "a further name: Exampel (maiden)",
        ),
        ({"telecom": [phone("555 0111"), phone("555 0122")]}, "phone: 555 0122"),
        ({"telecom": [phone("555 0111", use="old")]}, "phone in former use: 555 0111"),
        ({"telecom": [{"system": "pager", "value": "77"}]}, "pager: 77"),
        (
            {"address": [{"city": "Here"}, {"line": ["9 Quay"], "city": "There"}]},
            "a further address: 9 Quay, There",
        ),
        ({"contact": [{"telecom": [phone("555 0188")]}]}, "a contact without a name: 555 0188"),
        ({"contact": [{}]}, "a contact without a name: nothing to reach them by"),
    ],
)
def test_what_no_field_takes_is_listed(patient, says):
    assert left_out_of(bundle(**patient)) == (says,)


def test_a_whole_person_leaves_nothing_out():
    whole = bundle(
        birthDate="1979-03-08",
        telecom=[phone("555 0111"), {"system": "email", "value": "robin@example.org"}],
        address=[{"city": "Here"}],
        contact=[{"name": {"text": "Kim"}, "telecom": [phone("555 0188")]}],
    )
    assert left_out_of(whole) == ()


def test_what_cannot_be_read_says_so_instead_of_nothing():
    (said,) = left_out_of(bundle(telecom="555 0111"))
    assert "telecom is text" in said
