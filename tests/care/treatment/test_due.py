"""Tests and contacts that the plan asks for: marked as done with their day, due again with a reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from enrolled import proof
from treated import FIRST, first_session, gone, planned

from openkap.care.audit.models import AuditEvent
from openkap.care.moment import now
from openkap.care.patients.closing import Why, close_record
from openkap.care.patients.merging import merge
from openkap.care.treatment.course import ending_actions
from openkap.care.treatment.models import DueItem
from openkap.care.treatment.session import closing_actions
from openkap.care.worklist import tasks_of

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


CALL = "Call: the contact after the dose is due"


@pytest.fixture
def ended(cast, patient, watch):
    """A course that ended with its first dose; the contact after that dose is late."""
    session = gone(cast, first_session(planned(cast, patient)), watch)
    closing_actions.sign_session(
        by=cast.actor("ben"), patient=patient.uid, uid=session.uid, person=proof(cast, "ben")
    )
    ending_actions.end_course(
        by=cast.actor("ada"), patient=patient.uid, uid=session.course.uid, rule="other", reason="moves away"
    )
    watch.forward(days=3)
    return session.course


def calls(cast):
    return [task for task in tasks_of(cast.actor("ben")) if task.verb == CALL]


def late_contacts(course):
    return DueItem.objects.filter(course=course, kind="contact", done_at=None, due_at__lt=now())


def course_page(cast, course):
    return cast.client("ben").get(f"/patients/{course.patient.uid}/courses/{course.uid}/")


def test_a_contact_that_stands_on_the_first_page_can_be_noted_after_the_course_has_ended(cast, ended):
    (line,) = calls(cast)
    page = cast.client("ben").get(line.url.partition("#")[0]).content.decode()
    (contact,) = late_contacts(ended).filter(session__state="left")
    assert f'name="items" value="{contact.uid}"' in page
    cast.client("ben").post(due(ended.patient, ended), {"items": [contact.uid], "note": "well at home"})
    contact.refresh_from_db()
    assert (contact.done_by, contact.note) == (cast.staff("ben"), "well at home")
    assert calls(cast) == []


def test_after_the_end_of_a_course_nothing_but_the_contacts_of_given_doses_is_due(cast, ended):
    groups = course_page(cast, ended).context["due_late"] + course_page(cast, ended).context["due_later"]
    due_now = [item for group in groups for item in group.items]
    assert due_now
    assert {(item.kind, item.session.state) for item in due_now} == {("contact", "left")}


def test_who_was_not_reached_ends_the_line_with_the_reason_and_is_not_counted_as_done(cast, ended):
    ben, contact = cast.client("ben"), late_contacts(ended).get(session__state="left")
    given = {"items": [contact.uid], "not_reached": "yes", "not_done_because": " "}
    refused = ben.post(due(ended.patient, ended), given)
    assert refused.status_code == 422
    assert "Write whom you tried" in refused.content.decode()
    because = "three calls, the sister says she is well"
    ben.post(due(ended.patient, ended), given | {"not_done_because": because})
    contact.refresh_from_db()
    assert (contact.not_done_because, contact.note) == (because, "")
    assert calls(cast) == []
    page = course_page(cast, ended).content.decode()
    assert f"{contact.what[:1].upper()}{contact.what[1:]}: not reached" in page
    assert because in page
    assert because in AuditEvent.objects.get(action="due.not_reached").body


def test_not_reached_can_be_taken_back_and_the_contact_is_due_again(cast, ended):
    ben, contact = cast.client("ben"), late_contacts(ended).get(session__state="left")
    ben.post(
        due(ended.patient, ended),
        {"items": [contact.uid], "not_reached": "yes", "not_done_because": "no answer"},
    )
    ben.post(due(ended.patient, ended), {"undo": contact.uid, "reason": "she called back"})
    contact.refresh_from_db()
    assert (contact.done_at, contact.not_done_because) == (None, "")
    assert len(calls(cast)) == 1


def test_a_test_or_a_contact_to_come_does_not_end_because_nobody_was_reached(cast, patient, course):
    contact = DueItem.objects.filter(course=course, kind="contact", session__isnull=False).first()
    for each, says in ((item(course), "only a contact ends"), (contact, "still to come")):
        given = {"items": [each.uid], "not_reached": "yes", "not_done_because": "no answer"}
        answer = cast.client("ben").post(due(patient, course), given)
        assert answer.status_code == 422
        assert says in answer.content.decode().lower()
        each.refresh_from_db()
        assert each.done_at is None


def test_nobody_is_called_who_has_died(cast, ended):
    close_record(by=cast.actor("cora"), uid=ended.patient.uid, why=Why("died"))
    shown = course_page(cast, ended).context
    assert (shown["due_late"], shown["due_later"]) == ([], [])
    assert calls(cast) == []


def test_the_contact_after_a_dose_is_noted_under_the_record_that_was_merged_meanwhile(cast, ended, register):
    kept = register("Exampel")
    merge(by=cast.actor("cora"), keep=kept.uid, absorb=ended.patient.uid, reason="same passport")
    contact = late_contacts(ended).get(session__state="left")
    assert cast.client("ben").post(due(ended.patient, ended), {"items": [contact.uid]}).status_code == 302
    contact.refresh_from_db()
    assert contact.done_by == cast.staff("ben")
