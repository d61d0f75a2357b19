"""The session: gates, two people, the dose, readings, alerts, leaving, the lock."""

import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils.timezone import localtime
from signed_site import SIGNED
from treated import (
    GATES,
    LEAVING,
    VITALS,
    arrived,
    checked,
    cleared,
    dose,
    dosing,
    enter,
    first_session,
    gone,
    ordered,
    planned,
    recovering,
    witness,
)

from openkap.care.audit.models import AuditEvent
from openkap.care.demo.cast import PASSWORD
from openkap.care.enrolment import actions as enrolment_actions
from openkap.care.enrolment import consent_signing
from openkap.care.moment import now
from openkap.care.patients.actions import add_contact
from openkap.care.treatment import jobs
from openkap.care.treatment.drug import actions as drug_actions
from openkap.care.treatment.drug.drawn import in_use_ug
from openkap.care.treatment.jobs import watch_sessions
from openkap.care.treatment.models import Alert, DoseEvent, Entry, LedgerEntry, Lot, Session
from openkap.care.treatment.monitoring import adverse_actions, alert_actions, session_actions
from openkap.care.treatment.release import actions as release_actions
from openkap.care.treatment.release.gates import gates_of
from openkap.care.treatment.rows.stamps import Stamp
from openkap.care.treatment.session import closing_actions
from openkap.core.errors import InputError
from openkap.protocol.elements import dictionary
from openkap.protocol.facts import parse_facts
from openkap.protocol.read import load_protocol


@pytest.fixture
def session(cast, patient):
    return first_session(planned(cast, patient))


def url_of(session, end=""):
    return f"/patients/{session.patient.uid}/sessions/{session.uid}/{end}"


def page(cast, session, key="ben"):
    return cast.client(key).get(url_of(session)).content.decode()


# --- gates --------------------------------------------------------------------------------------------


def test_the_checklist_fills_itself_from_the_record(cast, session, watch):
    watch.moment = session.starts_at
    session_actions.arrive(by=cast.actor("ben"), patient=session.patient.uid, uid=session.uid)
    gates = {gate.rule.id: gate for gate in release_actions.gates_now(session)}
    # The protocol's own, and the credentials of two people.
    assert len(gates) == 24 + 2
    assert gates["PRE-01"].state == "clear"
    assert gates["PRE-02"].state == "clear"
    assert gates["PRE-07"].state == "clear"
    assert gates["PRE-21"].state == "shut"
    assert gates["PRE-16"].state == "inactive"


def test_gates_that_wait_for_an_answer_are_one_line_and_those_that_nothing_here_answers_stand_open(
    cast, session, watch
):
    watch.moment = session.starts_at
    session_actions.arrive(by=cast.actor("ben"), patient=session.patient.uid, uid=session.uid)
    shown = cast.client("ben").get(url_of(session)).content.decode()
    waiting = re.search(r"<summary>(\d+) gates wait for an answer</summary>", shown)
    asking = [gate for gate in release_actions.gates_now(session) if gate.is_asking and gate.holds]
    assert int(waiting[1]) == len(asking) > 10
    # Two people check the dose elsewhere on the page: that gate is not one of the questions.
    firm = next(gate for gate in release_actions.gates_now(session) if gate.rule.id == "PRE-21")
    assert firm.holds
    assert firm.title in shown[: waiting.start()]
    assert asking[0].title in shown[waiting.end() :]
    enter(cast, session, "gate", GATES | {"sbp_predose": "151"})
    shown = cast.client("ben").get(url_of(session)).content.decode()
    assert "wait for an answer" not in shown
    assert "gates hold the dose" in shown


def test_each_question_before_the_dose_opens_into_its_reason_and_source(cast, session, watch):
    watch.moment = session.starts_at
    session_actions.arrive(by=cast.actor("ben"), patient=session.patient.uid, uid=session.uid)
    shown = page(cast, session)
    gates = {gate.rule.id: gate for gate in release_actions.gates_now(session)}
    row = re.search(r'name="escort_confirmed".*?<details class="why">(.*?)</details>', shown, re.DOTALL)[1]
    assert "PRE-03" in row
    assert gates["PRE-03"].sources[0]["title"] in row
    assert "seen: " in row


def test_the_check_by_two_is_not_done_yet_and_no_alarm_until_its_turn_comes(cast, session, watch):
    arrived(cast, session, watch)
    (gate,) = [each for each in release_actions.gates_now(session) if each.rule.id == "PRE-21"]
    assert (gate.awaits_check, gate.holds) == (True, True)
    shown = page(cast, session)
    assert "! not done yet" in shown
    assert "‼ no dose" not in shown
    enter(cast, session, "gate", {"sbp_predose": "151"})
    assert "‼ no dose" in page(cast, session)


def test_gates_that_are_clear_stay_folded_when_none_holds_the_dose(cast, session, watch):
    arrived(cast, session, watch)
    ordered(cast, session)
    checked(cast, session)
    shown = page(cast, session)
    assert "No gate holds the dose" in shown
    assert re.search(r"<details><summary>\d+ gates do not hold the dose", shown)


