"""After a withdrawal every planned date says so: doses are held, therapy may go on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from enrolled import consented, withdrawn
from treated import FIRST, first_session, gone, planned

from openkap.care.enrolment.models import Consent
from openkap.care.treatment.course.ending_actions import end_course
from openkap.care.treatment.course.visit_queries import my_visits
from openkap.care.treatment.models import Visit
from openkap.care.treatment.monitoring.session_actions import give_up
from openkap.care.treatment.planning.moving import preview_move
from openkap.care.treatment.planning.replan_actions import plan_none, preview_in_its_place
from openkap.care.treatment.queries import plan_lines
from openkap.care.worklist import tasks_of

HELD = "held: consent withdrawn 23 Nov 2026"
MAY_GO_ON = "may go on: consent withdrawn 23 Nov 2026"

pytestmark = pytest.mark.usefixtures("nobody_is_locked_out")


@pytest.fixture
def course(cast, patient):
    return planned(cast, patient)


@pytest.fixture
def stopped(cast, patient, course, watch):
    """A course whose patient has withdrawn an hour after it was planned, a week before the first dose."""
    watch.forward(hours=1)
    withdrawn(cast, patient, Consent.objects.get())
    return course


def page(cast, address: str, key: str = "cora") -> str:
    return cast.client(key).get(address).content.decode()


def test_every_session_of_the_course_is_held_and_every_visit_says_that_it_may_go_on(cast, stopped):
    lines = plan_lines(stopped)
    assert {line.state for line in lines if line.kind == "session"} == {HELD}
    assert {line.state for line in lines if line.kind == "visit"} == {MAY_GO_ON}
    text = page(cast, f"/patients/{stopped.patient.uid}/courses/{stopped.uid}/")
    assert text.count(HELD) == stopped.sessions.count()
    assert HELD in page(cast, f"/patients/{stopped.patient.uid}/courses/")


def asked_to_test(cast) -> list[str]:
    return [task.whom for task in tasks_of(cast.actor("ben")) if task.verb == "Do the tests"]


def test_nobody_is_asked_to_test_for_a_dose_that_is_held(cast, patient, course, watch):
    watch.moment = first_session(course).starts_at - timedelta(days=1)
    assert asked_to_test(cast)
    withdrawn(cast, patient, Consent.objects.get())
    assert asked_to_test(cast) == []
    watch.forward(minutes=5)
    consented(cast, patient)
    assert asked_to_test(cast)


def test_without_a_withdrawal_and_after_a_new_consent_dates_are_planned(cast, patient, course, watch):
    assert {line.state for line in plan_lines(course)} == {"planned"}
    watch.forward(hours=1)
    withdrawn(cast, patient, Consent.objects.get())
    watch.forward(hours=1)
    consented(cast, patient)
    assert {line.state for line in plan_lines(course)} == {"planned"}
    assert HELD not in page(cast, f"/patients/{patient.uid}/")


def test_a_visit_before_the_withdrawal_does_not_speak_of_it(cast, patient, course, watch):
    before = Visit.objects.filter(course=course).order_by("starts_at").first()
    watch.moment = before.starts_at + timedelta(hours=2)
    withdrawn(cast, patient, Consent.objects.get())
    states = [line.state for line in plan_lines(course) if line.kind == "visit"]
    assert states[0] == "over: note or absence missing"
    assert all(state.startswith("may go on") for state in states[1:])


def test_what_was_given_stays_as_it_was(cast, patient, course, watch):
    gone(cast, first_session(course), watch)
    withdrawn(cast, patient, Consent.objects.get())
    states = [line.state for line in plan_lines(course) if line.kind == "session"]
    assert states[0] == "went home"
    assert all(state.startswith("held: consent withdrawn") for state in states[1:])


def test_the_chart_says_first_that_the_next_dose_is_held(cast, stopped):
    assert page(cast, f"/patients/{stopped.patient.uid}/").count(HELD) == 1
    assert MAY_GO_ON in page(cast, f"/patients/{stopped.patient.uid}/")


def test_the_page_of_the_session_and_of_the_visit_say_it(cast, stopped):
    uid = stopped.patient.uid
    assert HELD in page(cast, f"/patients/{uid}/sessions/{first_session(stopped).uid}/")
    visit = Visit.objects.filter(course=stopped).first()
    assert MAY_GO_ON in page(cast, f"/patients/{uid}/visits/{visit.uid}/", "tess")
    assert MAY_GO_ON in page(cast, f"/patients/{uid}/visits/{visit.uid}/move/")


def test_each_visit_on_the_therapists_own_page_says_it(cast, course, watch):
    assert {each.says for each in my_visits(cast.actor("tess"))} == {""}
    watch.forward(hours=1)
    withdrawn(cast, course.patient, Consent.objects.get())
    visits = my_visits(cast.actor("tess"))
    assert {each.says for each in visits} == {MAY_GO_ON}
    assert page(cast, "/therapy/", "tess").count(MAY_GO_ON) == len(visits)


def test_the_lists_of_the_day_say_it(cast, stopped, watch):
    visit = Visit.objects.filter(course=stopped).order_by("starts_at").first()
    watch.moment = visit.starts_at - timedelta(hours=1)
    assert MAY_GO_ON in "".join(task.note for task in tasks_of(cast.actor("tess")))
    watch.moment = FIRST - timedelta(hours=1)
    (task,) = [each for each in tasks_of(cast.actor("ben")) if each.verb == "Receive the patient"]
    assert task.note.endswith(HELD)


def test_the_board_says_it_and_does_not_call_a_held_session_late(cast, stopped, watch):
    def row(key="ben"):
        told = cast.client(key).get("/board/state/").json()
        return told["counts"] if "counts" in told else told["rows"][0]

    watch.moment = FIRST - timedelta(hours=1)
    assert row()["held"] == HELD
    watch.moment = FIRST + timedelta(hours=1)
    assert (row()["held"], row()["not_started"]) == (HELD, None)
    assert row("dov")["late"] == 0


def test_the_board_of_a_session_that_is_not_held_says_nothing(cast, course, watch):
    watch.moment = FIRST + timedelta(hours=1)
    row = cast.client("ben").get("/board/state/").json()["rows"][0]
    assert (row["held"], row["not_started"] is None) == ("", False)


def test_other_programs_read_it_with_each_session(cast, stopped):
    told = cast.client("ben").get(f"/api/patients/{stopped.patient.uid}/sessions").json()
    assert {each["held"] for each in told} == {HELD}


def test_a_move_says_first_that_no_dose_can_start_on_the_new_day_either(cast, stopped):
    session = first_session(stopped)
    move = preview_move(
        by=cast.actor("cora"), session=session, starts_at=session.starts_at + timedelta(hours=1)
    )
    assert move.warnings[0].startswith(HELD)
    assert f"H{HELD[1:]}" in page(cast, f"/patients/{stopped.patient.uid}/sessions/{session.uid}/move/")


def test_no_session_is_added_in_the_place_of_another_until_consent_is_given_anew(
    cast, patient, course, watch
):
    session = first_session(course)
    give_up(by=cast.actor("ben"), patient=patient.uid, uid=session.uid, reason="the patient did not come")
    withdrawn(cast, patient, Consent.objects.get())
    later = preview_in_its_place(
        by=cast.actor("cora"), session=session, starts_at=session.starts_at + timedelta(days=1)
    )
    assert any(each.startswith("consent withdrawn") for each in later.problems)
    plan_none(by=cast.actor("cora"), patient=patient.uid, uid=session.uid, reason="consent withdrawn")


def test_who_never_had_a_dose_is_in_no_follow_up(cast, stopped):
    end_course(
        by=cast.actor("ada"), patient=stopped.patient.uid, uid=stopped.uid, rule="STOP-9", reason="stops"
    )
    for text in (page(cast, f"/patients/{stopped.patient.uid}/"), page(cast, "/patients/")):
        assert "ended without a dose" in text
        assert "in follow-up" not in text


def test_who_had_one_dose_is_in_follow_up(cast, patient, course, watch):
    gone(cast, first_session(course), watch)
    end_course(by=cast.actor("ada"), patient=patient.uid, uid=course.uid, rule="STOP-9", reason="stops")
    assert "in follow-up" in page(cast, f"/patients/{patient.uid}/")
    assert "in follow-up" in page(cast, "/patients/")


def test_the_lead_counts_who_never_had_a_dose_apart(cast, stopped, register):
    from openkap.care.outcomes.aggregates import clinic_numbers

    end_course(
        by=cast.actor("ada"), patient=stopped.patient.uid, uid=stopped.uid, rule="STOP-9", reason="stops"
    )
    phases = clinic_numbers(cast.actor("dov"))[0]
    assert [line.label for line in phases.lines] == ["Ended without a dose"]
