"""A contact stands once, however often it is sent."""

from __future__ import annotations

import pytest

from openkap.care.patients.models import Contact

KIM = {"act": "add", "kind": "escort", "name": "Kim Löwe", "telephone": "+1 555 0100 333"}


@pytest.fixture
def page(patient):
    return f"/patients/{patient.uid}/contacts/"


@pytest.mark.parametrize("again", [{}, {"telephone": "+15550100333"}, {"name": "kim lowe "}])
def test_a_contact_sent_twice_stands_once_and_the_page_says_so(cast, page, again):
    ben = cast.client("ben")
    ben.post(page, KIM)
    told = ben.post(page, KIM | {"relation": "sister"} | again).content.decode()
    assert Contact.objects.count() == 1
    assert (
        "This contact stands here already: Kim Löwe, escort home, +1 555 0100 333; to change it, end it"
        in told
    )
    assert "sister" in told


@pytest.mark.parametrize(
    "other", [{"kind": "emergency"}, {"telephone": "+1 555 0100 334"}, {"name": "Sam Löwe"}]
)
def test_another_part_number_or_person_is_another_contact(cast, page, other):
    ben = cast.client("ben")
    ben.post(page, KIM)
    ben.post(page, KIM | other)
    assert Contact.objects.count() == 2


def test_a_contact_that_was_ended_can_be_added_anew(cast, page):
    ben = cast.client("ben")
    ben.post(page, KIM)
    ben.post(page, {"act": "end", "contact": Contact.objects.get().uid})
    ben.post(page, KIM)
    assert Contact.objects.filter(ended_at__isnull=True).count() == 1
