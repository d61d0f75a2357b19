"""What somebody else does to a record at the same moment is not undone, and nothing is done past it."""

from __future__ import annotations

import pytest
from at_once import at_once, in_the_midst
from enrolled import proof, soon_enrolled
from treated import planned, wanted

from openkap.care.accounts.actor import patient_actor
from openkap.care.enrolment.actions import open_screening
from openkap.care.enrolment.models import Screening
from openkap.care.messaging.models import Message
from openkap.care.moment import now
from openkap.care.outcomes import actions as outcome_actions
from openkap.care.outcomes import planning
from openkap.care.outcomes.models import FormScore, Invitation, ItemAnswer, SafetySignal
from openkap.care.patients import actions, erasing
from openkap.care.patients.access import Absorbed
from openkap.care.patients.closing import Why, close_record
from openkap.care.patients.merging import merge, undo_merge
from openkap.care.patients.models import Contact, CrisisPlan, Merge
from openkap.care.treatment.course.ending_actions import end_course
from openkap.care.treatment.models import Course
from openkap.care.treatment.planning.actions import plan_course
from openkap.core.errors import InputError

pytestmark = pytest.mark.django_db(transaction=True)
PLAN = {"warning_signs": "", "what_helps": "a walk", "people_to_call": "Kim, 0188", "safe_place": "9 Quay"}


@pytest.fixture
def patient(register):
    return register()


@pytest.fixture
def other(register):
    return register("Example", "Alexandra")


def add_contact(cast, patient):
    actions.add_contact(
        by=cast.actor("cora"), uid=patient.uid, kind="emergency", name="Kim", telephone="+1 555 0188"
    )


def write_plan(cast, patient):
    actions.write_crisis_plan(by=cast.actor("cora"), uid=patient.uid, version=0, words=PLAN)


def rename(cast, patient):
    actions.change_identity(
        by=cast.actor("cora"), uid=patient.uid, changes={"family_name": "Sample"}, version=1
    )


@pytest.mark.parametrize("write", [add_contact, write_plan, rename])
def test_nothing_names_a_person_again_whose_identity_is_erased_at_that_moment(cast, patient, write):
    row = erasing.propose_erasure(by=cast.actor("cora"), uid=patient.uid, reason="asked in writing")
    person = proof(cast, "sia")
    told = at_once(
        lambda: erasing.erase_identity(by=cast.actor("sia"), uid=row.uid, person=person),
        lambda: write(cast, patient),
    )
    assert isinstance(told, InputError)
    assert told.what == "the identity of this person was erased"
    assert not Contact.objects.filter(patient=patient).exists()
    assert not CrisisPlan.objects.filter(patient=patient).exclude(safe_place="").exists()
    patient.identity.refresh_from_db()
    assert patient.identity.family_name == ""


def test_no_course_is_planned_under_a_record_that_is_absorbed_at_that_moment(cast, patient, other):
    soon_enrolled(cast, patient)
    plan = wanted(cast)
    told = at_once(
        lambda: merge(by=cast.actor("cora"), keep=other.uid, absorb=patient.uid, reason="same person"),
        lambda: plan_course(by=cast.actor("cora"), uid=patient.uid, wanted=plan),
    )
    assert isinstance(told, Absorbed)
    assert not Course.objects.exists()


def test_a_merge_keeps_the_phase_that_a_colleague_has_just_changed(cast, patient, other):
    course = planned(cast, patient)
    told = at_once(
        lambda: end_course(
            by=cast.actor("ada"), patient=patient.uid, uid=course.uid, rule="other", reason="moved away"
        ),
        lambda: merge(by=cast.actor("cora"), keep=other.uid, absorb=patient.uid, reason="same person"),
    )
    assert told is None
    undo_merge(by=cast.actor("cora"), uid=other.uid, merge_uid=Merge.objects.get().uid, reason="two people")
    patient.refresh_from_db()
    assert patient.status == "follow_up"


def test_a_screening_that_two_people_open_at_once_is_one(cast, patient):
    opened = []

    def open_it(key):
        opened.append(open_screening(by=cast.actor(key), uid=patient.uid, protocol="iv-racemic"))

    assert at_once(lambda: open_it("cora"), lambda: open_it("ada")) is None
    assert opened == [Screening.objects.get()] * 2


def asked(cast, patient, instrument):
    return outcome_actions.ask(by=cast.actor("cora"), uid=patient.uid, instruments=[instrument])


def answer(patient, invitation, answers):
    taps = outcome_actions.as_taps(invitation.forms.get(), answers, now(), "answered")
    of_patient = patient_actor(patient.uid, patient.clinic)
    outcome_actions.save_answers(by=of_patient, invitation=invitation, taps=taps)


def close(cast, patient):
    close_record(by=cast.actor("cora"), uid=patient.uid, why=Why("moved"))


def test_questions_that_are_finished_while_the_record_is_closed_are_scored(cast, patient, monkeypatch):
    first, _ = (asked(cast, patient, "pcl-5") for _ in range(2))
    answer(patient, first, {str(item): 2 for item in range(1, 21)})
    of_patient = patient_actor(patient.uid, patient.clinic)
    with in_the_midst(monkeypatch, outcome_actions, "held_forms", lambda: close(cast, patient)) as colleague:
        outcome_actions.finish(by=of_patient, invitation=first)
    assert colleague.refused is None
    assert FormScore.objects.get().total == 40
    assert list(Invitation.objects.order_by("pk").values_list("gap", flat=True)) == ["", "ended"]


def test_an_alarming_answer_while_the_record_is_closed_keeps_it_open(cast, patient, monkeypatch):
    invitation = asked(cast, patient, "phq-9")
    with in_the_midst(monkeypatch, outcome_actions, "held_forms", lambda: close(cast, patient)) as colleague:
        answer(patient, invitation, {"9": 3})
    assert isinstance(colleague.refused, InputError)
    assert colleague.refused.what.startswith("the record cannot be closed yet")
    assert (ItemAnswer.objects.count(), SafetySignal.objects.count()) == (1, 1)


def test_a_link_that_is_sent_again_while_the_record_is_closed_does_not_go_out(cast, patient, monkeypatch):
    actions.change_identity(
        by=cast.actor("cora"), uid=patient.uid, changes={"email": "robin@example.org"}, version=1
    )
    _, second = (asked(cast, patient, "pcl-5") for _ in range(2))
    Invitation.objects.update(sent_at=now())
    with in_the_midst(monkeypatch, planning, "_put_into_outbox", lambda: close(cast, patient)) as colleague:
        planning.send_again(by=cast.actor("cora"), uid=patient.uid, invitation=second.uid)
    assert colleague.refused is None
    assert not Message.objects.exists()
