"""Measures follow treatment: they move with it, end with it, and what was begun is scored."""

from __future__ import annotations

from datetime import timedelta

import pytest
from enrolled import consented, proof
from treated import first_session, planned

from openkap.care.accounts.actor import patient_actor
from openkap.care.enrolment import consent_signing
from openkap.care.messaging.models import Message
from openkap.care.outcomes import actions, planning, trajectory
from openkap.care.outcomes.models import Form, FormScore, Invitation
from openkap.care.patients.models import Identity, Patient
from openkap.care.treatment.course import ending_actions
from openkap.care.treatment.models import Session
from openkap.care.treatment.planning import moving_actions


@pytest.fixture
def session(cast, patient, watch):
    """The first session of a patient who can be written to, its measure planned and not yet sent."""
    Identity.objects.filter(patient=patient).update(email="alex@example.org")
    session = first_session(planned(cast, patient))
    watch.moment = session.starts_at - timedelta(hours=40)
    planning.plan_due("test")
    baseline = Invitation.objects.get(occasion="baseline")
    actions.finish(by=patient_actor(patient.uid, patient.clinic), invitation=baseline)
    return session


def before(session) -> Invitation:
    return Invitation.objects.get(about_uid=session.uid, occasion="before_dose")


def send(session, watch, hours: float = 23) -> int:
    """It is so many hours before the session; how many links go out."""
    watch.moment = session.starts_at - timedelta(hours=hours)
    sent = Message.objects.count()
    planning.plan_due("test")
    planning.send_due("test")
    return Message.objects.count() - sent


def gap_at_the_end(session, watch) -> str:
    watch.moment = session.starts_at
    planning.close_missed("test")
    return before(session).gap


def test_a_planned_session_sends_its_measure_a_day_before(session, watch):
    assert send(session, watch) == 1


def test_a_cancelled_session_sends_nothing_and_its_gap_says_that_the_visit_was_missed(cast, session, watch):
    ending_actions.cancel_session(
        by=cast.actor("cora"), patient=session.patient.uid, uid=session.uid, reason="ill"
    )
    assert send(session, watch) == 0
    assert before(session).gap == "missed_visit"


def test_a_session_cancelled_after_the_link_went_out_is_not_reminded_and_is_no_missing_answer(
    cast, session, watch
):
    send(session, watch)
    ending_actions.cancel_session(
        by=cast.actor("cora"), patient=session.patient.uid, uid=session.uid, reason="ill"
    )
    watch.forward(hours=12)
    assert planning.remind_due("test") == 0
    watch.forward(hours=12)
    planning.close_missed("test")
    assert before(session).gap == "missed_visit"


def test_after_a_withdrawn_consent_nothing_is_asked_before_a_dose_that_will_not_be(cast, session, watch):
    consent_signing.withdraw(
        by=cast.actor("cora"),
        uid=session.patient.uid,
        consent=session.patient.consents.first().uid,
        said="no more",
        person=proof(cast, "cora"),
    )
    assert send(session, watch) == 0
    assert gap_at_the_end(session, watch) == "ended"


def test_who_consents_again_in_time_is_asked_before_the_dose(cast, session, watch):
    consent_signing.withdraw(
        by=cast.actor("cora"),
        uid=session.patient.uid,
        consent=session.patient.consents.first().uid,
        said="no more",
        person=proof(cast, "cora"),
    )
    assert send(session, watch) == 0
    consented(cast, session.patient)
    assert send(session, watch, hours=20) == 1


def test_a_closed_patient_is_sent_nothing(session, watch):
    Patient.objects.filter(pk=session.patient_id).update(status="closed")
    assert send(session, watch) == 0
    assert gap_at_the_end(session, watch) == "ended"


