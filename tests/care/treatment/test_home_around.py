"""Before the first dose somebody asks whom to call, who takes the patient home, and what helps in a crisis."""

import pytest
from treated import planned

from openkap.care.patients.actions import add_contact, write_crisis_plan
from openkap.care.treatment.home import around as home_around
from openkap.care.treatment.models import Session


@pytest.fixture
def course(cast, patient):
    patient.contacts.all().delete()
    return planned(cast, patient)


def said(cast, key="cora"):
    return [(task.verb, task.note) for task in home_around.tasks(cast.actor(key))]


def note(cast, patient, kind):
    add_contact(by=cast.actor("cora"), uid=patient.uid, kind=kind, name="Robin", telephone="+1 555 0100")


def test_one_line_says_what_is_lacking_until_all_of_it_is_noted(cast, patient, course):
    [(verb, words)] = said(cast)
    assert verb == "Note who is around the patient"
    assert words == "before the first session: emergency contact, escort home, crisis plan"
    note(cast, patient, "emergency")
    note(cast, patient, "escort")
    assert said(cast, "ada") == [("Write the crisis plan", "before the first session: crisis plan")]
    plan = {
        "warning_signs": "No sleep.",
        "what_helps": "Music.",
        "people_to_call": "Robin.",
        "safe_place": "",
    }
    write_crisis_plan(by=cast.actor("tess"), uid=patient.uid, version=0, words=plan)
    assert said(cast) == []


def test_it_is_asked_by_the_day_of_the_first_session_and_no_more_once_a_dose_was_given(cast, patient, course):
    [task] = home_around.tasks(cast.actor("cora"))
    assert task.due == course.sessions.get(number=1).starts_at
    assert task.url == f"/patients/{patient.uid}/contacts/"
    course.sessions.filter(number=1).update(state=Session.State.LEFT)
    assert said(cast) == []


def test_a_session_that_is_weeks_away_is_not_on_it_yet(cast, patient, course, watch):
    watch.forward(days=-14)
    assert said(cast) == []


def test_who_has_no_session_planned_is_not_on_it(cast, patient):
    assert said(cast) == []
