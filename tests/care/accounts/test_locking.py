"""A shared tablet: it locks, opens by PIN or password, and keeps what was typed."""

import base64
import json
import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session

from openkap.care.accounts.backends import check_pin
from openkap.care.accounts.models import Staff
from openkap.care.accounts.sealing import unseal
from openkap.care.demo.cast import PASSWORD

PIN = "482913"


@pytest.fixture
def tablet(cast):
    """Ben's tablet with a PIN."""
    browser = cast.client("ben")
    assert browser.post("/me/", {"pin": PIN, "password": PASSWORD}).status_code == 302
    return browser


def leave_alone(watch, settings):
    watch.forward(minutes=settings.LOCK_AFTER_MINUTES + 1)


def log_out_elsewhere(tablet):
    """The session ends; the browser and its other cookies stay."""
    whose = tablet.cookies["last_person"].value
    tablet.logout()
    tablet.cookies["last_person"] = whose


def test_a_name_that_somebody_else_wrote_into_the_cookie_counts_for_nothing(tablet):
    assert tablet.get("/home/").status_code == 200
    uid, _, mark = tablet.cookies["last_person"].value.partition(":")
    for forged in (f"somebody:{mark}", uid, f"{uid}:{mark[:-1]}", ""):
        tablet.cookies["last_person"] = forged
        assert tablet.get("/home/").cookies["last_person"].value == f"{uid}:{mark}"
    assert "last_person" not in tablet.get("/home/").cookies


def test_a_session_that_we_did_not_sign_is_nobody_s_and_is_logged(tablet, caplog):
    assert tablet.get("/home/").status_code == 200
    held = Session.objects.get(session_key=tablet.cookies["sessionid"].value)
    for text in (held.session_data[:-1], "", "e30:x:y"):
        Session.objects.filter(pk=held.pk).update(session_data=text)
        assert tablet.get("/home/").headers["Location"].startswith("/account/login/")
    assert [each.name for each in caplog.records] == ["django.security.SuspiciousSession"] * 3
    Session.objects.filter(pk=held.pk).update(session_data=held.session_data)
    assert tablet.get("/home/").status_code == 200


def test_it_locks_after_idle_minutes_and_the_pin_opens_it(tablet, watch, settings, patient):
    page = f"/patients/{patient.uid}/"
    assert tablet.get(page).status_code == 200
    leave_alone(watch, settings)
    locked = tablet.get(page)
    assert locked.status_code == 423
    assert "EXAMPLE" not in locked.content.decode()
    answer = tablet.post("/me/unlock/", {"pin": PIN, "back": page})
    assert answer.headers["Location"] == page
    assert tablet.get(page).status_code == 200


def test_the_password_opens_it_too_and_a_wrong_pin_does_not(tablet, watch, settings):
    tablet.get("/home/")
    leave_alone(watch, settings)
    tablet.post("/me/unlock/", {"pin": "000000"})
    assert tablet.get("/home/").status_code == 423
    tablet.post("/me/unlock/", {"password": PASSWORD})
    assert tablet.get("/home/").status_code == 200


def test_three_wrong_pins_end_the_session(tablet, watch, settings):
    tablet.get("/home/")
    leave_alone(watch, settings)
    for _ in range(3):
        tablet.post("/me/unlock/", {"pin": "000000"})
    assert tablet.get("/home/").headers["Location"].startswith("/account/login/")


def test_a_form_sent_from_a_locked_screen_is_kept_and_offered_again(tablet, watch, settings, patient):
    page = f"/patients/{patient.uid}/crisis-plan/"
    tablet.get(page)
    leave_alone(watch, settings)
    words = "Walks by the river, “süß” & <quiet>\nsecond line"
    locked = tablet.post(page, {"version": "0", "what_helps": words})
    assert locked.status_code == 423
    held = re.search(r'name="held" value="([^"]+)"', locked.content.decode()).group(1)
    offered = tablet.post("/me/unlock/", {"pin": PIN, "held": held, "back": page})
    fields = dict(offered.context["fields"])
    assert fields["what_helps"] == words
    assert tablet.post(offered.context["path"], fields).status_code == 302
    assert words.splitlines()[0] in tablet.get(page).context["form"].initial["what_helps"]


