"""The monitoring form is complete without typing anything again; what is unknown stays not recorded."""

from __future__ import annotations

from datetime import timedelta

import pytest
import treated
from pdf_text import text_of

from openkap.care.enrolment.models import Answer
from openkap.care.live.form import MEDICINES, form_fields
from openkap.care.treatment.dose import actions as dose_actions
from openkap.care.treatment.models import Discharge, Entry
from openkap.care.treatment.release import actions as release_actions
from openkap.care.treatment.rows.stamps import Stamp
from openkap.care.treatment.session import closing_actions
from openkap.care.treatment.session.readiness import ready_since

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")


@pytest.fixture
def session(cast, patient):
    return treated.first_session(treated.planned(cast, patient))


def told(session):
    return {field.label: field.value for field in form_fields(session)}


def rows(session):
    return {field.label: field.row for field in form_fields(session)}


def answered(cast, patient, watch, element, value, days_ago=1, is_known=True):
    moment = watch.moment - timedelta(days=days_ago)
    return Answer.objects.create(
        patient=patient,
        element=element,
        value=value,
        is_known=is_known,
        observed_at=moment,
        origin="asked",
        answered_by=cast.staff("ben"),
        answered_at=moment,
    )


def released_by_decision(cast, session, *rules):
    """Ordered, checked, and released because the prescriber says of each of these gates to go on."""
    treated.ordered(cast, session)
    treated.checked(cast, session)
    where = {"patient": session.patient.uid, "uid": session.uid}
    for rule in rules:
        dose_actions.decide_gate(
            by=cast.actor("ada"), **where, rule=rule, goes_on=True, reason="settled after rest"
        )
    release_actions.clear(by=cast.actor("ben"), **where)


def read(cast, session, watch, begun, minute, **values):
    watch.moment = begun + timedelta(minutes=minute)
    return treated.enter(cast, session, "vitals", values, stamp=Stamp(client_id=f"more-{minute}"))


def leave(cast, session, **leaving):
    treated.enter(cast, session, "discharge", treated.LEAVING | leaving)
    where = {"by": cast.actor("ben"), "patient": session.patient.uid, "uid": session.uid}
    return closing_actions.let_go(
        **where, escort="Robin Example", against_because="wanted to go", person=cast.staff("ben")
    )


def test_vital_signs_before_leaving_are_answered_from_vital_signs_alone(cast, session, watch):
    treated.recovering(cast, session, watch)
    leave(cast, session, escort_present="no")
    assert Discharge.objects.get().may_leave is False
    assert told(session)["Vital signs acceptable before leaving"] == "yes"


def test_a_pressure_that_has_not_come_down_is_not_acceptable_before_leaving(cast, session, watch):
    treated.recovering(cast, session, watch)
    begun = session.starts_at
    read(cast, session, watch, begun, 121, **(treated.VITALS | {"sbp": "160", "dbp": "90"}))
    leave(cast, session)
    said = told(session)["Vital signs acceptable before leaving"]
    assert said.startswith("no: DIS-02 blood pressure near baseline and falling, not yet: ")


def test_vital_signs_nobody_read_before_leaving_are_not_recorded(cast, session, watch):
    treated.dosing(cast, session, watch)
    treated.dose(cast, session, "stop", given_mg=35, confirmed=True)
    watch.forward(minutes=130)
    leave(cast, session)
    assert told(session)["Vital signs acceptable before leaving"] == ""


def test_a_pressure_the_prescriber_accepted_says_so_before_dosing(cast, session, watch):
    treated.arrived(cast, session, watch, sbp_predose="145")
    released_by_decision(cast, session, "PRE-10")
    said = told(session)["Vital signs acceptable before dosing"]
    assert said.startswith("yes, by the prescriber's decision: PRE-10")


def test_nothing_released_is_not_a_no(cast, session, watch):
    treated.arrived(cast, session, watch)
    assert told(session)["Vital signs acceptable before dosing"] == ""


def test_medicines_come_from_what_the_screening_knew_and_unknown_stays_not_recorded(
    cast, patient, session, watch
):
    answered(cast, patient, watch, "cns_depressant_or_alcohol", "yes")
    answered(cast, patient, watch, "maoi", "no")
    answered(cast, patient, watch, "psychostimulant_same_day", "no", is_known=False)
    treated.arrived(cast, session, watch)
    news = [each.rule.id for each in release_actions.gates_now(session) if each.lead]
    released_by_decision(cast, session, *news)
    treated.dose(cast, session, "start")
    answered(cast, patient, watch, "maoi", "yes", days_ago=-1)
    said = told(session)
    assert said[MEDICINES["cns_depressant_or_alcohol"]] == "yes"
    assert said[MEDICINES["maoi"]] == "no"
    assert said[MEDICINES["psychostimulant_same_day"]] == ""
    assert said["New medicines or symptoms since the last visit"] == "no"


def test_an_answer_that_is_too_old_is_not_recorded_since(cast, patient, session, watch):
    answered(cast, patient, watch, "maoi", "no", days_ago=200)
    treated.dosing(cast, session, watch)
    assert told(session)[MEDICINES["maoi"]].startswith("not recorded since ")