def test_whoever_starts_the_dose_comes_to_the_first_reading(cast, session, watch):
    cleared(cast, session, watch)
    answer = cast.client("ben").post(url_of(session, "dose/"), {"kind": "start"})
    assert answer.headers["Location"].endswith("#now")


def test_the_last_reading_stands_beside_the_form_that_saved_it(cast, session, watch):
    dosing(cast, session, watch)
    assert "Last saved" not in page(cast, session)
    enter(cast, session, "vitals", VITALS | {"sbp": "133"})
    wrong = enter(cast, session, "vitals", VITALS | {"sbp": "139"})
    said = re.search(r"✓ Last saved</span>(.*?)</p>", page(cast, session), re.DOTALL)[1]
    assert "139" in said
    session_actions.take_back(
        by=cast.actor("ben"),
        patient=session.patient.uid,
        uid=session.uid,
        entry=wrong.uid,
        reason="other arm",
    )
    said = re.search(r"✓ Last saved</span>(.*?)</p>", page(cast, session), re.DOTALL)[1]
    assert "133" in said


def test_a_refusal_leaves_what_was_chosen_and_typed_in_its_own_field(cast, session, watch):
    cleared(cast, session, watch)
    client = cast.client("ben")
    dose(cast, session, "start")
    sent = {"kind": "vitals", "sbp": "1820", "bp_with_red_flag_symptom": "yes"}
    shown = client.post(url_of(session, "entries/"), sent).content.decode()
    assert re.search(r'name="bp_with_red_flag_symptom" value="yes" checked', shown)
    shown = client.post(url_of(session, "dose/"), {"kind": "rate", "rate_ml_h": "9x"}).content.decode()
    assert re.search(r"<details open><summary>Change the rate", shown)
    assert re.search(r'name="rate_ml_h"[^>]* value="9x"', shown)


def test_a_positive_pregnancy_test_shuts_the_gate_whatever_was_answered_before():
    facts = {"could_be_pregnant": "no", "pregnancy_test_today": "positive"}
    known = parse_facts({"facts": facts}, dictionary(), as_of=now())
    states = {gate.rule.id: gate.state for gate in gates_of(load_protocol("iv-racemic"), known, {})}
    assert states["PRE-07"] == "shut"


def test_pressure_over_the_prompt_limit_asks_the_prescriber_and_over_the_stop_limit_ends_the_day(
    cast, session, watch
):
    arrived(cast, session, watch, sbp_predose="145")
    ordered(cast, session)
    checked(cast, session)
    clear = url_of(session, "release/")
    assert "gate holds the dose" in cast.client("ben").post(clear).content.decode()
    gate = url_of(session, "gates/PRE-10/")
    assert cast.client("ben").post(gate, {"goes_on": "yes", "reason": "rested"}).status_code == 403
    assert cast.client("ada").post(gate, {"goes_on": "yes", "reason": ""}).status_code == 422
    assert cast.client("ada").post(gate, {"goes_on": "yes", "reason": "white coat"}).status_code == 302
    enter(cast, session, "gate", {"sbp_predose": "151"})
    assert cast.client("ben").post(clear).status_code == 422
    states = {each.rule.id: each.state for each in release_actions.gates_now(session)}
    # The decision was on another value: it does not carry over, and the stop limit cannot be decided away.
    assert (states["PRE-10"], states["PRE-12"]) == ("review", "shut")
    cast.client("ben").post(url_of(session, "no-dose/"), {"reason": "pressure 151"})
    session.refresh_from_db()
    assert session.state == "aborted"


def test_one_reading_over_a_stop_limit_ends_the_day_whatever_is_read_after(cast, session, watch):
    arrived(cast, session, watch, sbp_predose="165")
    ordered(cast, session)
    checked(cast, session)
    watch.moment += timedelta(minutes=1)
    again = enter(cast, session, "gate", {"sbp_predose": "138"})
    gates = {each.rule.id: each for each in release_actions.gates_now(session)}
    assert (gates["PRE-10"].state, gates["PRE-12"].state) == ("clear", "shut")
    assert gates["PRE-12"].is_latched
    assert "165" in gates["PRE-12"].saw
    assert "Ben Okafor, 1" in gates["PRE-12"].saw
    assert cast.client("ben").post(url_of(session, "release/")).status_code == 422
    page = cast.client("ben").get(url_of(session)).content.decode()
    assert "A later reading does not open it" in page
    # A reading that was wrong is crossed out with its reason, and then it holds nothing.
    wrong = Entry.objects.exclude(pk=again.pk).get(kind="gate")
    values = {**GATES, "sbp_predose": "139"}
    enter(cast, session, "gate", values, stamp=Stamp(corrects=wrong.uid, reason="cuff over the sleeve"))
    assert not release_actions.holding(release_actions.gates_now(session))


def gate_of(session, rule):
    return next(each for each in release_actions.gates_now(session) if each.rule.id == rule)


