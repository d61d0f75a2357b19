"""Logging in: password, second factor, lockout, nobody's own sign-up."""

import re
import time
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core.cache import cache
from django.test import Client

from openkap.care.accounts.backends import LockingBackend
from openkap.care.audit.models import AuditEvent
from openkap.care.demo.cast import PASSWORD

LOGIN = "/account/login/"


@pytest.fixture(autouse=True)
def nobody_has_tried_yet():
    """The limits on tries count in the cache, which tests share."""
    cache.clear()


@pytest.fixture
def strict(settings):
    """The real thing: a second factor is required."""
    settings.REQUIRE_SECOND_FACTOR = True


def log_in(password=PASSWORD, email="ben@example.org", browser=None):
    browser = browser or Client()
    return browser, browser.post(LOGIN, {"login": email, "password": password})


def code_for(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))


def enrol(browser) -> str:
    """Set up an authenticator app in the browser, as the page says; returns its secret."""
    browser.post("/account/reauthenticate/", {"password": PASSWORD})
    page = browser.get("/account/second-factor/totp/activate/")
    secret = page.context["form"].secret
    answer = browser.post("/account/second-factor/totp/activate/", {"code": code_for(secret)})
    assert answer.status_code == 302, answer.content
    return secret


@pytest.mark.django_db
def test_the_right_password_opens_and_a_wrong_one_does_not(cast):
    browser, answer = log_in()
    assert answer.status_code == 302
    assert browser.get("/home/").status_code == 200
    browser, answer = log_in("wrong")
    assert answer.status_code == 200
    assert browser.get("/home/").status_code == 302


@pytest.mark.django_db
def test_without_a_second_factor_only_its_set_up_opens(cast, strict):
    browser, _ = log_in()
    answer = browser.get("/patients/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/account/second-factor/")
    assert browser.get("/account/second-factor/").status_code == 200
    enrol(browser)
    assert browser.get("/patients/").status_code == 200


@pytest.mark.django_db
def test_the_next_login_asks_for_the_code_and_takes_a_recovery_code_once(cast, strict):
    browser, _ = log_in()
    secret = enrol(browser)
    assert secret not in Authenticator.objects.get(type="totp").data["secret"]
    codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    browser, answer = log_in()
    assert answer.headers["Location"] == "/account/second-factor/authenticate/"
    assert browser.get("/home/").status_code == 302
    assert browser.post("/account/second-factor/authenticate/", {"code": "000000"}).status_code == 200
    answer = browser.post("/account/second-factor/authenticate/", {"code": codes[0]})
    assert answer.status_code == 302
    assert browser.get("/home/").status_code == 200
    browser, _ = log_in()
    assert browser.post("/account/second-factor/authenticate/", {"code": codes[0]}).status_code == 200


