"""Who holds a session, a lot or a course for an act does not wait for somebody who waits for them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from at_once import at_once, in_the_midst
from enrolled import consented, countersigned, signed, withdrawn
from treated import VITALS, arrived, checked, cleared, dose, enter, first_session, ordered, planned, stocked

from openkap.care.accounts.actor import patient_actor
from openkap.care.enrolment import consent_signing
from openkap.care.enrolment.facts import consent_in_force
from openkap.care.moment import now
from openkap.care.outcomes.actions import as_taps, ask, finish, save_answers
from openkap.care.outcomes.models import FormScore
from openkap.care.treatment.course.ending_actions import end_course
from openkap.care.treatment.course.therapy_actions import miss_visit
from openkap.care.treatment.dose import actions as dose_actions
from openkap.care.treatment.models import Entry, Prescription
from openkap.care.treatment.planning import moving_actions
from openkap.care.treatment.planning.moving import Later
from openkap.care.treatment.planning.replan_actions import plan_in_its_place
from openkap.core.errors import InputError

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def patient(register):
    return register()


@pytest.fixture
def dosing(cast, patient, watch):
    session = cleared(cast, first_session(planned(cast, patient)), watch)
    dose(cast, session, "start")
    watch.forward(minutes=5)
    return session


def test_a_withdrawal_and_a_reading_at_once_are_both_kept(cast, dosing, monkeypatch):
    consent = dosing.patient.consents_given.get().consent
    with in_the_midst(
        monkeypatch, consent_signing, "record", lambda: enter(cast, dosing, Entry.Kind.VITALS, VITALS)
    ) as nurse:
        withdrawn(cast, dosing.patient, consent)
    assert nurse.refused is None
    assert consent.withdrawal.said
    assert dosing.alerts.filter(rule="CONSENT").count() == 1


def test_a_session_that_moves_and_a_visit_of_it_that_is_missed_at_once_are_both_written_down(
    cast, patient, monkeypatch
):
    session = first_session(planned(cast, patient))
    visit = session.visits.get(kind="integration")

    def miss():
        miss_visit(by=cast.actor("tess"), patient=patient.uid, uid=visit.uid, reason="called in ill")

    with in_the_midst(monkeypatch, moving_actions, "record", miss) as therapist:
        moving_actions.move_session(
            by=cast.actor("cora"),
            patient=patient.uid,
            uid=session.uid,
            starts_at=session.starts_at + timedelta(days=7),
            version=session.version,
            reason="a cold",
            later=Later.ALONG,
        )
    assert therapist.refused is None
    visit.refresh_from_db()
    assert visit.state == "missed"
    session.refresh_from_db()
    assert session.version == 2


def test_two_who_are_told_of_one_withdrawal_at_once_write_it_down_once(cast, patient):
    consent = consented(cast, patient).consent
    told = at_once(
        lambda: withdrawn(cast, patient, consent), lambda: withdrawn(cast, patient, consent, by="cora")
    )
    assert isinstance(told, InputError)
    assert told.what == "this consent is withdrawn already"


def test_a_withdrawal_waits_for_the_countersignature_under_way_and_ends_it(cast, patient):
    consent = signed(cast, patient)
    assert (
        at_once(lambda: countersigned(cast, patient, consent), lambda: withdrawn(cast, patient, consent))
        is None
    )
    assert consent_in_force(patient, now()) is None


def test_a_dose_drawn_and_a_box_received_of_the_same_lot_at_once_are_both_in_the_ledger(
    cast, register, watch, monkeypatch
):
    lot = stocked(cast)
    session = arrived(cast, first_session(planned(cast, register())), watch)
    ordered(cast, session)

    with in_the_midst(monkeypatch, dose_actions, "sign", lambda: stocked(cast, "5")) as colleague:
        checked(cast, session)
    assert colleague.refused is None
    kinds = lot.entries.order_by("sequence").values_list("kind", flat=True)
    assert sorted(kinds) == ["drawn", "received", "received", "received"]


def test_questions_finished_while_the_dose_is_ordered_are_both_kept(cast, patient, watch, monkeypatch):
    session = arrived(cast, first_session(planned(cast, patient)), watch)
    invitation = ask(by=cast.actor("cora"), uid=patient.uid, instruments=["pcl-5"])
    of_patient = patient_actor(patient.uid, patient.clinic)
    taps = as_taps(invitation.forms.get(), {str(item): 2 for item in range(1, 21)}, now(), "all-of-them")
    save_answers(by=of_patient, invitation=invitation, taps=taps)
    with in_the_midst(
        monkeypatch, dose_actions, "sign", lambda: finish(by=of_patient, invitation=invitation)
    ) as telephone:
        ordered(cast, session)
    assert telephone.refused is None
    assert Prescription.objects.filter(session=session).count() == 1
    invitation.refresh_from_db()
    assert invitation.finished_at is not None


def test_an_answer_that_is_stored_while_the_questions_are_finished_is_in_the_score(cast, patient):
    invitation = ask(by=cast.actor("cora"), uid=patient.uid, instruments=["pcl-5"])
    of_patient, form = patient_actor(patient.uid, patient.clinic), invitation.forms.get()
    first, last = {str(item): 2 for item in range(1, 20)}, {"20": 4}
    save_answers(by=of_patient, invitation=invitation, taps=as_taps(form, first, now(), "first-nineteen"))
    told = at_once(
        lambda: save_answers(
            by=of_patient, invitation=invitation, taps=as_taps(form, last, now(), "the-last-one")
        ),
        lambda: finish(by=of_patient, invitation=invitation),
    )
    assert told is None
    assert FormScore.objects.get(form=form).total == 42


@pytest.fixture
def without_a_dose(cast, patient):
    """The last session of a course without therapy, which waits to be planned anew."""
    course = planned(cast, patient, therapist="", therapy=None, no_therapy_because="has one elsewhere")
    course.sessions.filter(number=6).update(state="aborted", state_because="pressure 165")
    return course.sessions.get(number=6)


def plan_anew(cast, session):
    starts_at = session.starts_at + timedelta(days=3)
    plan_in_its_place(
        by=cast.actor("cora"), patient=session.patient.uid, uid=session.uid, starts_at=starts_at
    )


def end(cast, session):
    where = {"patient": session.patient.uid, "uid": session.course.uid}
    end_course(by=cast.actor("ada"), rule="other", reason="moved away", **where)


def test_nothing_is_planned_in_a_course_that_ends_at_that_moment(cast, without_a_dose):
    told = at_once(lambda: end(cast, without_a_dose), lambda: plan_anew(cast, without_a_dose))
    assert isinstance(told, InputError)
    assert told.what == "this course has ended"
    assert not without_a_dose.course.sessions.filter(state="planned").exists()


def test_a_course_that_ends_gives_up_what_was_being_planned_in_it(cast, without_a_dose):
    assert at_once(lambda: plan_anew(cast, without_a_dose), lambda: end(cast, without_a_dose)) is None
    assert not without_a_dose.course.sessions.filter(state="planned").exists()