def test_a_stopping_rule_that_is_met_holds_the_next_dose_until_the_prescriber_decides(cast, session, watch):
    arrived(cast, session, watch)
    adverse_actions.record_adverse_event(
        by=cast.actor("ben"),
        patient=session.patient.uid,
        uid=session.uid,
        event=adverse_actions.Event("psychosis", now(), 3, "possible", "none", "recovering"),
    )
    gate = gate_of(session, "STOP-2")
    assert (gate.state, gate.holds) == ("review", True)
    assert gate.title == "Course: New psychosis or mania"
    page = cast.client("ben").get(url_of(session)).content.decode()
    assert "Stop; psychiatric review same day." in page
    decide = url_of(session, "gates/STOP-2/")
    assert cast.client("ben").post(decide, {"goes_on": "yes", "reason": "seen"}).status_code == 403
    assert (
        cast.client("ada").post(decide, {"goes_on": "yes", "reason": "reviewed, was grief"}).status_code
        == 302
    )
    assert gate_of(session, "STOP-2").state == "decided"


def test_what_screening_would_say_today_holds_the_dose(cast, session, watch):
    arrived(cast, session, watch)
    assert not [each for each in release_actions.gates_now(session) if each.lead]
    watch.forward(minutes=1)
    enrolment_actions.answer(by=cast.actor("cora"), uid=session.patient.uid, element="qtcf", given="590 ms")
    news = [each for each in release_actions.gates_now(session) if each.lead]
    assert [(each.state, each.saw) for each in news] == [("review", "590 ms")]
    assert news[0].title.startswith("New since screening: ")
    assert news[0].sources
    assert news[0].holds


def test_a_patient_who_wishes_something_else_gets_no_dose(cast, session, watch):
    arrived(cast, session, watch)
    assert gate_of(session, "PRE-02").state == "clear"
    enrolment_actions.record_shared_decision(
        by=cast.actor("ada"),
        uid=session.patient.uid,
        wish="other",
        patient_said="Therapy.",
        alternatives=[],
    )
    gate = gate_of(session, "PRE-02")
    assert gate.state == "shut"
    assert "another treatment first" in gate.saw


def test_a_day_ended_by_a_stop_limit_does_not_begin_again_with_another_session(cast, session, watch):
    arrived(cast, session, watch, sbp_predose="165")
    where = {"by": cast.actor("ben"), "patient": session.patient.uid}
    session_actions.give_up(**where, uid=session.uid, reason="pressure 165")
    wrong = Entry.objects.get(kind="gate")
    second = session.course.sessions.get(number=2)
    Session.objects.filter(pk=second.pk).update(
        starts_at=session.starts_at + timedelta(hours=4), ends_at=session.ends_at + timedelta(hours=4)
    )
    second.refresh_from_db()
    arrived(cast, second, watch)

    def held():
        return {gate.rule.id: gate for gate in release_actions.gates_now(second) if gate.holds}

    assert held()["PRE-12"].is_latched
    assert "Ben Okafor" in held()["PRE-12"].saw
    assert "session 1" in held()["PRE-12"].saw
    # Of the day: the next morning it holds nothing.
    watch.forward(days=1)
    assert "PRE-12" not in held()
    watch.forward(days=-1)
    session_actions.take_back(**where, uid=session.uid, entry=wrong.uid, reason="cuff over the sleeve")
    assert "PRE-12" not in held()


def test_what_is_learned_after_the_release_takes_it_back(cast, session, watch):
    cleared(cast, session, watch)
    enter(cast, session, "gate", {"sbp_predose": "165"})
    session.refresh_from_db()
    assert session.state == "arrived"
    assert "the release was taken back: Systolic pressure over the stop limit" in session.state_because
    answer = cast.client("ben").post(url_of(session, "dose/"), {"kind": "start"})
    assert answer.status_code == 422
    assert "the release was taken back" in answer.content.decode()
    assert not DoseEvent.objects.exists()


def test_a_start_looks_at_the_gates_once_more(cast, session, watch):
    cleared(cast, session, watch)
    enrolment_actions.record_shared_decision(
        by=cast.actor("ada"), uid=session.patient.uid, wish="time", patient_said="Not yet.", alternatives=[]
    )
    answer = cast.client("ben").post(url_of(session, "dose/"), {"kind": "start"})
    assert answer.status_code == 422
    assert "a gate holds it again" in answer.content.decode()
    assert not DoseEvent.objects.exists()


def test_every_value_behind_a_gate_says_who_said_so_and_when(cast, session, watch):
    arrived(cast, session, watch)
    known = {each.rule.id: dict(each.known) for each in release_actions.gates_now(session)}
    assert list(known["PRE-03"].values()) == [f"Ben Okafor, {localtime(watch.moment):%H:%M}"]
    assert all(said.startswith("the patient's record, ") for said in known["PRE-01"].values())
    page = cast.client("ben").get(url_of(session)).content.decode()
    assert "the patient&#x27;s record, " in page


