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

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")


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


def test_a_session_that_nobody_closed_stays_on_the_board_and_its_nurse_is_not_free(cast, session, watch):
    watch.forward(minutes=17 * 60)
    told = cast.client("ben").get("/board/state/").json()
    (row,) = [each for each in told["rows"] if each["chair"] == "Chair 1"]
    assert row["state"] == "dosing"
    assert row["not_closed"] == round(session.starts_at.timestamp() * 1000)
    assert "Ben Okafor" not in told["free"]


def test_who_left_without_a_signed_record_is_told_on_the_board(cast, patient, watch):
    session = treated.gone(cast, treated.first_session(treated.planned(cast, patient)), watch)
    (row,) = [
        each for each in cast.client("ben").get("/board/state/").json()["rows"] if each["chair"] == "Chair 1"
    ]
    assert (row["state"], row["not_closed"]) == ("free", None)
    assert row["unsigned"] == round(session.starts_at.timestamp() * 1000)


def test_the_lead_sees_how_many_chairs_and_alerts_and_no_chair_by_itself(cast, session, watch):
    watch.forward(minutes=10)
    post(cast.client("ben"), session, vitals("a", watch.moment, sbp="185", dbp="90", heart_rate="80"))
    told = cast.client("dov").get("/board/state/").json()
    assert told["counts"] == {
        "chairs": 1,
        "in_use": 1,
        "late": 0,
        "alerts": 2,
        "unanswered": 0,
        "not_closed": 0,
        "unsigned": 0,
    }
    assert set(told) == {"now", "clinic", "zone", "counts"}
    page = cast.client("dov").get("/board/").content.decode()
    assert "1 of 1" in page
    for said in ("Chair 1", "Severe hypertension", cast.staff("ben").name, session.patient.code):
        assert said not in page, said


def test_the_lead_is_told_how_many_sessions_are_late_to_begin(cast, patient, watch):
    session = treated.first_session(treated.planned(cast, patient))
    watch.moment = session.starts_at + timedelta(minutes=5)
    counts = cast.client("dov").get("/board/state/").json()["counts"]
    assert (counts["in_use"], counts["late"], counts["alerts"]) == (0, 1, 0)


def test_the_lead_is_told_how_many_sessions_nobody_closed_or_signed_and_how_many_alerts_went_on(
    cast, session, watch
):
    from openkap.care.treatment.jobs import watch_sessions

    watch.forward(minutes=17 * 60)
    watch_sessions("test")
    watch.forward(minutes=10)
    watch_sessions("test")
    counts = cast.client("dov").get("/board/state/").json()["counts"]
    assert (counts["not_closed"], counts["unsigned"]) == (1, 0)
    assert counts["unanswered"] >= 1
    assert "nobody closed" in cast.client("dov").get("/board/").content.decode()


def test_of_a_restricted_record_the_board_shows_chair_phase_and_alerts_to_those_outside_its_team(
    cast, patient, session, watch
):
    from openkap.care.patients.actions import leave_team, restrict

    restrict(by=cast.actor("ada"), uid=patient.uid, is_restricted=True, reason="works here")
    leave_team(by=cast.actor("ada"), uid=patient.uid, staff_uid=cast.staff("cora").uid)
    watch.forward(minutes=10)
    post(cast.client("ben"), session, vitals("a", watch.moment, sbp="185", dbp="90", heart_rate="80"))

    def told(key):
        answer = cast.client(key).get("/board/state/")
        (row,) = [each for each in answer.json()["rows"] if each["state"] == "dosing"]
        return row, answer.content.decode()

    row, text = told("cora")
    assert (row["code"], row["url"], row["patient"]) == ("restricted", "", "")
    assert patient.code not in text
    assert patient.uid not in text
    assert (row["chair"], row["alerts"], row["priority"]) == ("Chair 1", 2, "high")
    row, _ = told("ben")
    assert (row["code"], row["patient"]) == (patient.code, patient.uid)
    assert patient.uid in row["url"]


def test_broken_glass_opens_the_restricted_record_on_the_board_too(cast, patient, session):
    from openkap.care.accounts.glass import break_glass
    from openkap.care.patients.actions import leave_team, restrict

    restrict(by=cast.actor("ada"), uid=patient.uid, is_restricted=True, reason="works here")
    leave_team(by=cast.actor("ada"), uid=patient.uid, staff_uid=cast.staff("ben").uid)
    codes = [row["code"] for row in cast.client("ben").get("/board/state/").json()["rows"]]
    assert codes == ["restricted"]
    break_glass(by=cast.actor("ben"), patient_uid=patient.uid, reason="the alarm rings")
    codes = [row["code"] for row in cast.client("ben").get("/board/state/").json()["rows"]]
    assert codes == [patient.code]


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


