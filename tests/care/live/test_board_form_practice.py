"""The board without names, the monitoring form from the record alone, practice and its debrief."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import treated
from chairside import post, statuses, vitals

from openkap.care.live.form import form_fields
from openkap.care.live.models import Practice
from openkap.care.live.scenario import scenarios


@pytest.fixture(autouse=True)
def nobody_is_locked_out(settings):
    """Hours pass at once in these tests."""
    settings.LOCK_AFTER_MINUTES = 600


@pytest.fixture
def session(cast, patient, watch):
    return treated.dosing(cast, treated.first_session(treated.planned(cast, patient)), watch)


def test_the_board_sorts_by_what_is_due_and_names_no_patient(cast, session, watch):
    watch.forward(minutes=10)
    post(cast.client("ben"), session, vitals("a", watch.moment, sbp="185", dbp="90", heart_rate="80"))
    answer = cast.client("ben").get("/board/state/")
    assert "Alex" not in answer.content.decode()
    (row,) = [each for each in answer.json()["rows"] if each["state"] == "dosing"]
    assert (row["chair"], row["alerts"], row["priority"]) == ("Chair 1", 2, "high")
    assert row["rule"] == "Severe hypertension"
    assert row["due"] is not None
    assert answer.json()["free"] == []


def test_the_lead_sees_the_board_without_codes_or_links(cast, session):
    told = cast.client("dov").get("/board/state/").json()
    assert {(row["code"], row["url"]) for row in told["rows"]} == {("", "")}


def test_the_monitoring_form_holds_the_record_s_own_values(cast, patient, watch):
    session = treated.gone(cast, treated.first_session(treated.planned(cast, patient)), watch)
    told = {field.label: field.value for field in form_fields(session)}
    assert told["Dose given"] == "35 mg"
    assert told["Minutes monitored"] == "120"
    assert told["Blood pressure before"].startswith("122/78 mmHg")
    assert told["Blood pressure at 40 min"].startswith("130/82 mmHg")
    assert told["Blood pressure before leaving"].startswith("130/82 mmHg")
    assert told["Vital signs acceptable before leaving"] == "yes"
    assert "LOT7" in told["Product, lot, expiry"]
    assert told["Serious adverse events"] == "none recorded"
    where = f"/patients/{patient.uid}/sessions/{session.uid}/monitoring-form.pdf"
    assert cast.client("ben").get(where).content.startswith(b"%PDF")


def test_what_the_record_does_not_hold_is_empty_on_the_form(cast, session):
    told = {field.label: field.value for field in form_fields(session)}
    assert told["Blood pressure at 40 min"] == ""
    assert told["Vital signs acceptable before leaving"] == ""


def test_replay_shows_the_record_and_writes_nothing(cast, session):
    page = cast.client("ben").get(f"/patients/{session.patient.uid}/sessions/{session.uid}/replay/")
    assert page.status_code == 200
    assert b"replay.js" in page.content


def test_there_are_at_least_six_scenarios_and_each_is_a_proposal_with_its_source():
    found = scenarios()
    assert len(found) >= 6
    assert all(scenario.sources and scenario.about for scenario, _ in found.values())


def begun(cast, watch, scenario: str):
    answer = cast.client("ben").post(f"/practice/{scenario}/begin/", {"speed": "1"})
    assert answer.status_code == 302
    return Practice.objects.latest("id")


def practise(cast, run, *entries):
    where = f"/practice/runs/{run.uid}/entries/"
    answer = cast.client("ben").post(where, json.dumps({"entries": entries}), content_type="application/json")
    assert answer.status_code == 200
    return answer.json()


FULL = {"sbp": "150", "dbp": "85", "heart_rate": "80", "moaas": "5"}


def readings(run, watch, *minutes):
    return [vitals(f"v{minute}", run.begun_at + timedelta(minutes=minute), **FULL) for minute in minutes]


def entry(name, act, run, minute, **payload):
    moment = run.begun_at + timedelta(minutes=minute)
    return {"id": name, "act": act, "observed_at": moment.isoformat(), "payload": payload}


def test_doing_what_the_scenario_asks_passes_it(cast, watch):
    run = begun(cast, watch, "hypertension")
    watch.forward(minutes=60)
    told = practise(
        cast,
        run,
        *readings(run, watch, 0, 10, 20, 24, 29, 40, 55),
        entry("p", "pause", run, 25),
        entry("k", "acknowledge", run, 25, alert="VIT-03@1", done="paused, prescriber called"),
    )
    assert set(statuses(told)) == {"saved"}
    assert told["state"]["dose"]["pump"] == "paused"
    page = cast.client("ben").post(f"/practice/runs/{run.uid}/end/", follow=True)
    assert b"passed" in page.content
    run.refresh_from_db()
    assert run.has_passed is True


def test_where_a_site_asks_for_practice_a_passed_scenario_counts_once(cast, watch, monkeypatch):
    from openkap.care.accounts.models import Credential
    from openkap.care.live import practice

    def passed():
        test_doing_what_the_scenario_asks_passes_it(cast, watch)
        return [(row.amount, row.evidence) for row in Credential.objects.filter(kind="practice")]

    assert passed() == []
    run = Practice.objects.latest("id")
    Practice.objects.filter(pk=run.pk).update(has_passed=False)
    monkeypatch.setattr(practice, "kinds", lambda: {"practice": None})
    ((amount, evidence),) = passed()
    assert amount == 1
    assert evidence.endswith("Pressure climbs past the pause limit, 1.0.0")
    assert len(passed()) == 1


def test_doing_nothing_does_not_pass_and_says_what_was_missing(cast, watch):
    run = begun(cast, watch, "hypertension")
    watch.forward(minutes=60)
    cast.client("ben").post(f"/practice/runs/{run.uid}/end/")
    run.refresh_from_db()
    told = json.loads(run.debrief)
    assert run.has_passed is False
    assert [each["state"] for each in told["schedule"]] == ["missed"] * len(told["schedule"])
    assert not any(each["met"] for each in told["expected"])


def test_a_pause_relieves_the_simulated_patient(cast, watch):
    run = begun(cast, watch, "hypertension")
    watch.forward(minutes=40)
    before = practise(cast, run)["state"]["monitor"]["values"]["sbp"]
    after = practise(cast, run, entry("p", "pause", run, 26))["state"]["monitor"]["values"]["sbp"]
    assert max(before) >= 180
    assert after[2 * 38] < before[2 * 38] - 15


def test_practice_touches_no_patient_s_record(cast, watch):
    from openkap.care.treatment.models import Entry

    run = begun(cast, watch, "vomiting")
    practise(cast, run, *readings(run, watch, 0))
    assert Entry.objects.count() == 0


@pytest.mark.parametrize("name", sorted(scenarios()))
def test_every_scenario_can_be_begun_and_shows_its_patient(cast, watch, name):
    run = begun(cast, watch, name)
    page = cast.client("ben").get(f"/practice/runs/{run.uid}/")
    assert page.status_code == 200
    watch.forward(minutes=15)
    told = cast.client("ben").get(f"/practice/runs/{run.uid}/state/").json()
    assert len(told["state"]["monitor"]["values"]["sbp"]) > 90


def test_the_first_page_leads_to_the_session_that_is_under_way(cast, session):
    page = cast.client("ben").get("/home/").content.decode()
    assert f"/sessions/{session.uid}/live/" in page