@pytest.mark.parametrize(("spo2", "state"), [("93", "review"), ("94", "clear"), ("95", "clear")])
def test_a_saturation_limit_that_the_site_has_signed_gates_the_dose(
    cast, session, watch, settings, tmp_path, spo2, state
):
    path = tmp_path / "site.yaml"
    path.write_text(SIGNED.replace("VIT-10", "PRE-16").replace("92 %", "94 %"), encoding="utf-8")
    settings.SITE_FILE = path
    arrived(cast, session, watch, spo2_predose_room_air=spo2)
    gates = {gate.rule.id: gate for gate in release_actions.gates_now(session)}
    assert gates["PRE-16"].state == state
    assert gates["PRE-16"].limit == "< 94 %"


def test_what_is_not_known_holds_the_dose(cast, session, watch):
    arrived(cast, session, watch)
    assert [gate.rule.id for gate in release_actions.gates_now(session) if gate.holds] == ["PRE-21"]
    entry = Entry.objects.get()
    session_actions.take_back(
        by=cast.actor("ben"),
        patient=session.patient.uid,
        uid=session.uid,
        entry=entry.uid,
        reason="other chart",
    )
    assert len([gate for gate in release_actions.gates_now(session) if gate.state == "open"]) > 10


def test_an_impossible_value_is_refused_beside_its_field_and_an_unusual_one_asked_again(cast, session, watch):
    watch.moment = session.starts_at
    cast.client("ben").post(url_of(session, "arrive/"))
    url = url_of(session, "entries/")
    answer = cast.client("ben").post(url, {"kind": "gate", "sbp_predose": "1200"})
    assert answer.status_code == 422
    assert "20 to 350" in answer.content.decode()
    assert 'value="1200"' in answer.content.decode()
    unusual = {"kind": "gate", "sbp_predose": "55", "dbp_predose": "35"}
    again = cast.client("ben").post(url, unusual).content.decode()
    assert "unusual" in again.lower()
    assert 'name="confirmed"' in again
    assert not Entry.objects.exists()
    assert cast.client("ben").post(url, unusual | {"confirmed": "yes"}).status_code == 302


# --- the dose -----------------------------------------------------------------------------------------


def test_the_order_shows_its_arithmetic_and_is_signed(cast, session, watch):
    arrived(cast, session, watch)
    assert "0.5 mg/kg × 70 kg = 35 mg" in page(cast, session, "ada")
    data = {"step": "start", "basis": "actual body weight", "password": PASSWORD}
    assert cast.client("ben").post(url_of(session, "order/"), data).status_code == 403
    wrong = cast.client("ada").post(url_of(session, "order/"), data | {"password": "no"})
    assert wrong.status_code == 422
    cast.client("ada").post(url_of(session, "order/"), data)
    row = session.prescription_set.get()
    assert (row.dose_mg, row.over_min, row.is_changed) == (Decimal(35), 40, False)


def test_another_amount_needs_a_reason_and_stays_in_the_range(cast, session, watch):
    arrived(cast, session, watch)
    with pytest.raises(InputError, match="needs a reason"):
        ordered(cast, session, dose_mg=Decimal("30"))
    with pytest.raises(InputError, match="leaves the range"):
        ordered(cast, session, dose_mg=Decimal("70.1"), reason="wish")
    assert ordered(cast, session, dose_mg=Decimal("30"), reason="dizzy last time").is_changed


def test_the_second_checker_is_somebody_else_and_proves_it(cast, session, watch):
    arrived(cast, session, watch)
    ordered(cast, session)
    with pytest.raises(InputError, match="somebody else"):
        witness(cast, "ben", by="ben")
    with pytest.raises(InputError, match="password"):
        drug_actions.second_person(by=cast.actor("ben"), uid=cast.staff("ada").uid, password="wrong")
    row = checked(cast, session)
    assert (row.second.name, row.signature.name) == ("Ada Lindqvist", "Ada Lindqvist")
    row.pk, row.uid, row.client_id, row.second = None, "1" * 12, "x", row.entered_by
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_the_syringe_pump_figures_are_the_protocols(cast, session, watch):
    arrived(cast, session, watch)
    ordered(cast, session)
    row = checked(cast, session)
    # 35 mg of 10 mg/mL are 3.5 mL; over 40 min that is 5.25 mL/h, to the nearest 0.1: 5.2 (half to even).
    assert (row.volume_ml, row.rate_ml_h) == (Decimal("3.50"), Decimal("5.2"))


def test_a_dose_runs_from_start_to_stop_with_pauses(cast, session, watch):
    dosing(cast, session, watch)
    assert session.state == "dosing"
    for kind in ("pause", "resume"):
        watch.forward(minutes=5)
        assert cast.client("ben").post(url_of(session, "dose/"), {"kind": kind}).status_code == 302
    assert cast.client("ben").post(url_of(session, "dose/"), {"kind": "resume"}).status_code == 422
    stop = cast.client("ben").post(url_of(session, "dose/"), {"kind": "stop", "given_mg": "4.4"})
    assert stop.status_code == 302
    session.refresh_from_db()
    assert session.state == "recovery"


