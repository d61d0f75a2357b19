"""The words on screen tell apart who went home, who left early, whose dose was stopped, and who did not come."""

from __future__ import annotations

from decimal import Decimal

import pytest
from enrolled import proof
from treated import arrived, dose, dosing, first_session, gone, planned, recovering

from openkap.care.treatment.models import Session
from openkap.care.treatment.session import closing_actions


@pytest.fixture
def session(cast, patient):
    return first_session(planned(cast, patient))


def pages(cast, session) -> list[str]:
    """The session's own page, and the course with all its dates."""
    where = f"/patients/{session.patient.uid}"
    urls = (f"{where}/sessions/{session.uid}/", f"{where}/courses/{session.course.uid}/")
    return [cast.client("ben").get(url).content.decode() for url in urls]


def no_dose(cast, session, **typed) -> None:
    url = f"/patients/{session.patient.uid}/sessions/{session.uid}/no-dose/"
    assert cast.client("ben").post(url, {"reason": "a cold", **typed}).status_code == 302


def test_who_did_not_come_is_not_who_came_and_got_no_dose(cast, session, watch):
    watch.moment = session.starts_at
    no_dose(cast, session, came="no")
    for page in pages(cast, session):
        assert "did not come" in page.lower()
        assert "no dose that day" not in page.lower()


def test_who_was_received_was_there_whatever_is_sent(cast, session, watch):
    arrived(cast, session, watch)
    no_dose(cast, session, came="no")
    for page in pages(cast, session):
        assert "came, no dose" in page.lower()


def test_whether_they_came_may_stay_unknown(cast, session, watch):
    watch.moment = session.starts_at
    no_dose(cast, session)
    assert Session.objects.get(pk=session.pk).came is None
    for page in pages(cast, session):
        assert "no dose that day" in page.lower()


def test_who_went_home_is_not_who_left_before_the_conditions_were_met(cast, session, watch):
    gone(cast, session, watch)
    for page in pages(cast, session):
        assert "went home" in page
        assert "left early" not in page
        assert "dose stopped" not in page


def test_a_dose_that_was_stopped_early_says_at_how_much(cast, session, watch):
    dosing(cast, session, watch)
    watch.forward(minutes=20)
    dose(cast, session, "stop", given_mg=Decimal("17.5"), confirmed=True)
    session.refresh_from_db()
    closing_actions.let_go(
        by=cast.actor("ben"),
        patient=session.patient.uid,
        uid=session.uid,
        escort="Robin Example",
        against_because="an emergency at home",
        person=proof(cast, "ben"),
    )
    for page in pages(cast, session):
        assert "left early" in page
        assert "against the conditions for leaving, dose stopped at 17.5 of 35 mg" in page


def test_who_left_before_the_end_is_said_to_have(cast, session, watch):
    recovering(cast, session, watch)
    closing_actions.let_go(
        by=cast.actor("ben"),
        patient=session.patient.uid,
        uid=session.uid,
        escort="nobody",
        against_because="would not stay",
        person=proof(cast, "ben"),
    )
    for page in pages(cast, session):
        assert "left early" in page
        assert "against the conditions for leaving" in page
        assert "went home" not in page