def move(cast, session, hours: float) -> None:
    ending_actions.cancel_session(
        # The next dose would be too near.
        by=cast.actor("cora"),
        patient=session.patient.uid,
        uid=session.course.sessions.get(number=2).uid,
        reason="ill that week",
    )
    moving_actions.move_session(
        by=cast.actor("cora"),
        patient=session.patient.uid,
        uid=session.uid,
        starts_at=session.starts_at + timedelta(hours=hours),
        version=session.version,
        reason="ill",
    )
    session.refresh_from_db()


def test_a_session_moved_after_its_link_went_out_asks_again_before_the_new_day(cast, session, watch):
    send(session, watch)
    move(cast, session, 24)
    planning.plan_due("test")
    assert send(session, watch) == 1
    row = before(session)
    assert (row.due_at, row.closes_at) == (session.starts_at - timedelta(hours=24), session.starts_at)
    assert row.reminded_at is None


def test_a_measure_that_was_answered_stays_where_it_is_when_the_session_moves(cast, session, watch):
    send(session, watch)
    row = before(session)
    actions.finish(by=patient_actor(session.patient.uid, session.patient.clinic), invitation=row)
    move(cast, session, 24)
    send(session, watch)
    assert before(session).due_at == row.due_at


def answer(invitation, instrument: str, count: int, watch) -> Form:
    patient = invitation.patient
    form = Form.objects.get(invitation=invitation, instrument=instrument)
    taps = actions.as_taps(form, {str(item): 1 for item in range(1, count + 1)}, watch(), "begun-form")
    actions.save_answers(by=patient_actor(patient.uid, patient.clinic), invitation=invitation, taps=taps)
    return form


def test_a_form_begun_and_left_is_scored_where_its_rule_for_missing_answers_allows(asked, patient, watch):
    form = answer(asked, "phq-9", 8, watch)
    short = answer(asked, "pcl-5", 3, watch)
    watch.forward(days=8)
    planning.close_missed("test")
    assert FormScore.objects.get(form=form).missing == ["9"]
    assert not FormScore.objects.filter(form=short).exists()
    found = trajectory.trajectories([patient.pk], ["phq-9", "pcl-5"])
    assert [(len(each.readings), len(each.gaps)) for each in found] == [(1, 0), (0, 1)]


def test_a_telephone_whose_clock_is_years_behind_dates_no_score_before_it_was_asked(asked, watch):
    asked_at = watch()
    watch.forward(hours=1)
    form = Form.objects.get(invitation=asked, instrument="phq-9")
    answers = {str(item): 1 for item in range(1, 10)}
    taps = actions.as_taps(form, answers, asked_at.replace(year=2001), "old-clock")
    by = patient_actor(asked.patient.uid, asked.patient.clinic)
    actions.save_answers(by=by, invitation=asked, taps=taps)
    actions.finish(by=by, invitation=asked)
    assert FormScore.objects.get(form=form).at == asked_at


def test_a_session_given_up_with_its_course_is_no_missed_visit(cast, session, watch):
    end_without_a_rule(cast, session)
    send(session, watch)
    assert (before(session).sent_at, before(session).gap) == (None, "ended")


def end_without_a_rule(cast, session) -> None:
    ending_actions.end_course(
        by=cast.actor("ada"),
        patient=session.patient.uid,
        uid=session.course.uid,
        rule="other",
        reason="they move away",
    )


def asked_after(watch, weeks: int) -> set[str]:
    watch.forward(days=7 * weeks)
    planning.plan_due("test")
    return set(Invitation.objects.values_list("occasion", flat=True)) & {"end_of_course", "week_4"}


def test_a_course_that_ends_before_its_first_dose_is_not_followed_up(cast, session, watch):
    end_without_a_rule(cast, session)
    assert asked_after(watch, 0) | asked_after(watch, 4) == set()


def test_a_course_that_ends_after_a_dose_is_followed_up(cast, session, watch):
    watch.moment = session.starts_at
    Session.objects.filter(pk=session.pk).update(state=Session.State.LEFT)
    end_without_a_rule(cast, session)
    assert asked_after(watch, 0) | asked_after(watch, 4) == {"end_of_course", "week_4"}
