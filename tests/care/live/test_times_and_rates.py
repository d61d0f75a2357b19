"""A time of another day and a rate of nothing are refused with the limit and the next step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import treated
from chairside import act, post, vitals

from openkap.care.treatment.models import Alert, DoseDoubt, DoseEvent, Entry


@pytest.fixture
def session(cast, patient, watch):
    session = treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)
    watch.forward(minutes=5)
    return session


def refused(cast, session, entry):
    (answer,) = post(cast.client("ben"), session, entry)["answers"]
    assert answer["status"] == "refused"
    return answer


@pytest.mark.parametrize("days", [1, None])
def test_a_reading_of_yesterday_or_of_1970_is_refused(cast, session, watch, days):
    at = watch.moment - timedelta(days=days) if days else datetime(1970, 1, 1, tzinfo=UTC)
    answer = refused(cast, session, vitals("a", at, sbp="190", dbp="90"))
    assert answer["what"] == "this time is before the day of the session"
    assert answer["value"].startswith(f"{at.day} {at:%b %Y}")
    assert answer["limit"].startswith("from 30 Nov 2026, 00:00")
    assert answer["remedy"] == "correct the time, or the clock of the device"
    assert not Entry.objects.filter(kind="vitals").exists()
    assert not Alert.objects.filter(rule="VIT-03").exists()


def test_a_reading_of_the_same_day_that_comes_late_is_taken(cast, session, watch):
    at = watch.moment - timedelta(minutes=4)
    (answer,) = post(cast.client("ben"), session, vitals("a", at))["answers"]
    assert answer["status"] == "saved"


def test_an_act_with_the_drug_of_another_day_waits_for_a_decision(cast, session, watch):
    told = post(cast.client("ben"), session, act("p", "pause", watch.moment - timedelta(days=1)))
    assert [each["status"] for each in told["answers"]] == ["saved"]
    assert DoseDoubt.objects.get().kind == "pause"


def test_the_session_s_page_refuses_to_correct_a_rate_to_nothing_too(cast, session, watch):
    post(cast.client("ben"), session, act("r", "rate", watch.moment, rate_ml_h="4"))
    row = DoseEvent.objects.get(kind="rate")
    where = f"/patients/{session.patient.uid}/sessions/{session.uid}/dose/"
    sent = {"corrects": row.uid, "kind": "rate", "rate_ml_h": "0", "reason": "was paused"}
    answer = cast.client("ben").post(
        where, sent | {"observed_at": f"{watch.moment:%Y-%m-%dT%H:%M}"}, follow=True
    )
    assert "a rate of 0 is a pause" in answer.content.decode().lower()
    assert DoseEvent.objects.filter(kind="rate").count() == 1


def test_correcting_a_rate_to_nothing_is_refused_and_points_to_the_pause(cast, session, watch):
    post(cast.client("ben"), session, act("r", "rate", watch.moment, rate_ml_h="4"))
    answer = refused(
        cast,
        session,
        act("c", "correct", watch.moment, corrects="r", reason="was paused", rate_ml_h="0"),
    )
    assert (answer["what"], answer["value"]) == ("a rate of 0 is a pause", "0 mL/h")
    assert DoseEvent.objects.filter(kind="rate").count() == 1
