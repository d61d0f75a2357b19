"""What stands on the home page until somebody has done it: consents, contacts, overrides."""

from __future__ import annotations

from datetime import timedelta

from django.test import Client
from enrolled import consented, soon_enrolled, withdrawn
from treated import first_session, gone, planned

from openkap.care.enrolment.models import Consent, ConsentGiven
from openkap.care.treatment.course.ending_actions import end_course
from openkap.care.treatment.models import DueItem
from openkap.care.worklist import tasks_of


def home(cast, key: str) -> str:
    client = Client()
    client.force_login(cast.staff(key))
    return client.get("/home/").content.decode()


def test_a_consent_that_has_ended_stays_on_the_list_until_it_is_renewed(cast, patient, watch):
    planned(cast, patient)
    ends = ConsentGiven.objects.get().expires_at
    watch.moment = ends - timedelta(days=10)
    assert "the consent ends" in home(cast, "cora")
    watch.moment = ends + timedelta(days=1)
    assert "the consent has ended: no dose until it is renewed" in home(cast, "cora")


def test_a_renewed_consent_is_not_asked_for_again(cast, patient, watch):
    soon_enrolled(cast, patient)
    watch.moment = ConsentGiven.objects.get().expires_at - timedelta(days=10)
    consented(cast, patient)
    assert "Ask for consent again" not in home(cast, "cora")


def test_who_is_in_no_treatment_is_not_asked_for_a_new_consent(cast, patient, watch):
    soon_enrolled(cast, patient)
    type(patient).objects.filter(pk=patient.pk).update(status="follow_up")
    watch.moment = ConsentGiven.objects.get().expires_at - timedelta(days=10)
    assert "Ask for consent again" not in home(cast, "cora")


def test_the_contact_a_day_after_the_dose_is_on_the_nurses_list(cast, patient, watch):
    course = planned(cast, patient)
    session = first_session(course)
    gone(cast, session, watch)
    watch.forward(hours=20)
    assert "Call: the contact after the dose is due" in home(cast, "ben")
    DueItem.objects.filter(session=session, kind="contact").update(done_at=watch(), done_by=cast.staff("ben"))
    assert "Call: the contact after the dose is due" not in home(cast, "ben")


def test_a_contact_that_two_doses_ask_for_is_said_once(cast, patient, watch):
    course = planned(cast, patient)
    course.sessions.filter(number__lte=2).update(state="left")
    watch.moment = course.sessions.get(number=2).starts_at + timedelta(hours=20)
    what = DueItem.objects.filter(course=course, kind="contact").first().what
    shown = [task.note for task in tasks_of(cast.actor("ben")) if task.verb.startswith("Call")]
    assert shown == [what]


def test_no_contact_is_due_after_a_dose_that_was_not_given(cast, patient, watch):
    session = first_session(planned(cast, patient))
    watch.moment = session.starts_at + timedelta(hours=30)
    assert "Call: the contact after the dose is due" not in home(cast, "ben")


def test_who_is_treated_against_the_verdict_stays_in_the_prescribers_sight(cast, patient):
    soon_enrolled(cast, patient, against="the psychiatrist agreed in writing")
    assert "Look again: treated against the verdict" in home(cast, "ada")
    assert "the psychiatrist agreed in writing" in home(cast, "ada")
    assert "Look again" not in home(cast, "cora")
    type(patient).objects.filter(pk=patient.pk).update(status="follow_up")
    assert "Look again" not in home(cast, "ada")


DECIDE = "Consent withdrawn: decide on the course"


def stopped(cast, patient, watch):
    """Somebody with a course who has withdrawn an hour after it was planned."""
    course = planned(cast, patient)
    watch.forward(hours=1)
    withdrawn(cast, patient, Consent.objects.get())
    return course


def test_after_a_withdrawal_whoever_plans_prescribes_and_treats_decides_on_the_course(cast, patient, watch):
    planned(cast, patient)
    assert not any(DECIDE in home(cast, key) for key in ("cora", "ada", "tess"))
    watch.forward(hours=1)
    withdrawn(cast, patient, Consent.objects.get())
    assert all(DECIDE in home(cast, key) for key in ("cora", "ada", "tess"))
    assert "its sessions are held and keep their chairs" in home(cast, "cora")
    assert DECIDE not in home(cast, "ben")


def test_a_therapist_hears_of_no_withdrawal_in_courses_of_others(cast, patient, watch):
    course = planned(cast, patient, therapist="", therapy=None, no_therapy_because="none wished")
    watch.forward(hours=1)
    withdrawn(cast, patient, Consent.objects.get())
    assert not course.visits.exists()
    assert DECIDE not in home(cast, "tess")


def test_who_ends_the_course_has_dealt_with_the_withdrawal(cast, patient, watch):
    course = stopped(cast, patient, watch)
    end_course(by=cast.actor("ada"), patient=patient.uid, uid=course.uid, rule="other", reason="withdrawn")
    assert not any(DECIDE in home(cast, key) for key in ("cora", "ada", "tess"))


def test_a_consent_given_anew_has_dealt_with_the_withdrawal(cast, patient, watch):
    stopped(cast, patient, watch)
    watch.forward(hours=1)
    consented(cast, patient)
    assert not any(DECIDE in home(cast, key) for key in ("cora", "ada", "tess"))
