"""What treatment leaves on the timeline: also what did not take place, in words and not by colour alone."""

from __future__ import annotations

from datetime import timedelta

from treated import planned

from openkap.care.treatment.course import ending_actions, therapy_actions
from openkap.care.treatment.timeline import events


def told(patient):
    return {event.title: event.detail for event in events([patient.pk])}


def test_a_cancelled_session_and_a_missed_visit_stand_on_the_timeline_with_their_reason(cast, patient, watch):
    course = planned(cast, patient)
    second = course.sessions.get(number=2)
    ending_actions.cancel_session(
        by=cast.actor("cora"), patient=patient.uid, uid=second.uid, reason="had a fever"
    )
    assert not [title for title in told(patient) if title.startswith("Session")]
    watch.moment = second.starts_at + timedelta(hours=3)
    visit = course.visits.filter(kind="preparation").order_by("starts_at").first()
    therapy_actions.miss_visit(
        by=cast.actor("tess"), patient=patient.uid, uid=visit.uid, reason="no call, no show"
    )
    shown = told(patient)
    assert shown["Session 2: cancelled"] == "had a fever"
    assert shown["Preparation: missed"] == "no call, no show"


def test_the_timeline_calls_a_course_what_its_protocol_calls_it(cast, patient):
    planned(cast, patient)
    assert told(patient)["Course planned"] == "Six infusions over two weeks, three a week"


def test_what_goes_with_the_rest_of_a_course_is_said_once(cast, patient, watch):
    course = planned(cast, patient)
    ending_actions.end_course(
        by=cast.actor("ada"), patient=patient.uid, uid=course.uid, rule="other", reason="they move away"
    )
    watch.forward(days=90)
    assert sorted(told(patient)) == ["Course ended", "Course planned"]