SITE = """site: Harbour Clinic
practice:
  - role: nurse
    scenario: {scenario}
    lasts: 365 d
    reason: everybody at the chair has worked it once a year
    signed_by: [{{name: A. Moreau, role: medical lead, on: 2026-11-20}}]
"""


def asks_for(settings, tmp_path, scenario):
    path = tmp_path / f"{scenario}.yaml"
    path.write_text(SITE.format(scenario=scenario), encoding="utf-8")
    settings.SITE_FILE = path


def is_assignable(cast):
    from openkap.care.accounts.credentials import NotQualified, require_qualified
    from openkap.care.permissions import Role

    try:
        require_qualified(cast.staff("ben").pk, Role.NURSE)
    except NotQualified as refused:
        return str(refused)
    return "yes"


@pytest.mark.parametrize("scenario", ["any", "hypertension"])
def test_where_a_site_asks_for_practice_nobody_is_assigned_before_they_passed(
    cast, watch, settings, tmp_path, scenario
):
    assert is_assignable(cast) == "yes"
    asks_for(settings, tmp_path, scenario)
    assert "Practice passed" in is_assignable(cast)
    test_doing_what_the_scenario_asks_passes_it(cast, watch)
    assert is_assignable(cast) == "yes"


def test_a_pass_counts_for_as_long_as_the_site_says(cast, watch, settings, tmp_path):
    from openkap.care.accounts.models import Credential

    asks_for(settings, tmp_path, "any")
    test_doing_what_the_scenario_asks_passes_it(cast, watch)
    (row,) = Credential.objects.filter(kind="practice:any")
    assert row.expires_on - row.issued_on == timedelta(days=365)
    assert row.evidence.endswith("Pressure climbs past the pause limit, 1.0.0")


def test_another_scenario_than_the_one_asked_for_does_not_count(cast, watch, settings, tmp_path):
    asks_for(settings, tmp_path, "deep-sedation")
    test_doing_what_the_scenario_asks_passes_it(cast, watch)
    assert "Practice passed: deep sedation" in is_assignable(cast)


def test_a_site_file_that_asks_for_an_unknown_scenario_is_refused_with_the_known_ones(settings, tmp_path):
    from openkap.care.enrolment.protocols import site_problem

    asks_for(settings, tmp_path, "juggling")
    assert "deep-sedation" in site_problem()


def test_without_a_site_file_a_pass_is_no_credential(cast, watch):
    from openkap.care.accounts.models import Credential

    test_doing_what_the_scenario_asks_passes_it(cast, watch)
    assert not Credential.objects.filter(kind__startswith="practice").exists()


def test_a_correction_in_practice_changes_the_simulated_log_as_on_the_real_page(cast, watch):
    run = begun(cast, watch, "hypertension")
    watch.forward(minutes=30)
    practise(cast, run, *readings(run, watch, 10, 20), entry("p", "pause", run, 25))
    told = practise(
        cast,
        run,
        entry(
            "c", "correct", run, 12, corrects="v10", reason="typed wrong", values={"sbp": "141", "dbp": "85"}
        ),
        entry("t", "take_back", run, 26, corrects="v20", reason="another patient"),
        entry("q", "correct", run, 23, corrects="p", reason="paused earlier"),
    )["state"]
    entries = {each["id"]: each for each in told["entries"]}
    assert (entries["v10"]["counts"], entries["v20"]["counts"]) == (False, False)
    assert entries["c"]["values"]["sbp"]["number"] == 141
    assert entries["c"]["reason"] == "typed wrong"
    assert entries["t"]["retracts"] is True
    (pause,) = [each for each in told["events"] if each["kind"] == "pause"]
    assert pause["at"] == round((run.begun_at + timedelta(minutes=23)).timestamp() * 1000)
    assert pause["reason"] == "paused earlier"


def test_one_value_crossed_out_in_practice_leaves_the_others(cast, watch):
    run = begun(cast, watch, "hypertension")
    watch.forward(minutes=30)
    wrong = entry("t", "take_back", run, 26, corrects="v20", element="sbp", reason="cuff slipped")
    told = practise(cast, run, *readings(run, watch, 20), wrong)["state"]
    entries = {each["id"]: each for each in told["entries"]}
    assert entries["v20"]["counts"] is False
    assert (entries["t"]["counts"], entries["t"]["at"]) == (True, entries["v20"]["at"])
    assert entries["t"]["values"].keys() == entries["v20"]["values"].keys() - {"sbp"}


def test_a_correction_without_a_reason_or_of_nothing_is_refused_in_practice(cast, watch):
    run = begun(cast, watch, "hypertension")
    watch.forward(minutes=30)
    told = practise(
        cast,
        run,
        *readings(run, watch, 10),
        entry("c", "take_back", run, 12, corrects="v10", reason=" "),
        entry("d", "take_back", run, 12, corrects="nothing", reason="why"),
    )
    assert statuses(told) == ["saved", "refused", "refused"]


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
