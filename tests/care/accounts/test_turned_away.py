"""Too many logins from one address: it is that address that waits, and it is told so."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from allauth.account import app_settings
from django.core.cache import cache
from django.core.cache.backends.filebased import FileBasedCache
from django.test import Client

from openkap.care import settings as clinic_settings
from openkap.care.accounts.checks import check_clinic
from openkap.care.demo.cast import PASSWORD

LOGIN = "/account/login/"
STRANGER, CLINIC = "203.0.113.9", "198.51.100.4"
MOST = 3


@pytest.fixture(autouse=True)
def few_tries(settings):
    """The limit on tries, made small; it counts in the cache, which tests share."""
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "login": f"{MOST}/m/ip"}
    cache.clear()


@pytest.fixture
def proxy(settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1


def log_in(forwarded, email="ben@example.org", password=PASSWORD, to=LOGIN):
    return Client(headers={"X-Forwarded-For": forwarded}).post(to, {"login": email, "password": password})


def tried(forwarded, times=MOST):
    """A stranger tries addresses that nobody here has."""
    for number in range(times):
        answer = log_in(forwarded.format(number), f"nobody{number}@example.org", "wrong")
        assert answer.status_code == 200, answer.content
    return log_in(forwarded.format(times), "nobody@example.org", "wrong")


@pytest.mark.django_db
def test_a_stranger_behind_the_proxy_keeps_out_only_their_own_address(cast, proxy):
    assert tried(STRANGER).status_code == 429
    assert log_in(CLINIC).status_code == 302


@pytest.mark.django_db
def test_an_address_that_the_client_writes_itself_opens_no_other_count(cast, settings):
    assert tried("10.0.0.{}").status_code == 429
    cache.clear()
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    # What the client wrote stands before what the proxy added.
    assert tried("10.0.0.{}, " + STRANGER).status_code == 429


@pytest.mark.django_db
def test_an_account_that_waits_waits_for_every_address(cast, proxy, settings):
    settings.LOCKOUT_ATTEMPTS = MOST
    for _ in range(MOST):
        log_in(STRANGER, password="wrong")
    assert log_in(CLINIC).status_code == 200
    assert log_in(CLINIC, "ada@example.org").status_code == 302


@pytest.mark.django_db
def test_who_is_turned_away_reads_why_how_long_and_what_to_do_and_types_only_the_password_again(cast, proxy):
    tried(CLINIC, MOST - 1)
    answer = log_in(CLINIC, "ben@example.org", "not to be seen", LOGIN + "?next=/patients/")
    assert answer.status_code == 429
    text = answer.content.decode()
    assert "Too many tries" in text
    assert CLINIC in text
    assert "Wait one minute" in text
    assert answer.headers["Retry-After"] == "60"
    assert 'name="login" value="ben@example.org"' in text
    assert 'action="/account/login/?next=/patients/"' in text
    assert 'name="password" type="password"' in text
    assert "not to be seen" not in text


@pytest.mark.django_db
def test_a_password_that_was_being_changed_is_not_sent_back(cast, settings):
    settings.ACCOUNT_RATE_LIMITS = {"change_password": "1/m/user"}
    form = {"oldpassword": "the old one", "password1": "the new one", "password2": "the new one"}
    answers = [cast.client("ben").post("/account/password/change/", form) for _ in range(2)]
    assert answers[1].status_code == 429
    assert "the old one" not in answers[1].content.decode()
    assert "the new one" not in answers[1].content.decode()


def test_a_stranger_who_tries_many_names_takes_no_count_of_a_name_away(tmp_path):
    kept = FileBasedCache(str(tmp_path), clinic_settings.CACHES["default"])
    names = [f"nobody{number}@example.org" for number in range(400)]
    for name in names:
        kept.set(name, [1], 300)
    assert [name for name in names if not kept.get(name)] == []


def test_no_limit_asks_for_a_longer_wait_than_the_page_says():
    rates = [
        each
        for name, of in app_settings.RATE_LIMITS.items()
        if name != "login_failed" and of
        for each in of.split(",")
    ]
    used = [each for each in rates if not each.endswith("s/key")]
    assert used
    assert {each.split("/")[1] for each in used} == {"m"}


def test_the_check_asks_for_the_client_s_address_behind_a_proxy_and_for_a_proxy_behind_the_address(settings):
    def found(*, is_behind, trusted):
        settings.BEHIND_PROXY, settings.ALLAUTH_TRUSTED_PROXY_COUNT = is_behind, trusted
        return {each.id for each in check_clinic(None)} & {"openkap.E007", "openkap.E008"}

    assert found(is_behind=True, trusted=0) == {"openkap.E007"}
    assert found(is_behind=False, trusted=1) == {"openkap.E008"}
    assert found(is_behind=True, trusted=1) == set()
    assert found(is_behind=False, trusted=0) == set()


@pytest.mark.parametrize(
    ("written", "read"), [("", "0"), ("1", "1"), ("2", "2"), ("yes", "refused"), ("-1", "refused")]
)
def test_the_number_of_proxies_is_a_number_or_the_server_does_not_start(tmp_path, written, read):
    told = "from openkap.care import settings as s; print(s.ALLAUTH_TRUSTED_PROXY_COUNT)"
    environment = {**os.environ, "OPENKAP_VAR": str(tmp_path), "OPENKAP_TRUSTED_PROXIES": written}
    said = subprocess.run([sys.executable, "-c", told], env=environment, capture_output=True, text=True)
    assert (said.stdout.strip() or "refused") == read
    assert ("OPENKAP_TRUSTED_PROXIES" in said.stderr) == (read == "refused")
