"""A patient who withdraws while the drug runs: every tablet and the board say so at once."""

from __future__ import annotations

from decimal import Decimal

import pytest
import treated
from chairside import address, post
from enrolled import withdrawn

from openkap.care.treatment.models import Alert


@pytest.fixture
def session(cast, patient, watch):
    return treated.cleared(cast, treated.first_session(treated.planned(cast, patient)), watch)


@pytest.fixture
def dosing(cast, session, watch):
    treated.dose(cast, session, "start")
    watch.forward(minutes=5)
    return session


def withdraw(cast, session):
    withdrawn(cast, session.patient, session.patient.consents_given.get().consent)


def state(cast, session, key="ada") -> dict:
    return post(cast.client(key), session)["state"]


def test_every_open_tablet_is_told_at_once_what_to_do_about_the_running_drug(cast, dosing):
    ada = cast.client("ada")
    before = ada.get(address(dosing, "state")).json()
    withdraw(cast, dosing)
    after = ada.get(address(dosing, "state") + f"?mark={before['mark']}").json()
    (alert,) = after["state"]["alerts"]
    assert (alert["rule"], alert["priority"], alert["seen_by"]) == ("CONSENT", "high", "")
    assert alert["told"]["title"] == "The patient has withdrawn consent"
    assert "Pause the pump now" in alert["told"]["say"]
    assert "stop" in alert["told"]["say"]
    assert after["state"]["dose"]["pump"] == "running"


def test_the_board_names_it_first(cast, dosing):
    withdraw(cast, dosing)
    row = cast.client("ben").get("/board/state/").json()["rows"][0]
    assert (row["priority"], row["rule"]) == ("high", "The patient has withdrawn consent")


def test_the_state_says_how_the_consent_stands_so_that_the_banner_follows(cast, dosing):
    assert state(cast, dosing)["consent"]["words"].startswith("in force")
    withdraw(cast, dosing)
    told = state(cast, dosing)["consent"]
    assert told["words"].startswith("withdrawn")
    assert told["tone"] == "alarm"


def test_before_the_start_the_release_is_taken_back_and_no_alert_stands(cast, session):
    withdraw(cast, session)
    told = state(cast, session)
    assert told["session"]["state"] == "arrived"
    assert told["consent"]["words"].startswith("withdrawn")
    assert not Alert.objects.exists()


def test_it_is_raised_once_and_stays_until_somebody_answers(cast, dosing, watch):
    withdraw(cast, dosing)
    watch.forward(minutes=1)
    treated.dose(cast, dosing, "pause")
    alerts = [each for each in state(cast, dosing)["alerts"] if each["rule"] == "CONSENT"]
    assert [each["seen_by"] for each in alerts] == [""]


def test_after_the_dose_has_ended_there_is_no_drug_to_pause(cast, dosing, watch):
    watch.forward(minutes=35)
    treated.dose(cast, dosing, "stop", given_mg=Decimal(35))
    withdraw(cast, dosing)
    assert not Alert.objects.filter(rule="CONSENT").exists()
