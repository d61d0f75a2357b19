"""Every URL x every role x own and other clinic: allowed or refused, all of them."""

from __future__ import annotations

import pytest
from addresses import SAMPLES, World, every_address
from django.urls import path

from openkap.care.access_rules import RULES, Door
from openkap.care.permissions import Role

PEOPLE = {
    "ada": Role.PRESCRIBER,
    "ben": Role.NURSE,
    "tess": Role.THERAPIST,
    "cora": Role.COORDINATOR,
    "dov": Role.LEAD,
    "sia": Role.SITE_ADMIN,
    "ari": Role.AUDITOR,
}
# Logging out and switching would end the visit that the table walks with.
LEAVES = {"account_logout", "lock", "unlock"}
REFUSED = {403, 404}


@pytest.fixture
def world(cast, register):
    return World(cast, register(), register("Elsewhere", by="eve"))


def test_every_url_declares_who_may():
    without = [address.name for address in every_address() if address.name not in RULES]
    assert not without, f"URLs without a rule (use access_rules.page): {without}"
    unknown = set(RULES) - {address.name for address in every_address()}
    assert not unknown, f"rules for URLs that do not exist: {unknown}"


def test_every_parameter_has_a_sample():
    missing = {name for address in every_address() for name in address.parameters if name not in SAMPLES}
    assert not missing, f"add these to tests/care/addresses.py: {missing}"


def test_a_url_without_a_rule_is_shut(cast, settings):
    from django.http import HttpResponse

    from openkap.care import urls

    planted = path("planted/", lambda request: HttpResponse("open"), name="planted")
    urls.urlpatterns.append(planted)
    try:
        from django.urls import clear_url_caches

        clear_url_caches()
        assert "planted" in {address.name for address in every_address()} - set(RULES)
        assert cast.client("ada").get("/planted/").status_code == 403
    finally:
        urls.urlpatterns.remove(planted)
        clear_url_caches()


@pytest.mark.parametrize("key", PEOPLE)
def test_each_role_opens_what_its_rights_say_and_nothing_else(world, key):
    client, permissions = world.cast.client(key), world.cast.actor(key).permissions
    wrong = []
    for address in every_address():
        rule = RULES[address.name]
        if rule.door in {Door.ANYONE, Door.LINK} or "pk" in address.parameters or address.name in LEAVES:
            continue
        for method in ("GET", "POST"):
            answer = client.generic(method, address.path(world))
            should = rule.admits(permissions, method)
            if address.name.startswith("mfa_") and answer.status_code == 404:
                continue  # the login library's word for "you have not set this up"
            if (answer.status_code not in REFUSED) != should or answer.status_code >= 500:
                wrong.append((method, address.name, answer.status_code, "allowed" if should else "refused"))
    assert not wrong


@pytest.mark.parametrize("key", PEOPLE)
def test_nobody_reaches_the_rows_of_another_clinic(world, key):
    client = world.cast.client(key)
    reached = [
        (method, address.name)
        for address in every_address()
        if address.has_clinic and RULES[address.name].door is Door.RIGHT
        for method in ("GET", "POST")
        if client.generic(method, address.path(world, other_clinic=True)).status_code not in {*REFUSED, 405}
    ]
    assert not reached


def test_a_stranger_is_sent_to_the_login(world, client):
    for address in every_address():
        if RULES[address.name].door in {Door.ANYONE, Door.LINK}:
            continue
        for method in ("GET", "POST"):
            answer = client.generic(method, address.path(world))
            assert answer.status_code == 302, (method, address.name)
            assert answer.headers["Location"].startswith("/account/login/")


def test_open_doors_answer_strangers_without_breaking(world, client):
    for address in every_address():
        if RULES[address.name].door in {Door.ANYONE, Door.LINK}:
            for method in ("GET", "POST"):
                assert client.generic(method, address.path(world)).status_code < 500, address.name