def test_a_time_is_corrected_by_a_new_row_with_a_reason(cast, session, watch):
    dosing(cast, session, watch)
    first = DoseEvent.objects.get()
    watch.forward(minutes=2)
    earlier = {"kind": "start", "corrects": first.uid, "observed_at": "2026-11-30T09:58"}
    assert cast.client("ben").post(url_of(session, "dose/"), earlier).status_code == 422
    cast.client("ben").post(url_of(session, "dose/"), earlier | {"reason": "wrote it down late"})
    assert DoseEvent.objects.count() == 2
    assert DoseEvent.objects.get(corrects=first).observed_at < first.observed_at


RAW_START = """
INSERT INTO treatment_doseevent (uid, session_id, patient_id, client_id, observed_at, entered_at, entered_by_id,
    device, device_ahead_s, reason, kind)
VALUES (%s, %s, %s, %s, %s, %s, %s, '', 0, '', 'start')
"""


def raw_start(session, cast, *, patient_id=None, uid="raw"):
    values = [uid, session.pk, patient_id or session.patient_id, uid, now(), now(), cast.staff("ben").pk]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(RAW_START, values)


def test_no_dose_without_valid_consent_not_even_by_raw_sql(cast, session, watch):
    cleared(cast, session, watch)
    given = session.patient.consents_given.get()
    watch.forward(minutes=1)
    consent_signing.withdraw(
        by=cast.actor("ben"),
        uid=session.patient.uid,
        consent=given.consent.uid,
        said="No.",
        person=cast.staff("ben"),
    )
    with pytest.raises(InputError, match="the release was taken back"):
        dose(cast, session, "start")
    with pytest.raises(DatabaseError, match="no dose without valid consent"):
        raw_start(session, cast)
    assert not DoseEvent.objects.exists()


def test_no_dose_after_the_consent_has_ended_or_before_a_newer_text_is_signed(cast, session, watch):
    cleared(cast, session, watch)
    watch.forward(days=366)
    with pytest.raises(DatabaseError, match="no dose without valid consent"):
        raw_start(session, cast, uid="late")
    watch.forward(days=-366)
    text = session.patient.consents_given.get().text
    text.releases.filter(clinic=session.patient.clinic).update(superseded_at=now())
    with pytest.raises(DatabaseError, match="no dose without valid consent"):
        raw_start(session, cast, uid="old-text")


def test_the_consent_of_another_patient_does_not_count(cast, session, watch, register):
    from enrolled import consented

    cleared(cast, session, watch)
    other = register("Other")
    consented(cast, other)
    with pytest.raises(DatabaseError, match="another patient"):
        raw_start(session, cast, patient_id=other.pk)


def test_no_dose_that_two_people_have_not_checked(cast, session, watch):
    arrived(cast, session, watch)
    with pytest.raises(DatabaseError, match="two people"):
        raw_start(session, cast)


def test_with_everything_in_order_the_database_lets_the_dose_start(cast, session, watch):
    cleared(cast, session, watch)
    raw_start(session, cast)
    assert DoseEvent.objects.count() == 1


# --- readings and alerts ------------------------------------------------------------------------------


def test_an_abnormal_reading_is_taken_and_alerts_until_somebody_answers(cast, session, watch):
    dosing(cast, session, watch)
    watch.forward(minutes=10)
    data = {"kind": "vitals", "client_id": "a", **VITALS, "sbp": "185"}
    assert cast.client("ben").post(url_of(session, "entries/"), data).status_code == 302
    rules = set(Alert.objects.values_list("rule", flat=True))
    assert {"VIT-01", "VIT-03"} <= rules
    shown = page(cast, session)
    assert "Severe hypertension" in shown
    assert "call the prescriber" in shown
    assert "not acknowledged" in page(cast, session, "ada")
    alert = Alert.objects.get(rule="VIT-03")
    url = url_of(session, f"alerts/{alert.uid}/")
    assert cast.client("ben").post(url, {"done": ""}).status_code == 422
    assert cast.client("ben").post(url, {"done": "paused, Ada called"}).status_code == 302
    assert AuditEvent.objects.filter(action="alert.acknowledged").count() == 1


@pytest.mark.parametrize(
    ("element", "below", "at", "above", "rule", "fires"),
    [
        ("sbp", "179", "180", "181", "VIT-03", (False, True, True)),
        ("sbp", "200", "201", "202", "VIT-04", (False, True, True)),
        ("sbp", "89", "90", "91", "VIT-06", (True, False, False)),
        ("heart_rate", "149", "150", "151", "VIT-07", (False, False, True)),
        ("respiratory_rate", "9", "10", "11", "VIT-09", (True, False, False)),
        ("moaas", "2", "3", "4", "VIT-12", (True, False, False)),
    ],
)
def test_rules_fire_at_their_limits_through_the_pages_own_address(
    cast, session, watch, element, below, at, above, rule, fires
):
    dosing(cast, session, watch)
    seen = []
    for value in (below, at, above):
        watch.forward(minutes=1)
        data = {"kind": "vitals", **VITALS, element: value, "confirmed": "yes"}
        cast.client("ben").post(url_of(session, "entries/"), data)
        seen.append(Alert.objects.filter(rule=rule, at=now()).exists())
    assert tuple(seen) == fires