@pytest.mark.django_db
def test_a_code_of_the_app_opens_and_cannot_be_replayed(cast, strict):
    browser, _ = log_in()
    secret = enrol(browser)
    # The code of enrolment is used up; the next period's is what the app would show then.
    period = int(time.time() // 30) + 1
    code = format_hotp_value(hotp_value(secret, period))
    from unittest.mock import patch

    with patch("time.time", return_value=period * 30 + 1.0):
        browser, _ = log_in()
        assert browser.post("/account/second-factor/authenticate/", {"code": code}).status_code == 302
        browser, _ = log_in()
        assert browser.post("/account/second-factor/authenticate/", {"code": code}).status_code == 200


@pytest.mark.django_db
def test_a_passkey_can_be_offered_at_the_login_and_added_by_who_is_in(cast):
    page = Client().get(LOGIN).content.decode()
    assert "mfa_login_webauthn" in page or "/account/second-factor/webauthn/login/" in page
    browser, _ = log_in()
    browser.post("/account/reauthenticate/", {"password": PASSWORD})
    assert b"js_data" in browser.get("/account/second-factor/webauthn/add/").content


@pytest.mark.django_db
def test_an_account_that_waits_takes_as_long_to_refuse_as_one_that_nobody_has(cast, watch, monkeypatch):
    from django.contrib.auth import hashers

    work, encode = [], hashers.MD5PasswordHasher.encode
    monkeypatch.setattr(
        hashers.MD5PasswordHasher, "encode", lambda self, *given: work.append(1) or encode(self, *given)
    )

    def hashed(email: str) -> int:
        work.clear()
        assert LockingBackend().authenticate(None, email=email, password="wrong") is None
        return len(work)

    ada, nobody = cast.staff("ada").email, "nobody@example.org"
    assert hashed(ada) == hashed(nobody) == 1
    type(cast.staff("ada")).objects.filter(email=ada).update(locked_until=watch() + timedelta(minutes=5))
    assert hashed(ada) == 1


@pytest.mark.django_db
def test_too_many_wrong_passwords_lock_the_account_for_a_while(cast, watch, settings):
    for _ in range(settings.LOCKOUT_ATTEMPTS):
        log_in("wrong")
    _, answer = log_in()
    assert answer.status_code == 200, "the right password does not help while it is locked"
    assert AuditEvent.objects.filter(action="login.locked", actor=cast.staff("ben").uid).count() == 1
    watch.forward(minutes=settings.LOCKOUT_MINUTES + 1)
    _, answer = log_in()
    assert answer.status_code == 302


@pytest.mark.django_db
def test_an_unknown_address_and_a_wrong_password_look_the_same(cast):
    _, wrong = log_in("wrong")
    _, unknown = log_in("wrong", "nobody@example.org")
    assert wrong.context["form"].errors == unknown.context["form"].errors


@pytest.mark.django_db
def test_nobody_signs_up_by_themselves(client):
    assert client.get("/account/signup/").status_code == 404


@pytest.mark.django_db
def test_somebody_who_left_cannot_log_in_and_loses_the_open_session(cast):
    from openkap.care.accounts.models import Staff

    browser, _ = log_in()
    Staff.objects.filter(email="ben@example.org").update(is_active=False)
    assert browser.get("/home/").status_code == 302
    other, _ = log_in()
    assert other.get("/home/").status_code == 302


@pytest.mark.django_db
def test_a_role_that_ended_opens_nothing(cast, patient):
    from openkap.care.accounts.hiring import end_role

    assert cast.client("ben").get(f"/patients/{patient.uid}/").status_code == 200
    end_role(by=cast.actor("sia"), colleague_uid=cast.staff("ben").uid, role="nurse")
    assert cast.client("ben").get(f"/patients/{patient.uid}/").status_code == 403


@pytest.mark.django_db
def test_somebody_hired_chooses_a_password_by_the_link_they_are_sent(cast, outbox):
    import re

    from openkap.care.messaging.actions import send_due

    form = {"name": "Nia New", "email": "nia@example.org", "role": "nurse", "register_number": ""}
    assert cast.client("sia").post("/staff/", form).status_code == 302
    assert send_due("worker") == 1
    kind, address, _, body = outbox[0]
    assert (kind, address) == ("email", "nia@example.org")
    link = re.search(r"http://[^/]+(/\S+)", body).group(1)
    browser = Client()
    page = browser.get(link, follow=True)
    answer = browser.post(
        page.redirect_chain[-1][0],
        {"password1": "a long new pass phrase", "password2": "a long new pass phrase"},
    )
    assert answer.status_code == 302
    _, answer = log_in("a long new pass phrase", "nia@example.org")
    assert answer.status_code == 302


def heard() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


@pytest.mark.django_db(transaction=True)
def test_coming_in_going_out_and_what_opens_the_door_stand_in_the_audit(cast, strict):
    browser, _ = log_in()
    enrol(browser)
    browser.post("/account/logout/")
    log_in("wrong", "nobody@example.org")
    seen = [each for each in heard() if each.startswith(("login.", "staff.factor"))]
    assert seen[0] == "login.succeeded"
    assert "staff.factor_added" in seen
    assert seen[-2:] == ["login.ended", "login.unknown"]
    # What was typed as an address may be a password: it is kept nowhere.
    assert "nobody@example.org" not in "".join(AuditEvent.objects.values_list("body", flat=True))


@pytest.mark.django_db
def test_wrong_second_factors_lock_the_account_like_wrong_passwords(cast, strict, settings):
    browser, _ = log_in()
    enrol(browser)
    browser, _ = log_in()
    for _ in range(settings.LOCKOUT_ATTEMPTS):
        browser.post("/account/second-factor/authenticate/", {"code": "000000"})
    assert heard().count("login.locked") == 1
    codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    browser.post("/account/second-factor/authenticate/", {"code": codes[0]})
    assert browser.get("/home/").status_code == 302
    log_in(browser=browser)
    assert browser.get("/home/").status_code == 302


PASSKEYS = "/account/second-factor/webauthn/"


def passkey(person, name: str) -> Authenticator:
    held = {"name": name, "credential": {"clientExtensionResults": {"credProps": {"rk": True}}}}
    return Authenticator.objects.create(user=person, type=Authenticator.Type.WEBAUTHN, data=held)


@pytest.mark.django_db
def test_the_password_alone_neither_clears_the_count_of_wrong_codes_nor_passes_by_the_wait(cast, strict):
    browser, _ = log_in()
    enrol(browser)
    opened_before, _ = log_in()
    for _ in range(5):
        # Each time with the right password, which used to begin the count anew.
        guessing, _ = log_in()
        guessing.post("/account/second-factor/authenticate/", {"code": "000000"})
    ben = cast.staff("ben")
    ben.refresh_from_db()
    assert ben.locked_until
    # Of the limits of the cache, which a restart or a cull may empty, nothing is left.
    cache.clear()
    codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    answer = opened_before.post("/account/second-factor/authenticate/", {"code": codes[0]})
    assert "Too many wrong tries" in answer.content.decode()
    assert opened_before.get("/home/").status_code == 302


@pytest.mark.django_db
def test_the_pages_of_passkeys_speak_of_passkeys(cast):
    browser, _ = log_in()
    browser.post("/account/reauthenticate/", {"password": PASSWORD})
    assert "None yet" in browser.get(PASSKEYS).content.decode()
    speaks_of_passkeys(browser.get(PASSKEYS + "add/"), "Add a passkey")
    key = passkey(cast.staff("ben"), "my telephone")
    own = f"{PASSKEYS}keys/{key.pk}/"
    speaks_of_passkeys(browser.get(PASSKEYS), "Passkeys")
    speaks_of_passkeys(browser.get(f"{own}edit/"), "Rename a passkey")
    speaks_of_passkeys(browser.get(f"{own}remove/"), "Remove a passkey")
    browser.post(f"{own}edit/", {"name": "old telephone"})
    assert "old telephone" in browser.get(PASSKEYS).content.decode()
    browser.post(f"{own}remove/")
    assert not Authenticator.objects.filter(pk=key.pk).exists()


def speaks_of_passkeys(answer, heading: str) -> None:
    page = answer.content.decode()
    assert f"<h1>{heading}</h1>" in page
    assert not re.search("security key|passwordless<|two-factor", page, re.IGNORECASE)


def test_the_login_page_offers_nothing_that_nobody_can_do_here():
    page = Client().get(LOGIN).content.decode()
    assert "sign up" not in page
    assert 'href="None"' not in page
    assert "Log in</button>" in page
    assert "site administrator" in page
