"""How the pages say a span, a stored day and what is left to wait."""

from __future__ import annotations

from datetime import timedelta

import pytest

from openkap.care.contributions import ChartLink
from openkap.care.moment import now
from openkap.care.permissions import Permission
from openkap.care.templatetags import clinic
from openkap.protocol.elements import dictionary


def test_a_moment_ago_is_just_now():
    assert clinic.ago(now()) == "just now"
    assert clinic.ago(now() - timedelta(minutes=8)) == "8\u202fmin ago"


@pytest.mark.parametrize(
    ("stored", "told"),
    [("2026-11-23T10:40:00+00:00", "23 Nov 2026"), ("2026-11-03", "3 Nov 2026"), ("", ""), (None, "")],
)
def test_a_stored_day_is_said_as_everywhere_else(stored, told):
    assert clinic.day_words(stored) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [("120 d", "120 days"), ("42 a", "42 years"), ("2 mg/d", "2 mg a day"), ("64 kg", "64 kg")],
)
def test_a_unit_at_the_end_is_a_word(value, told):
    assert clinic.spoken(value) == told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("not yet: minutes since the dose started must rise by 15.2 min", "16\u202fmin to go"),
        ("not yet: minutes since the dose started must rise by 92 min", "1\u202fh 32\u202fmin to go"),
        ("not yet: systolic pressure must fall by 12 mm[Hg]", "systolic pressure must fall by 12 mmHg"),
    ],
)
def test_a_condition_for_leaving_says_what_is_left(said, told):
    assert clinic.still_to_come(said) == told


def test_a_score_has_its_range_once_beside_its_field():
    asked = dictionary()
    assert clinic.unit_or_range(asked["caps5_total_past_month"]) == "0 to 80"
    assert clinic.unit_or_range(asked["body_weight"]) == "kg"
    named = [each for each in asked.elements.values() if "0 to 10" in each.label]
    assert named
    assert {clinic.unit_or_range(each) for each in named} == {""}


def test_a_session_belongs_to_the_course_in_the_navigation_of_the_chart():
    course = ChartLink("Course", "/patients/x1/courses/", "courses", Permission.SEE_PATIENT, ("sessions",))
    overview = ChartLink("Overview", "/patients/x1/", "patient", Permission.SEE_PATIENT)
    assert clinic.holds(course, "/patients/x1/sessions/s1/move/")
    assert clinic.holds(course, "/patients/x1/courses/c1/")
    assert not clinic.holds(course, "/patients/x1/outcomes/")
    assert not clinic.holds(overview, "/patients/x1/outcomes/")


def test_the_day_of_a_waiting_task_is_not_broken():
    from openkap.care.contributions import Task

    said = clinic.task_line(Task("Plan the course", "/x/", "EXAMPLE, Alex", since=now()))
    assert "waits since 23\u00a0Nov\u00a02026" in said
