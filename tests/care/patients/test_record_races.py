"""What somebody else does to a record at the same moment is not undone, and nothing is done past it."""

from __future__ import annotations

import pytest
from at_once import at_once
from enrolled import proof, soon_enrolled
from treated import planned, wanted

from openkap.care.patients import actions, erasing
from openkap.care.patients.access import Absorbed
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
