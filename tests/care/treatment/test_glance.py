"""What the chart says first: when the patient comes next, how far the course is, how they are."""

from __future__ import annotations

from datetime import timedelta

from treated import FIRST, dosing, first_session, gone, planned

from openkap.care.treatment.course import ending_actions


def said(cast, patient, key="cora"):
    page = cast.client(key).get(f"/patients/{patient.uid}/")
    return {line.label: line.value for line in page.context["glance"]}


def test_the_chart_says_first_what_comes_next_and_how_far_the_course_is(cast, patient, watch):
    course = planned(cast, patient)
    first = course.visits.filter(state="planned").order_by("starts_at").first()
    shown = said(cast, patient)
    assert "Now" not in shown
    assert shown["Next"] == f"preparation 1, {first.starts_at:%a %-d %b %Y, %H:%M}"
    assert shown["Then"] == "session 1, Mon 30 Nov 2026, 10:00"
    assert shown["Sessions"] == "0 of 6 done"
    page = cast.client("cora").get(f"/patients/{patient.uid}/").content.decode()
    assert page.index("At a glance") < page.index("What to do now")


def test_a_session_of_this_morning_stays_the_next_one_until_the_patient_is_there(cast, patient, watch):
    session = first_session(planned(cast, patient))
    watch.moment = FIRST + timedelta(minutes=40)
    assert "session 1, Mon 30 Nov 2026, 10:00" in said(cast, patient).values()
    dosing(cast, session, watch)
    shown = said(cast, patient)
    assert "session 1, Mon 30 Nov 2026, 10:00" not in shown.values()
    assert (next(iter(shown)), shown["Now"]) == ("Now", "session 1: dosing")


def test_after_a_course_the_chart_says_that_no_date_is_planned(cast, patient, watch):
    course = planned(cast, patient)
    gone(cast, first_session(course), watch)
    ending_actions.end_course(
        by=cast.actor("ada"), patient=patient.uid, uid=course.uid, rule="other", reason="they move away"
    )
    watch.forward(days=400)
    shown = said(cast, patient, "ada")
    assert shown["Next"].startswith("no date is planned; the course ended ")
    assert shown["Sessions"] == "1 of 1 done, 5 not held"