def test_dissociation_has_its_onset_worst_and_end_against_the_patient_s_own_score(cast, session, watch):
    treated.dosing(cast, session, watch)
    begun = watch.moment
    for minute, score in ((0, 2), (20, 9), (40, 14), (80, 5), (120, 1)):
        read(cast, session, watch, begun, minute, cadss_6_total=str(score))
    assert told(session)["Dissociation (CADSS-6)"] == (
        "from 10:20, worst 14 at 10:40, at the patient's own 2 by 12:00"
    )
    worst = Entry.objects.get(client_id="more-40")
    assert worst.uid in rows(session)["Dissociation (CADSS-6)"]


def test_without_a_score_before_the_dose_dissociation_has_no_onset(cast, session, watch):
    treated.dosing(cast, session, watch)
    read(cast, session, watch, watch.moment, 40, cadss_6_total="14")
    assert told(session)["Dissociation (CADSS-6)"] == (
        "worst 14 at 10:40; no score before the dose, so no onset and end"
    )


def test_dissociation_that_nobody_saw_end_says_so(cast, session, watch):
    treated.dosing(cast, session, watch)
    begun = watch.moment
    for minute, score in ((0, 0), (40, 14)):
        read(cast, session, watch, begun, minute, cadss_6_total=str(score))
    assert told(session)["Dissociation (CADSS-6)"].endswith("worst 14 at 10:40, not seen resolved")


def test_sedation_has_its_onset_lowest_and_end(cast, session, watch):
    treated.dosing(cast, session, watch)
    begun = watch.moment
    assert told(session)["Sedation (MOAA/S)"] == ""
    for minute, score in ((10, 5), (20, 4), (30, 3), (55, 5)):
        read(cast, session, watch, begun, minute, moaas=str(score))
    assert told(session)["Sedation (MOAA/S)"] == "from 10:20, lowest 3 at 10:30, awake (5) by 10:55"


def test_oximetry_that_nobody_did_is_not_recorded(cast, session, watch):
    treated.dosing(cast, session, watch)
    assert told(session)["Pulse oximetry done"] == ""


def test_readiness_is_when_every_condition_was_first_met_and_not_when_they_left(cast, session, watch):
    treated.recovering(cast, session, watch)
    treated.enter(cast, session, "discharge", treated.LEAVING)
    watch.forward(minutes=25)
    where = {"by": cast.actor("ben"), "patient": session.patient.uid, "uid": session.uid}
    left = closing_actions.let_go(**where, escort="Robin Example")
    assert left.ready_at == session.starts_at + timedelta(minutes=120)
    assert told(session)["Ready to leave"] == "12:00, minute 120"
    assert told(session)["Left"] == "12:25, minute 145"


def test_who_meets_everything_early_is_ready_when_the_minimum_stay_is_over(cast, session, watch):
    treated.recovering(cast, session, watch)
    begun = session.starts_at
    watch.moment = begun + timedelta(minutes=115)
    treated.enter(cast, session, "discharge", treated.LEAVING)
    rows_now = treated_rows(session, before=begun + timedelta(minutes=119))
    assert ready_since(session, rows_now, begun + timedelta(minutes=119)) is None
    assert ready_since(session, rows_now, begun + timedelta(minutes=125)) == begun + timedelta(minutes=120)


def treated_rows(session, before):
    from openkap.care.treatment.rows import facts

    return facts.Rows(tuple(each for each in facts.rows_of(session).entries if each.observed_at <= before))


def test_who_left_against_the_conditions_was_not_ready(cast, session, watch):
    treated.recovering(cast, session, watch)
    left = leave(cast, session, escort_present="no")
    assert left.ready_at is None
    assert told(session)["Ready to leave"] == ""
    assert "against the conditions: wanted to go" in told(session)["Left"]


def test_the_estimate_names_readiness_and_where_it_was_not_recorded_the_departure(cast, session, watch):
    course = session.course
    treated.recovering(cast, session, watch)
    treated.enter(cast, session, "discharge", treated.LEAVING)
    watch.forward(minutes=25)
    where = {"by": cast.actor("ben"), "patient": session.patient.uid, "uid": session.uid}
    closing_actions.let_go(**where, escort="Robin Example")
    second = treated.dosing(cast, course.sessions.get(number=2), watch)
    live = f"/patients/{second.patient.uid}/sessions/{second.uid}/live/state/"
    state = cast.client("ben").get(live).json()["state"]
    assert state["leaving"]["earlier"] == [{"min": 120, "is_ready": True}]


def test_every_field_that_has_a_value_names_the_row_it_came_from(cast, session, watch):
    treated.gone(cast, session, watch)
    without = {
        field.label
        for field in form_fields(session)
        if field.value and not field.row and field.value != "none recorded"
    }
    assert without == set()
    paper = text_of(
        cast.client("ben")
        .get(f"/patients/{session.patient.uid}/sessions/{session.uid}/monitoring-form.pdf")
        .content
    )
    assert Discharge.objects.get().uid in paper
