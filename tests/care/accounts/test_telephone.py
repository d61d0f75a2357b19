"""The number at which a person of the clinic is called: on the form that hires them, and on their own page."""

from __future__ import annotations

import pytest

from openkap.care.accounts.models import Staff
from openkap.care.audit.models import AuditEvent
from openkap.care.demo.cast import PASSWORD

HIRED = {"name": "Nia Brook", "email": "nia@example.org", "role": "nurse"}


def test_who_is_hired_has_the_telephone_that_was_written_down(cast):
    assert cast.client("sia").post("/staff/", HIRED | {"telephone": "+1 555 010 0177"}).status_code == 302
    assert Staff.objects.get(email="nia@example.org").telephone == "+1 555 010 0177"


def test_what_is_no_telephone_number_is_refused_when_hiring(cast):
    page = cast.client("sia").post("/staff/", HIRED | {"telephone": "ask her"}).content.decode()
    assert "is not a telephone number" in page
    assert not Staff.objects.filter(email="nia@example.org").exists()


def test_everybody_changes_their_own_telephone_with_their_password(cast):
    client = cast.client("ada")
    form = {"act": "telephone", "telephone": "+1 555 010 0111", "password": PASSWORD}
    assert client.post("/me/", form).status_code == 302
    assert "+1 555 010 0111" in client.get("/me/").content.decode()
    event = AuditEvent.objects.get(action="staff.telephone_set")
    assert "0111" not in str(event.body)


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"telephone": "none"}, "is not a telephone number"), ({"password": "wrong"}, "password is not right")],
)
def test_a_telephone_that_cannot_be_taken_is_refused_and_stays_on_the_page(cast, changed, said):
    form = {"act": "telephone", "telephone": "+1 555 010 0111", "password": PASSWORD} | changed
    page = cast.client("ada").post("/me/", form).content.decode()
    assert said in page
    assert form["telephone"] in page
    assert not Staff.objects.get(pk=cast.staff("ada").pk).telephone
