"""A form from a page that was opened before a login: what was typed is offered once more, to who sent it."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache
from django.test import Client

from openkap.care.accounts.models import Credential
from openkap.care.demo.cast import PASSWORD

OURS = {"Origin": "http://testserver"}


@pytest.fixture
def ben(cast):
    cache.clear()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.staff("ben"))
    browser.get("/home/")
    return browser


@pytest.fixture
def plan(cast, patient):
    return f"/patients/{patient.uid}/crisis-plan/"


def send(browser, path, headers=OURS, **typed):
    return browser.post(path, typed | {"csrfmiddlewaretoken": "x" * 64}, headers=headers)


def written(ben, plan, **more):
    return send(ben, plan, version="0", warning_signs="stops eating", **more)


@pytest.mark.django_db
def test_what_was_typed_comes_back_with_who_it_counts_for_and_goes_in(ben, plan):
    answer = written(ben, plan)
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "stops eating" in page
    assert "logged in as Ben Okafor" in page
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.split("<dl>")[1]))
    assert ben.post(plan, hidden, headers=OURS).status_code == 302
    assert "stops eating" in ben.get(plan).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("origin", [{}, {"Origin": "https://elsewhere.example"}, {"Origin": "null"}])
def test_what_another_site_sent_is_not_offered(ben, plan, origin):
    answer = written(ben, plan, headers=origin)
    assert answer.status_code == 403
    assert 'name="warning_signs"' not in answer.content.decode()
    assert "copy it" in answer.content.decode()


@pytest.mark.django_db
def test_a_screen_left_alone_asks_first_who_is_there(ben, plan, watch, settings):
    ben.get("/home/")
    watch.forward(minutes=settings.LOCK_AFTER_MINUTES + 1)
    answer = written(ben, plan)
    assert answer.status_code == 423
    assert "stops eating" not in answer.content.decode()


@pytest.mark.django_db
def test_a_password_is_typed_again_and_the_address_is_kept(cast):
    page = send(
        Client(enforce_csrf_checks=True), "/account/login/", login="ben@example.org", password=PASSWORD
    ).content.decode()
    assert 'name="login" value="ben@example.org"' in page
    assert PASSWORD not in page
    assert 'name="password" type="password"' in page


@pytest.mark.django_db
def test_which_credential_was_meant_is_kept_and_the_answer_of_a_passkey_is_not(ben, cast):
    page = send(ben, f"/staff/{cast.staff('ada').uid}/", act="revoke", credential="c1", because="lapsed")
    assert 'name="credential" value="c1"' in page.content.decode()
    page = send(ben, "/account/second-factor/webauthn/login/", credential="{used}")
    assert "{used}" not in page.content.decode()
    assert Credential.objects.filter(revoked_at__isnull=False).count() == 0
