"""A person whom a record names twice is one contact, with every number it gives."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from openkap.care.patients.models import Contact
from openkap.care.patients.named_contacts import contacts_named
from openkap.interop.fhir.person import read_person


def contact(given: str, *numbers: str, relation: str = "", family: str = "Sample"):
    said = {
        "name": {"family": family, "given": [given]},
        "telecom": [{"system": "phone", "value": each} for each in numbers],
    }
    return said | ({"relationship": [{"text": relation}]} if relation else {})


def bundle(*contacts):
    patient = {
        "resourceType": "Patient",
        "name": [{"family": "Sample", "given": ["Robin"]}],
        "contact": list(contacts),
    }
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}]}


def named(*contacts):
    return contacts_named(read_person(bundle(*contacts)))


def test_the_same_contact_twice_is_one():
    kim = contact("Kim", "+1 555 0100 188", relation="sister")
    assert named(kim, kim) == (("carer", "Kim Sample", "sister", "+1 555 0100 188"),)


def test_one_number_written_in_two_ways_stands_once():
    found = named(contact("Kim", "+1 555 0100 188"), contact("KIM", "(555) 0100-188"))
    assert found == (("carer", "Kim Sample", "", "+1 555 0100 188"),)


def test_two_numbers_of_one_contact_are_both_kept():
    found = named(contact("Kim", "+1 555 0100 188", relation="sister"), contact("Kim", "+1 555 0100 199"))
    assert found == (("carer", "Kim Sample", "sister", "+1 555 0100 188 or +1 555 0100 199"),)


def test_a_second_number_in_one_entry_is_kept_too():
    found = named(contact("Kim", "+1 555 0100 188", "+1 555 0100 199"))
    assert found == (("carer", "Kim Sample", "", "+1 555 0100 188 or +1 555 0100 199"),)


@pytest.mark.parametrize(
    "other",
    [
        contact("Sam", "+1 555 0100 188", relation="sister"),
        contact("Kim", "+1 555 0100 199", relation="general practitioner"),
    ],
)
def test_another_name_or_part_with_another_number_is_another_contact(other):
    assert len(named(contact("Kim", "+1 555 0100 188", relation="sister"), other)) == 2


def test_both_parts_of_one_person_with_one_number_are_kept():
    found = named(
        contact("Kim", "+1 555 0100 188", relation="sister"),
        contact("Kim", "+1 555 0100 188", relation="guardian"),
    )
    assert found == (("carer", "Kim Sample", "sister, guardian", "+1 555 0100 188"),)


def test_an_uploaded_record_with_one_contact_twice_makes_one(cast):
    said = bundle(contact("Kim", "+1 555 0100 188"), contact("Kim", "+1 555 0100 199"))
    cora = cast.client("cora")
    file = SimpleUploadedFile("referral.json", json.dumps(said).encode(), "application/json")
    shown = cora.post("/referrals/upload/", {"bundle": file}, follow=True)
    form = shown.context["form"]
    sent = {name: form[name].value() or "" for name in form.fields if name != "may_text"}
    url = shown.request["PATH_INFO"]
    assert cora.post(url, sent | {"is_new": "yes"}).status_code == 302
    assert Contact.objects.get().telephone == "+1 555 0100 188 or +1 555 0100 199"


def test_either_number_of_a_contact_says_that_it_stands_here_already(cast, patient):
    page = f"/patients/{patient.uid}/contacts/"
    kim = {"act": "add", "kind": "carer", "name": "Kim Sample"}
    ben = cast.client("ben")
    ben.post(page, kim | {"telephone": "+1 555 0100 188"})
    Contact.objects.update(telephone="+1 555 0100 188 or +1 555 0100 199")
    for number in ("+1 555 0100 188", "+1 555 0100 199"):
        assert "stands here already" in ben.post(page, kim | {"telephone": number}).content.decode()
    assert Contact.objects.count() == 1
