"""A patient is received on the day of the session; a session of another day is moved first."""

import re
from datetime import timedelta

import pytest
from django.utils.timezone import localtime
from treated import first_session, planned

from openkap.care.audit.models import AuditEvent
from openkap.care.treatment.course import ending_actions
from openkap.care.treatment.monitoring import session_actions
from openkap.core.errors import InputError


@pytest.fixture
def session(cast, patient):
    return first_session(planned(cast, patient))


def url_of(session, end=""):
    return f"/patients/{session.patient.uid}/sessions/{session.uid}/{end}"


def arrive(cast, session):
    return session_actions.arrive(by=cast.actor("ben"), patient=session.patient.uid, uid=session.uid)


@pytest.mark.parametrize("days", [-21, -1, 1])
def test_nobody_is_received_for_a_session_of_another_day(cast, session, watch, days):
    watch.moment = session.starts_at + timedelta(days=days)
    with pytest.raises(InputError, match="planned for another day") as refused:
        arrive(cast, session)
    assert refused.value.value == f"{localtime(session.starts_at):%A, %-d %B %Y, %H:%M}"
    session.refresh_from_db()
    assert session.state == "planned"
    assert not AuditEvent.objects.filter(action="session.arrived").exists()


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_patient_who_comes_early_or_late_on_the_day_is_received(cast, session, watch, hours):
    watch.moment = session.starts_at + timedelta(hours=hours)
    assert arrive(cast, session).state == "arrived"


def test_the_refusal_names_the_day_and_offers_who_plans_to_move_it_to_today(cast, session, watch):
    watch.moment = session.starts_at - timedelta(days=2)
    answer = cast.client("ada").post(url_of(session, "arrive/"))
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert "Monday, 30 November 2026" in shown
    assert "Move the session to today" in shown
    nurse = cast.client("ben").post(url_of(session, "arrive/")).content.decode()
    assert "moved to today by whoever plans" in nurse
    assert "Move the session to today" not in nurse


def test_what_is_offered_shows_what_moves_with_the_session_and_moves_nothing_yet(cast, session, watch):
    watch.moment = session.starts_at - timedelta(minutes=2) + timedelta(days=1)
    shown = cast.client("ada").post(url_of(session, "arrive/")).content.decode()
    soon = shown.partition('name="starts_at" value="')[2].partition('"')[0]
    looked = cast.client("ada").post(url_of(session, "move/"), {"act": "look", "starts_at": soon})
    assert looked.status_code == 200
    assert "What moves with it" in looked.content.decode()
    before = session.starts_at
    session.refresh_from_db()
    assert session.starts_at == before


def test_a_session_moved_to_today_receives_its_patient(cast, session, watch):
    # The next dose would be too near: it is given up first.
    ending_actions.cancel_session(
        by=cast.actor("cora"),
        patient=session.patient.uid,
        uid=session.course.sessions.get(number=2).uid,
        reason="ill that week",
    )
    watch.moment = session.starts_at + timedelta(days=1)
    shown = cast.client("ada").post(url_of(session, "arrive/")).content.decode()
    soon = shown.partition('name="starts_at" value="')[2].partition('"')[0]
    moved = {"starts_at": soon, "version": session.version, "reason": "came a day later"}
    looked = cast.client("ada").post(url_of(session, "move/"), moved | {"act": "look"})
    moved["seen"] = looked.content.decode().partition('name="seen" value="')[2].partition('"')[0]
    assert cast.client("ada").post(url_of(session, "move/"), moved | {"act": "do"}).status_code == 302
    assert cast.client("ben").post(url_of(session, "arrive/")).status_code == 302
    session.refresh_from_db()
    assert session.state == "arrived"


@pytest.mark.parametrize(("days", "stands_out"), [(-3, False), (0, True)])
def test_receiving_the_patient_stands_out_on_the_day_of_the_session_only(
    cast, session, watch, days, stands_out
):
    watch.moment = session.starts_at + timedelta(days=days)
    address = f"/patients/{session.patient.uid}/sessions/{session.uid}/"
    page = cast.client("ben").get(address).content.decode()
    button = re.search(r'<button type="submit"([^>]*)>[^<]* is here</button>', page)
    assert button
    assert ("quiet" not in button[1]) is stands_out