def test_a_held_form_keeps_no_password_and_cannot_be_read_without_the_key(tablet, watch, settings, patient):
    page = f"/patients/{patient.uid}/screening/decide/"
    tablet.get("/home/")
    leave_alone(watch, settings)
    locked = tablet.post(page, {"outcome": "eligible", "reason": "seen twice", "password": PASSWORD})
    assert PASSWORD not in locked.content.decode()
    held = re.search(r'name="held" value="([^"]+)"', locked.content.decode()).group(1)
    for part in held.split("."):
        assert b"seen twice" not in base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    assert json.loads(unseal(held))["form"] == "outcome=eligible&reason=seen+twice"
    offered = tablet.post("/me/unlock/", {"pin": PIN, "held": held, "back": page})
    assert PASSWORD not in offered.content.decode()
    assert "Password, once more" in offered.content.decode()


def test_locking_by_hand_locks_at_once(tablet):
    tablet.get("/home/")
    tablet.post("/me/lock/")
    assert tablet.get("/home/").status_code == 423


def test_a_fragment_of_a_locked_page_reloads_the_page(tablet, watch, settings):
    tablet.get("/home/")
    leave_alone(watch, settings)
    answer = tablet.get("/home/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (401, "true")


def test_what_a_part_of_a_page_sent_from_a_locked_screen_is_offered_again(tablet, watch, settings, patient):
    page = f"/patients/{patient.uid}/crisis-plan/"
    tablet.get(page)
    leave_alone(watch, settings)
    sent = {"version": "0", "what_helps": "A walk"}
    locked = tablet.post(page, sent, headers={"HX-Request": "true"})
    assert (locked.status_code, locked.headers["HX-Retarget"]) == (423, "body")
    held = re.search(r'name="held" value="([^"]+)"', locked.content.decode()).group(1)
    offered = tablet.post("/me/unlock/", {"pin": PIN, "held": held, "back": page})
    assert dict(offered.context["fields"])["what_helps"] == "A walk"


def test_a_wrong_pin_loses_nothing_of_the_form_that_waits(tablet, watch, settings, patient):
    page = f"/patients/{patient.uid}/crisis-plan/"
    tablet.get(page)
    leave_alone(watch, settings)
    locked = tablet.post(page, {"version": "0", "what_helps": "A walk"})
    held = re.search(r'name="held" value="([^"]+)"', locked.content.decode()).group(1)
    again = tablet.post("/me/unlock/", {"pin": "000000", "held": held, "back": page})
    assert (again.status_code, held in again.content.decode()) == (423, True)


def test_what_is_sent_after_the_session_has_ended_waits_for_that_persons_login(tablet, cast, patient):
    page = f"/patients/{patient.uid}/crisis-plan/"
    tablet.get(page)
    log_out_elsewhere(tablet)
    answer = tablet.post(page, {"version": "0", "what_helps": "A walk"})
    assert answer.headers["Location"] == "/account/login/?next=/me/held/"
    tablet.force_login(cast.staff("ben"))
    offered = tablet.get("/me/held/")
    assert dict(offered.context["fields"])["what_helps"] == "A walk"
    assert tablet.post(offered.context["path"], dict(offered.context["fields"])).status_code == 302
    assert tablet.get("/me/held/").headers["Location"] == "/home/"


def test_what_waits_for_one_person_is_not_shown_to_another(tablet, cast, patient):
    page = f"/patients/{patient.uid}/crisis-plan/"
    tablet.get(page)
    log_out_elsewhere(tablet)
    tablet.post(page, {"version": "0", "what_helps": "A walk"})
    tablet.force_login(cast.staff("cora"))
    assert tablet.get("/me/held/").headers["Location"] == "/home/"


def test_what_a_stranger_sends_is_kept_nowhere(client, patient):
    from django.contrib.sessions.models import Session

    answer = client.post(f"/patients/{patient.uid}/crisis-plan/", {"what_helps": "A walk" * 1_000})
    assert answer.headers["Location"].startswith("/account/login/?next=/patients/")
    assert not Session.objects.exists()


@pytest.mark.parametrize("pin", ["123456", "111111", "12345", "654321", "12a456", "١٢٣٤٥٦", ""])
def test_a_pin_that_is_easy_to_guess_is_refused(cast, pin):
    answer = cast.client("ben").post("/me/", {"pin": pin, "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.context["error"].where == "pin"


def test_unlocking_never_sends_people_elsewhere(tablet):
    answer = tablet.post("/me/unlock/", {"pin": PIN, "back": "https://evil.example/"})
    assert answer.headers["Location"] == "/home/"


def test_a_pin_that_is_tried_while_others_are_is_tried_after_them(tablet, cast, watch):
    ben = Staff.objects.get(pk=cast.staff("ben").pk)
    # Another try at the same moment has made the account wait, after this one read who it is.
    Staff.objects.filter(pk=ben.pk).update(locked_until=watch() + timedelta(minutes=15))
    assert not check_pin(ben, PIN)
