"""Whoever reads a session by what its pages ask by themselves is in the audit, as by the page."""

from __future__ import annotations

import pytest
import treated
from chairside import address, post
from django.urls import reverse

from openkap.care.audit.models import AuditEvent

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")


@pytest.fixture
def session(cast, patient, watch):
    return treated.arrived(cast, treated.first_session(treated.planned(cast, patient)), watch)


def seen(cast, session) -> int:
    rows = AuditEvent.objects.filter(action="patient.seen", actor=cast.staff("ben").uid)
    return rows.filter(patient=session.patient.uid).count()


def whole(session):
    return reverse("session", args=[session.patient.uid, session.uid])


ASKED = {
    "the tablet": lambda client, session: client.get(address(session, "state")),
    "what a tablet sends": post,
    "the page of the session": lambda client, session: client.get(
        reverse("session_now", args=[session.patient.uid, session.uid])
    ),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_what_a_page_asks_by_itself_is_one_look_an_hour(cast, session, watch, ask):
    client = cast.client("ben")
    before = seen(cast, session)
    for _ in range(3):
        ask(client, session)
    assert seen(cast, session) == before + 1
    watch.forward(hours=1)
    ask(client, session)
    assert seen(cast, session) == before + 2


@pytest.mark.parametrize("page", [whole, lambda session: address(session, "state").removesuffix("state/")])
def test_what_an_open_page_asks_belongs_to_the_look_at_the_page(cast, session, page):
    client = cast.client("ben")
    assert client.get(page(session)).status_code == 200
    before = seen(cast, session)
    ASKED["the tablet" if "/live/" in page(session) else "the page of the session"](client, session)
    assert seen(cast, session) == before


def test_a_locked_tablet_that_shows_only_its_alerts_is_no_look(cast, session, watch, settings):
    settings.LOCK_AFTER_MINUTES = 10
    client = cast.client("ben")
    client.get(whole(session))
    watch.forward(hours=2)
    before = seen(cast, session)
    assert client.get(address(session, "state")).status_code == 423
    assert seen(cast, session) == before