def test_the_same_entry_sent_twice_is_one_entry(cast, session, watch):
    dosing(cast, session, watch)
    data = {"kind": "vitals", "client_id": "tablet-1-0007", **VITALS}
    for _ in range(3):
        cast.client("ben").post(url_of(session, "entries/"), data)
    assert Entry.objects.filter(kind="vitals").count() == 1


def test_what_was_seen_offline_keeps_its_own_time_and_the_tablets_clock_is_measured(cast, session, watch):
    dosing(cast, session, watch)
    watch.forward(minutes=20)
    data = {
        "kind": "vitals",
        **VITALS,
        "observed_at": "2026-11-30T10:10:00Z",
        "device_now": "2026-11-30T10:20:42Z",
        "device": "tablet 1",
    }
    cast.client("ben").post(url_of(session, "entries/"), data)
    entry = Entry.objects.get(kind="vitals")
    assert entry.entered_at - entry.observed_at == timedelta(minutes=10)
    assert entry.device_ahead_s == 42


def test_a_time_in_the_future_is_refused(cast, session, watch):
    dosing(cast, session, watch)
    data = {"kind": "vitals", **VITALS, "observed_at": "2026-11-30T11:10:00Z"}
    answer = cast.client("ben").post(url_of(session, "entries/"), data)
    assert answer.status_code == 422
    assert "future" in answer.content.decode()


def test_a_late_reading_becomes_one_alert_and_an_unanswered_alert_is_escalated(cast, session, watch):
    dosing(cast, session, watch)
    enter(cast, session, "vitals", VITALS)
    watch.forward(minutes=16)
    watch_sessions("test")
    watch_sessions("test")
    assert Alert.objects.filter(rule="VIT-14").count() == 1
    watch.forward(minutes=6)
    watch_sessions("test")
    assert Alert.objects.get(rule="VIT-14").escalated_at == now()
    assert "nobody has answered" in cast.client("ada").get("/home/").content.decode()


def test_no_reading_is_late_for_somebody_who_has_left_since_the_job_began(cast, session, watch):
    dosing(cast, session, watch)
    enter(cast, session, "vitals", VITALS)
    watch.forward(minutes=16)
    (seen_running,) = Session.objects.filter(pk=session.pk).select_related("course", "patient__clinic")
    Session.objects.filter(pk=session.pk).update(state="left")
    assert jobs._watch(seen_running) == 0
    assert not Alert.objects.filter(rule="VIT-14").exists()


def test_a_session_that_breaks_the_job_keeps_no_other_from_being_watched(cast, session, watch, monkeypatch):
    dosing(cast, session, watch)
    other = session.course.sessions.get(number=2)
    Session.objects.filter(pk=other.pk).update(state="dosing")
    look, looked_at = jobs._watch, []

    def broken(row):
        looked_at.append(row.pk)
        if len(looked_at) == 1:
            raise ValueError("a rule that is not there any more")
        return look(row)

    monkeypatch.setattr(jobs, "_watch", broken)
    with pytest.raises(ValueError, match="not there any more"):
        watch_sessions("test")
    assert sorted(looked_at) == sorted([session.pk, other.pk])


def test_an_entry_made_in_error_is_crossed_out_and_counts_no_more(cast, session, watch):
    dosing(cast, session, watch)
    entry = enter(cast, session, "vitals", VITALS)
    data = {"in_error": entry.uid, "reason": "cuff slipped"}
    cast.client("ben").post(url_of(session, "entries/"), data)
    assert Entry.objects.count() == 3  # gates, the reading, and its retraction
    assert "crossed" in page(cast, session)


# --- leaving, ledger, lock ----------------------------------------------------------------------------


def test_not_yet_says_how_far_and_holds_the_patient(cast, session, watch):
    recovering(cast, session, watch)
    watch.forward(minutes=1)
    enter(cast, session, "vitals", VITALS | {"sbp": "154"})
    shown = page(cast, session)
    assert "systolic pressure must fall by 12" in shown
    answer = cast.client("ben").post(url_of(session, "leave/"), {"escort": "Robin"})
    assert answer.status_code == 422
    assert "the patient stays" in answer.content.decode()


def test_a_refusal_to_leave_names_one_condition_whole_and_counts_the_others(cast, session, watch):
    recovering(cast, session, watch)
    answer = cast.client("ben").post(url_of(session, "leave/"), {"escort": "Robin"}).content.decode()
    said = re.search(r"the patient stays[^<]*", answer)
    assert re.fullmatch(r"the patient stays: [^;…]+; and \d+ more\.", said[0])


def test_who_is_noted_as_escort_is_shown_and_offered_where_the_patient_leaves(cast, session, watch):
    recovering(cast, session, watch)
    assert "Noted as escort home" not in page(cast, session)
    add_contact(
        by=cast.actor("cora"),
        uid=session.patient.uid,
        kind="escort",
        name="Sam Sample",
        telephone="+1 555 0100",
        relation="sister",
    )
    shown = page(cast, session)
    assert "Noted as escort home: Sam Sample (sister), +1 555 0100." in shown
    assert '<option value="Sam Sample">' in shown


