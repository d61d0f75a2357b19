"""An alert whose reading was corrected says so; what the corrected reading asks for is raised anew."""

from __future__ import annotations

import pytest
import treated
from chairside import act, post, statuses, vitals

from openkap.care.treatment.models import Alert

HIGH = {"dbp": "90", "heart_rate": "80"}


@pytest.fixture
def session(cast, patient, watch):
    """Ten minutes into the dose a pressure of 186 is entered."""
    session = treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)
    watch.forward(minutes=10)
    session.read_at = watch.moment
    post(cast.client("ben"), session, vitals("a", watch.moment, sbp="186", **HIGH))
    return session


def correct(cast, session, name, of, sbp):
    entry = act(
        name, "correct", session.read_at, corrects=of, reason="typed wrong", values={"sbp": sbp, **HIGH}
    )
    told = post(cast.client("ben"), session, entry)
    assert statuses(told) == ["saved"]
    return told["state"]


def severe(state, is_open=True):
    found = [each for each in state["alerts"] if each["rule"] == "VIT-03"]
    return [each["entry"] for each in found if is_open != bool(each["seen_at"])]


def answered(cast, session):
    for row in Alert.objects.filter(session=session, acknowledged_at__isnull=True):
        post(
            cast.client("ben"),
            session,
            act(f"seen-{row.uid}", "acknowledge", session.read_at, alert=row.uid, done="looked"),
        )


def test_the_alert_of_a_reading_corrected_below_the_limit_waits_for_somebody_and_says_so(cast, session):
    state = correct(cast, session, "b", "a", "136")
    assert severe(state) == ["a"]
    (alert,) = [each for each in state["alerts"] if each["rule"] == "VIT-03"]
    assert "was corrected to 136 mm[Hg] by Ben Okafor: typed wrong" in alert["since"]


def test_a_reading_corrected_to_another_value_over_the_limit_raises_its_own_alert(cast, session):
    state = correct(cast, session, "b", "a", "187")
    assert severe(state) == ["a", "b"]


def test_the_second_correction_raises_the_same_rule_again_after_an_answer(cast, session):
    correct(cast, session, "b", "a", "187")
    answered(cast, session)
    state = correct(cast, session, "c", "b", "238")
    assert severe(state) == ["c"]


def test_an_answered_alert_says_that_its_reading_was_corrected_later(cast, session):
    answered(cast, session)
    state = correct(cast, session, "b", "a", "136")
    (alert,) = [each for each in state["alerts"] if each["rule"] == "VIT-03"]
    assert alert["done"] == "looked"
    assert "was corrected to 136 mm[Hg] by Ben Okafor: typed wrong" in alert["since"]


def test_a_correction_of_another_value_raises_nothing_anew(cast, session):
    entry = act(
        *("b", "correct", session.read_at),
        corrects="a",
        reason="typed wrong",
        values={"sbp": "186", "dbp": "90", "heart_rate": "88"},
    )
    assert severe(post(cast.client("ben"), session, entry)["state"]) == ["a"]


def test_the_alert_of_a_crossed_out_reading_says_so(cast, session):
    entry = act("b", "take_back", session.read_at, corrects="a", reason="another patient")
    state = post(cast.client("ben"), session, entry)["state"]
    (alert,) = [each for each in state["alerts"] if each["rule"] == "VIT-03"]
    assert alert["since"] == "the reading was crossed out by Ben Okafor: another patient"


def test_what_a_tablet_answered_before_it_heard_of_the_correction_is_its_answer(cast, session):
    alert = Alert.objects.get(rule="VIT-03")
    correct(cast, session, "b", "a", "136")
    late = act("seen", "acknowledge", session.read_at, alert=alert.uid, done="paused, called Ada")
    assert statuses(post(cast.client("ben"), session, late, late)) == ["saved", "saved"]
    alert.refresh_from_db()
    assert alert.done == "paused, called Ada"


def test_looking_again_raises_nothing_twice(cast, session):
    correct(cast, session, "b", "a", "187")
    before = Alert.objects.count()
    post(cast.client("ben"), session, vitals("d", session.read_at, spo2="97"))
    assert Alert.objects.filter(rule="VIT-03").count() == 2
    assert Alert.objects.count() == before
