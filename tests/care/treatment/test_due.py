"""Tests and contacts that the plan asks for: marked as done with their day, due again with a reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from treated import FIRST, planned

from openkap.care.audit.models import AuditEvent
from openkap.care.treatment.models import DueItem

pytestmark = pytest.mark.django_db


@pytest.fixture
def course(cast, patient):
    return planned(cast, patient)


def due(patient, course):
    return reverse("course_due", args=[patient.uid, course.uid])


def item(course, what="ECG"):
    return DueItem.objects.get(course=course, what=what)


def test_what_was_done_says_when_by_whom_and_where_the_result_is(cast, patient, course, watch):
    two = [item(course).uid, item(course, "liver function").uid]
    data = {"items": two, "done_on": "2026-11-20", "note": "letter of the surgery"}
    assert cast.client("ben").post(due(patient, course), data).status_code == 302
    page = cast.client("ada").get(reverse("course", args=[patient.uid, course.uid])).content.decode()
    assert page.count("20 Nov 2026 by Ben Okafor: letter of the surgery") == 2
    assert AuditEvent.objects.filter(action="due.done", patient=patient.uid).count() == 2


def test_a_day_to_come_is_refused_and_what_was_ticked_stays_ticked(cast, patient, course):
    ecg = item(course)
    data = {"items": [ecg.uid], "done_on": "2026-12-24", "note": "letter"}
    answer = cast.client("ben").post(due(patient, course), data)
    assert answer.status_code == 422
    said = answer.content.decode()
    assert "still to come" in said
    assert f'value="{ecg.uid}" checked' in said
    assert 'value="letter"' in said
    ecg.refresh_from_db()
    assert ecg.done_at is None


def test_marked_in_error_is_due_again_with_a_reason_in_the_audit(cast, patient, course):
    ecg = item(course)
    cast.client("ben").post(due(patient, course), {"items": [ecg.uid]})
    assert cast.client("ben").post(due(patient, course), {"undo": ecg.uid, "reason": " "}).status_code == 422
    cast.client("ben").post(due(patient, course), {"undo": ecg.uid, "reason": "somebody else's trace"})
    ecg.refresh_from_db()
    assert ecg.done_at is None
    assert "somebody else's trace" in AuditEvent.objects.get(action="due.not_done").body


def test_what_a_colleague_marked_meanwhile_keeps_their_name(cast, patient, course):
    ecg = item(course)
    cast.client("ben").post(due(patient, course), {"items": [ecg.uid], "note": "first"})
    cast.client("cora").post(due(patient, course), {"items": [ecg.uid], "note": "second"})
    ecg.refresh_from_db()
    assert (ecg.done_by, ecg.note) == (cast.staff("ben"), "first")


def test_tests_stand_on_the_first_page_from_a_week_before_until_they_are_done(cast, patient, watch):
    course = planned(cast, patient, first=FIRST + timedelta(days=14))
    home = lambda: cast.client("cora").get("/home/").content.decode()  # noqa: E731
    assert "Do the tests" not in home()
    watch.forward(days=14)
    cast.clients.clear()  # the next fortnight, a new log-in
    assert "Do the tests" in home()
    tests = DueItem.objects.filter(course=course, kind="test")
    cast.client("cora").post(due(patient, course), {"items": [each.uid for each in tests]})
    assert "Do the tests" not in home()


def test_no_name_of_a_test_carries_a_code(course):
    assert item(course, "weight").when == "before the first dose"
    assert item(course, "BP").kind == "test"


def test_another_course_s_items_are_out_of_reach(cast, patient, course, register):
    theirs = planned(cast, register(given_name="Kim"), seat="Chair 2", first=FIRST + timedelta(days=60))
    cast.client("ben").post(due(patient, course), {"items": [item(theirs).uid]})
    assert item(theirs).done_at is None