def test_what_is_known_for_leaving_is_folded_and_said_in_words(cast, session, watch):
    recovering(cast, session, watch)
    assert "answered; change one" not in page(cast, session)
    enter(cast, session, "discharge", {"dissociation": "resolved_or_at_own_baseline"})
    shown = page(cast, session)
    assert "1 answered; change one" in shown
    assert "✓ Resolved or at own baseline" in shown
    assert "✓ resolved_or" not in shown


def test_leaving_against_the_conditions_needs_the_reason_and_says_so(cast, session, watch):
    recovering(cast, session, watch)
    data = {
        "escort": "Robin",
        "against_because": "Insists; knows the risk; sister drives.",
        "password": PASSWORD,
    }
    assert cast.client("ben").post(url_of(session, "leave/"), data).status_code == 302
    row = session.discharge_set.get()
    assert row.against
    assert not row.may_leave
    row.pk, row.uid, row.client_id, row.reason, row.corrects_id = None, "2" * 12, "y", "", None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_the_ledger_always_adds_up(cast, session, watch):
    gone(cast, session, watch, mg="50", given="35")
    kinds = list(LedgerEntry.objects.order_by("id").values_list("kind", "balance_ug"))
    assert kinds == [("received", 1_000_000), ("drawn", 950_000), ("given", 950_000)]
    assert in_use_ug(session) == 15_000
    refused = cast.client("ben").post(url_of(session, "sign/"), {"password": PASSWORD})
    assert "15 mg of the drawn drug are neither given nor wasted" in refused.content.decode()
    data = {"amount_mg": "15", "second": cast.staff("ada").uid, "password": PASSWORD}
    assert cast.client("ben").post(url_of(session, "waste/"), data).status_code == 302
    assert in_use_ug(session) == 0


def test_the_database_refuses_a_balance_that_does_not_add_up(cast, session, watch):
    arrived(cast, session, watch)
    ordered(cast, session)
    checked(cast, session)
    last = LedgerEntry.objects.order_by("-sequence").first()
    for change in ({"balance_ug": 1}, {"sequence": 9}, {"balance_ug": last.balance_ug}):
        row = LedgerEntry.objects.get(pk=last.pk)
        row.pk, row.uid, row.client_id, row.signature = None, "3" * 12, "z", None
        row.sequence = last.sequence + 1
        for name, value in change.items():
            setattr(row, name, value)
        with pytest.raises(DatabaseError), transaction.atomic():
            row.save(force_insert=True)


def test_more_than_there_is_cannot_be_drawn(cast, session, watch):
    arrived(cast, session, watch)
    ordered(cast, session)
    with pytest.raises(InputError, match="not that much"):
        checked(cast, session, mg="5000")
    assert not session.dosecheck_set.exists()


def test_a_count_that_differs_is_explained_before_a_witness(cast, session):
    from treated import stocked

    lot = stocked(cast)
    with pytest.raises(InputError, match="nothing explains"):
        drug_actions.count_stock(
            by=cast.actor("ben"), lot=lot.uid, counted_mg=Decimal(990), note="", witness=witness(cast)
        )
    row = drug_actions.count_stock(
        by=cast.actor("ben"), lot=lot.uid, counted_mg=Decimal(990), note="vial broken", witness=witness(cast)
    )
    assert row.balance_ug == 990_000
    assert Lot.objects.count() == 1


def test_a_whole_session_ends_in_a_locked_record_with_a_pdf(cast, session, watch):
    gone(cast, session, watch)
    ben = cast.client("ben")
    assert ben.post(url_of(session, "sign/"), {"password": "no"}).status_code == 422
    assert ben.post(url_of(session, "sign/"), {"password": PASSWORD}).status_code == 302
    session.refresh_from_db()
    record = json.loads(session.signed.record)
    # 24 gates, and the credentials of nurse and prescriber.
    assert len(record["gates"]) == 26
    assert len(record["entries"]) == 12
    assert record["dose"][-1]["given_mg"] == "35"
    shown = page(cast, session)
    assert "Signed and locked" in shown
    assert "35\u202fmg" in shown
    pdf = ben.get(url_of(session, "record.pdf"))
    assert pdf.content.startswith(b"%PDF")
    refused = ben.post(url_of(session, "entries/"), {"kind": "note", "note": "late"})
    assert refused.status_code == 422
    assert "addendum" in refused.content.decode()
    with pytest.raises(DatabaseError, match="signed and locked"), transaction.atomic():
        Entry.objects.create(
            session=session,
            client_id="late",
            kind="note",
            note="late",
            observed_at=now(),
            entered_at=now(),
            entered_by=cast.staff("ben"),
        )
    words = {"text": "The cuff was on the left arm.", "password": PASSWORD}
    assert ben.post(url_of(session, "addendum/"), words).status_code == 302
    assert "left arm" in page(cast, session)


