"""The login library's pages and mails: they speak as the clinic does, and each says what comes next."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.core.cache import cache
from django.test import Client
from fido2.cose import ES256
from fido2.webauthn import AttestedCredentialData

from care.accounts.test_login import PASSKEYS, enrol, log_in, passkey
from openkap.care.demo.cast import PASSWORD

FACTOR = "/account/second-factor/"
RESET = "/account/password/reset/"
# Words of the library that nobody here uses.
FOREIGN = re.compile(
    r"two-factor|security key|passwordless<|sign(ed|ing)? (in|out|up)|authenticat(e|ion)\b|token\b|"
    r"activate|generate|confirm access|master key|alternative options|hello from|inactive",
    re.IGNORECASE,
)


@pytest.fixture(autouse=True)
def nobody_has_tried_yet():
    """The limits on tries count in the cache, which tests share."""
    cache.clear()


@pytest.fixture
def ben(cast):
    browser, _ = log_in()
    browser.post("/account/reauthenticate/", {"password": PASSWORD})
    return browser


@pytest.fixture
def held_key(monkeypatch):
    """What the library reads of the passkeys that somebody holds: one, of an invented device."""
    public = ES256({1: 2, 3: -7, -1: 1, -2: b"\1" * 32, -3: b"\2" * 32})
    device = AttestedCredentialData.create(bytes(16), b"invented device", public)
    monkeypatch.setattr(auth, "get_credentials", lambda user: [device])


def words_of(answer) -> str:
    main = answer.content.decode().partition('<main id="main"')[2].partition("</main>")[0]
    shown = re.sub(r"<script.*?</script>|<!--.*?-->", "", main, flags=re.DOTALL)
    return re.sub(r"<[^>]*>", " ", shown)


@pytest.mark.django_db
def test_an_address_that_nobody_has_is_answered_as_one_that_somebody_has(cast, mailoutbox):
    known, unknown = (
        Client(raise_request_exception=False).post(RESET, {"email": f"{name}@example.org"})
        for name in ("ben", "nobody")
    )
    assert (known.status_code, known.headers["Location"]) == (302, f"{RESET}done/")
    assert (unknown.status_code, unknown.headers["Location"]) == (302, f"{RESET}done/")
    assert [each.to for each in mailoutbox] == [["ben@example.org"]]


@pytest.mark.django_db
def test_recovery_codes_stand_on_the_page_once(ben, cast):
    enrol(ben)
    codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    shown = words_of(ben.get(f"{FACTOR}recovery-codes/"))
    assert [code for code in codes if code not in shown] == []
    assert "shown only this once" in shown
    shown = words_of(ben.get(f"{FACTOR}recovery-codes/"))
    assert [code for code in codes if code in shown] == []
    assert "10 of 10 left" in shown


@pytest.mark.django_db
def test_the_last_passkey_stays_where_a_second_factor_is_required(ben, cast, settings):
    settings.REQUIRE_SECOND_FACTOR = True
    first = passkey(cast.staff("ben"), "my telephone")
    own = f"{PASSKEYS}keys/{first.pk}/remove/"
    assert "only second factor" in words_of(ben.get(own))
    answer = ben.post(own)
    assert "only second factor" in words_of(answer)
    assert Authenticator.objects.filter(pk=first.pk).exists()
    passkey(cast.staff("ben"), "my tablet")
    assert ben.post(own).status_code == 302
    assert not Authenticator.objects.filter(pk=first.pk).exists()


@pytest.mark.django_db
def test_no_page_of_the_account_speaks_the_library_s_words(ben, cast, held_key):
    own = ("reauthenticate/", "password/change/", "logout/")
    shut = ("closed/", "password/reset/", "password/reset/done/", "password/reset/key/1-expired/")
    paths = [f"/account/{each}" for each in (*own, *shut, "password/reset/key/done/", "login/")]
    paths += [f"{FACTOR}{each}" for each in ("", "totp/activate/", "webauthn/", "webauthn/add/")]
    found = {path: FOREIGN.findall(words_of(ben.get(path, follow=True))) for path in paths}
    enrol(ben)
    passkey(cast.staff("ben"), "my telephone")
    for each in (
        "reauthenticate/",
        "webauthn/reauthenticate/",
        "totp/deactivate/",
        *(["recovery-codes/"] * 2),
    ):
        found[each] = FOREIGN.findall(words_of(ben.get(f"{FACTOR}{each}")))
    found["generate"] = FOREIGN.findall(words_of(ben.get(f"{FACTOR}recovery-codes/generate/")))
    found["off"] = FOREIGN.findall(words_of(ben.post(f"{FACTOR}totp/deactivate/", follow=True)))
    stranger, answer = log_in()
    found["second"] = FOREIGN.findall(words_of(stranger.get(answer.headers["Location"])))
    assert {path: said for path, said in found.items() if said} == {}


@pytest.mark.django_db
def test_what_was_typed_wrong_is_said_with_what_to_do(ben, cast):
    _, answer = log_in("wrong")
    assert "Type both again; after 5 wrong passwords an account waits 15 minutes" in words_of(answer)
    assert "The password is not right. Type it again." in words_of(
        ben.post("/account/reauthenticate/", {"password": "wrong"})
    )
    ben.get(f"{FACTOR}totp/activate/")
    answer = ben.post(f"{FACTOR}totp/activate/", {"code": "000000"})
    assert "Type the one that the app shows now" in words_of(answer)


@pytest.mark.django_db
def test_a_passkey_is_asked_for_first_of_those_who_have_one_and_of_nobody_else(ben, cast, request):
    enrol(ben)
    stranger, answer = log_in()
    page = words_of(stranger.get(answer.headers["Location"]))
    assert "Use a passkey" not in page
    assert "one of your recovery codes" in page
    request.getfixturevalue("held_key")
    page = words_of(stranger.get(answer.headers["Location"]))
    assert page.index("Use a passkey") < page.index("Or a code") < page.index("one of your recovery codes")


@pytest.mark.django_db
def test_a_new_passkey_is_not_called_a_master_key(cast):
    ben = cast.staff("ben")
    assert get_adapter().generate_authenticator_name(ben, "webauthn") == "Passkey 1"
    passkey(ben, "my telephone")
    assert get_adapter().generate_authenticator_name(ben, "webauthn") == "Passkey 2"


@pytest.mark.django_db(transaction=True)
def test_mails_about_the_account_say_what_happened_and_whom_to_tell(ben, cast, mailoutbox):
    browser = {"User-Agent": "Browser <1> & Co"}
    Client().post(RESET, {"email": "ben@example.org"})
    enrol(ben)
    ben.post(f"{FACTOR}totp/deactivate/", headers=browser)
    chosen = {"oldpassword": PASSWORD, "password1": "a long new phrase", "password2": "a long new phrase"}
    assert ben.post("/account/password/change/", chosen).status_code == 302
    told = {each.subject: each.body for each in mailoutbox}
    assert set(told) == {
        "OpenKAP: Choose a new password",
        "OpenKAP: Authenticator app set up",
        "OpenKAP: Authenticator app turned off",
        "OpenKAP: Your password was changed",
    }
    assert "Browser <1> & Co" in told["OpenKAP: Authenticator app turned off"]
    assert "tell the site administrator of your clinic at once" in told["OpenKAP: Your password was changed"]
    assert "/account/password/reset/key/" in told["OpenKAP: Choose a new password"]
    assert [body for body in told.values() if FOREIGN.search(body)] == []
