"""The patient holds the clinic's tablet: it opens the one page, and nothing else until it is given back."""

import pytest
from enrolled import go_through_all, open_consent

from openkap.care.demo.cast import PASSWORD


@pytest.fixture
def ready(cast, patient):
    """A consent that only lacks the patient's signature: the address of its page."""
    consent = open_consent(cast, patient)
    go_through_all(cast, patient, consent)
    return f"/patients/{patient.uid}/consent/{consent.uid}/"


@pytest.fixture
def tablet(cast):
    return cast.client("cora")


def opens(tablet, address):
    return tablet.get(address).status_code == 200


def test_the_page_the_patient_signs_locks_everything_else(tablet, ready, patient):
    assert opens(tablet, f"{ready}sign/")
    for address in ("/home/", "/patients/", f"/patients/{patient.uid}/", ready):
        assert tablet.get(address).status_code == 423
    assert opens(tablet, f"{ready}sign/"), "the patient may load it again"


def test_signed_the_tablet_says_thanks_and_stays_locked_until_staff_prove_who_they_are(tablet, ready):
    tablet.get(f"{ready}sign/")
    last = tablet.post(f"{ready}sign/", {"name": "Alex Example"}, follow=True)
    page = last.content.decode()
    assert "Thank you. You have signed." in page
    assert "Please give the tablet back" in page
    assert "<nav" not in page
    assert "Example" not in page.split("<main")[1]
    assert tablet.get(ready).status_code == 423
    assert tablet.get(f"{ready}sign/").status_code == 423
    there = tablet.post("/me/unlock/", {"password": PASSWORD, "back": ready}, follow=True)
    assert "the prescriber countersigns" in there.content.decode()
    assert opens(tablet, "/home/")


def test_not_now_signs_nothing_and_leaves_the_tablet_locked(tablet, ready):
    tablet.get(f"{ready}sign/")
    page = tablet.post(f"{ready}sign/", {"act": "not_now", "name": "Alex"}, follow=True).content.decode()
    assert "Nothing was signed." in page
    assert "give the tablet back" in page
    assert tablet.get(ready).status_code == 423
    tablet.post("/me/unlock/", {"password": PASSWORD, "back": ready})
    assert "not signed yet" in tablet.get(ready).content.decode()


def test_a_signature_that_is_refused_is_mended_without_opening_anything(tablet, ready):
    tablet.get(f"{ready}sign/")
    assert tablet.post(f"{ready}sign/", {"name": ""}).status_code == 422
    assert tablet.get("/home/").status_code == 423
    assert tablet.post(f"{ready}sign/", {"name": "Alex Example"}).status_code == 302


def test_a_locked_screen_opens_no_page_to_sign_by_its_address(tablet, ready):
    tablet.get("/home/")
    tablet.post("/me/lock/")
    assert tablet.get(f"{ready}sign/").status_code == 423
    locked = tablet.post(f"{ready}sign/", {"name": "Alex Example"})
    assert locked.status_code == 423


def test_handed_over_for_one_consent_it_opens_no_other(cast, tablet, ready, register):
    other = register("Other")
    consent = open_consent(cast, other)
    go_through_all(cast, other, consent)
    tablet.get(f"{ready}sign/")
    assert tablet.get(f"/patients/{other.uid}/consent/{consent.uid}/sign/").status_code == 423


def test_it_is_too_early_to_sign_and_nobody_is_locked_out(cast, tablet, patient):
    consent = open_consent(cast, patient)
    assert opens(tablet, f"/patients/{patient.uid}/consent/{consent.uid}/sign/")
    assert opens(tablet, "/home/")


def test_the_page_to_give_the_tablet_back_without_a_reason_leads_home(tablet):
    assert tablet.get("/me/handed-back/").headers["Location"] == "/home/"