def test_the_signature_covers_the_record_as_it_is_shown(cast, session, watch):
    from openkap.care.accounts.signing import fingerprint

    gone(cast, session, watch)
    row = closing_actions.sign_session(
        by=cast.actor("ben"), patient=session.patient.uid, uid=session.uid, person=cast.staff("ben")
    )
    assert row.signature.fingerprint == fingerprint(row.record)


def test_alerts_nobody_answered_keep_the_record_open(cast, session, watch):
    recovering(cast, session, watch)
    watch.forward(minutes=1)
    enter(cast, session, "vitals", VITALS)
    enter(cast, session, "vitals", VITALS, stamp=Stamp(client_id="again"))
    enter(cast, session, "discharge", LEAVING)
    closing_actions.let_go(by=cast.actor("ben"), patient=session.patient.uid, uid=session.uid, escort="Robin")
    # It waited on a tablet without network.
    enter(cast, session, "vitals", VITALS | {"sbp": "185"})
    session.refresh_from_db()
    assert any("not acknowledged" in said for said in closing_actions.open_ends(session))
    for alert in Alert.objects.all():
        alert_actions.acknowledge(
            by=cast.actor("ben"), patient=session.patient.uid, uid=session.uid, alert=alert.uid, done="seen"
        )
    assert closing_actions.open_ends(session) == []


def test_an_adverse_event_is_recorded_and_updated_by_a_new_row(cast, session, watch):
    dosing(cast, session, watch)
    data = {
        "term": "nausea",
        "grade": "1",
        "relation": "probable",
        "action_taken": "none",
        "outcome": "recovering",
        "serious_because": "",
    }
    url = url_of(session, "adverse-event/")
    assert cast.client("tess").post(url, data).status_code == 403
    assert cast.client("ben").post(url, data | {"term": "made up"}).status_code == 422
    assert cast.client("ben").post(url, data | {"client_id": "one"}).status_code == 302
    first = session.adverse_events.get()
    assert first.is_expected
    update = data | {"corrects": first.uid, "outcome": "recovered", "reason": "follow-up"}
    assert cast.client("ben").post(url, update).status_code == 302
    assert session.adverse_events.count() == 2


def test_nobody_of_another_clinic_or_without_the_right_records_anything(cast, session):
    assert cast.client("eve").get(url_of(session)).status_code == 404
    for key in ("tess", "cora"):
        assert cast.client(key).get(url_of(session)).status_code == 200
        assert cast.client(key).post(url_of(session, "arrive/")).status_code == 403
    assert cast.client("dov").get(url_of(session)).status_code == 403


def test_who_is_refused_on_a_session_s_page_stands_in_the_audit_with_what_they_tried(cast, session):
    cast.client("tess").post(url_of(session, "arrive/"))
    cast.client("eve").post(url_of(session, "arrive/"))
    cast.client("ben").post(url_of(session, "release/"))
    cast.client("dov").get(url_of(session))
    found = AuditEvent.objects.filter(action="request.refused", patient=session.patient.uid).order_by("pk")
    assert [(event.actor, event.chain) for event in found] == [
        (cast.actor(key).uid, cast.actor(key).clinic_uid) for key in ("tess", "eve", "ben", "dov")
    ]
    told = [json.loads(event.body)["detail"] for event in found]
    assert [(each["tried_to"], each["because"]) for each in told] == [
        ("write", "not open to them"),
        ("write", "not there for them"),
        ("write", "not possible so, as the page said"),
        ("look", "not open to them"),
    ]


def test_every_state_of_the_page_is_drawn_and_asks_a_fixed_number_of_times(
    cast, session, watch, django_assert_max_num_queries
):
    gone(cast, session, watch)
    with django_assert_max_num_queries(70):
        assert "Sign and lock" in page(cast, session)
    with django_assert_max_num_queries(40):
        assert cast.client("ben").get(url_of(session, "now/")).status_code == 200


def test_text_of_people_is_never_markup_on_the_page(cast, session, watch):
    dosing(cast, session, watch)
    enter(cast, session, "vitals", VITALS, note="<script>alert(1)</script>")
    shown = page(cast, session)
    assert "<script>alert" not in shown
    assert "&lt;script&gt;" in shown
    assert re.search(r"<script(?![^>]*src=)", shown) is None


def test_records_refuse_update_and_delete_on_the_database(cast, session, watch):
    gone(cast, session, watch)
    for table in ("entry", "value", "doseevent", "dosecheck", "prescription", "ledgerentry", "discharge"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM treatment_{table}")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE treatment_value SET value = '120 mm[Hg]' WHERE element = 'moaas'")
    assert Session.objects.count() == 6
    assert GATES


def test_no_consent_is_taken_while_a_dose_acts(cast, session, watch):
    from enrolled import go_through_all, open_consent

    dosing(cast, session, watch)
    consent = open_consent(cast, session.patient, scope="maintenance")
    go_through_all(cast, session.patient, consent)
    with pytest.raises(InputError, match="cannot be taken now"):
        consent_signing.sign_as_patient(
            by=cast.actor("cora"),
            uid=session.patient.uid,
            consent=consent.uid,
            signed=consent_signing.Signed("Alex Example"),
        )
