"""Two records of one person: what was found, said or withdrawn under either holds for the dose."""

import json
from datetime import timedelta

import pytest
from django.db import DatabaseError
from enrolled import (
    consented,
    decide,
    doubted,
    enrolled,
    open_consent,
    screen,
    share,
    soon_enrolled,
    withdrawn,
)
from treated import cleared, dose, first_session, planned, started_by_raw_row, wanted

from openkap.care.enrolment import actions
from openkap.care.enrolment.banner import ALLERGY, banner_items
from openkap.care.enrolment.facts import answered as answered_now
from openkap.care.enrolment.facts import consent_in_force, screening_facts, screening_facts_of
from openkap.care.enrolment.queries import screening_form, screening_outcome
from openkap.care.enrolment.standing import last_wish, since_decision
from openkap.care.moment import now
from openkap.care.patients.access import Absorbed
from openkap.care.patients.actions import NewPatient, leave_team, register_referral, restrict
from openkap.care.patients.merging import merge, undo_merge
from openkap.care.patients.queries import record_ids
from openkap.care.patients.referral import receive
from openkap.care.treatment.course.rules import rules_of
from openkap.care.treatment.dose.proposal import proposal_for
from openkap.care.treatment.models import AdverseEvent
from openkap.care.treatment.planning import actions as planning_actions
from openkap.care.treatment.planning.conditions import TREATED
from openkap.core.errors import InputError


@pytest.fixture
def other(register):
    """A second record of the same person."""
    return register("Exampel")


def merged(cast, kept, absorbed, by="cora"):
    done = merge(by=cast.actor(by), keep=kept.uid, absorb=absorbed.uid, reason="same passport")
    kept.refresh_from_db()
    absorbed.refresh_from_db()
    return done


def answered(cast, patient, element, given):
    return actions.answer(by=cast.actor("cora"), uid=patient.uid, element=element, given=given)


def observed(cast, patient, element, given, at):
    by = cast.actor("cora")
    return actions.answer(by=by, uid=patient.uid, element=element, given=given, observed_at=at)


def opened(cast, patient):
    return actions.open_screening(by=cast.actor("cora"), uid=patient.uid, protocol="iv-racemic")


def values(patient, element):
    return [
        facts.value(element)
        for facts in (screening_facts(patient), screening_facts_of([patient])[patient.pk])
    ]


def allergy(patient):
    item = {each.label: each for each in banner_items(patient)}["Ketamine allergy"]
    return item.value, item.tone


def test_what_was_asked_under_the_absorbed_record_is_known_under_the_kept(cast, patient, other):
    answered(cast, other, "qtcf", "590 ms")
    answered(cast, other, ALLERGY, "yes")
    done = merged(cast, patient, other)
    assert [str(each) for each in values(patient, "qtcf")] == ["590 ms"] * 2
    assert values(patient, ALLERGY) == [True, True]
    assert allergy(patient) == ("YES", "alarm")
    undo_merge(by=cast.actor("cora"), uid=patient.uid, merge_uid=done.uid, reason="twins")
    assert values(patient, "qtcf") == [None, None]
    assert allergy(patient) == ("not asked yet", "unknown")


def test_of_what_was_measured_under_both_the_newest_counts(cast, patient, other, watch):
    answered(cast, patient, "body_weight", "70 kg")
    watch.forward(days=1)
    answered(cast, other, "body_weight", "74 kg")
    merged(cast, patient, other)
    assert [str(each) for each in values(patient, "body_weight")] == ["74 kg"] * 2


def weight(patient):
    return {each.label: each.value for each in banner_items(patient)}["Weight"]


@pytest.mark.parametrize(
    ("element", "newer", "older"),
    [
        ("body_weight", "68.5 kg", "69.8 kg"),
        ("height", "170 cm", "171 cm"),
        ("sbp_resting", "122 mm[Hg]", "150 mm[Hg]"),
        ("alt", "22 U/L", "90 U/L"),
    ],
)
@pytest.mark.parametrize("first", ["kept", "absorbed"])
def test_of_what_was_measured_the_last_observed_counts_however_late_the_other_was_entered(
    cast, patient, other, watch, first, element, newer, older
):
    entered = (patient, other) if first == "kept" else (other, patient)
    answered(cast, entered[0], element, newer)
    watch.forward(days=1)
    observed(cast, entered[1], element, older, now() - timedelta(days=20))
    merged(cast, patient, other)
    assert [str(each) for each in values(patient, element)] == [newer] * 2
    assert str(answered_now(patient, element)) == newer
    question = screening_form(patient, opened(cast, patient)).question(element)
    assert question is None or question.answer == newer


def test_banner_and_dose_go_by_the_weight_observed_last(cast, patient, other, watch):
    session = first_session(planned(cast, patient))
    answered(cast, patient, "body_weight", "70 kg")
    watch.forward(hours=1)
    observed(cast, other, "body_weight", "100 kg", now() - timedelta(days=20))
    merged(cast, patient, other)
    assert weight(patient) == "70 kg (23 Nov 2026)"
    assert {str(each.weight) for each in proposal_for(session).amounts} == {"70 kg"}


def test_what_is_answered_after_the_merge_counts_before_a_later_day_it_corrects(cast, patient, other, watch):
    answered(cast, other, "body_weight", "74 kg")
    merged(cast, patient, other)
    watch.forward(hours=1)
    before = screening_form(patient, opened(cast, patient)).question("body_weight")
    actions.answer(
        by=cast.actor("cora"),
        uid=patient.uid,
        element="body_weight",
        given="73 kg",
        observed_at=now() - timedelta(days=9),
        seen=before.seen,
    )
    assert [str(each) for each in values(patient, "body_weight")] == ["73 kg"] * 2
    assert weight(patient) == "73 kg (14 Nov 2026)"
    watch.forward(hours=1)
    answered(cast, patient, "body_weight", None)
    assert values(patient, "body_weight") == [None, None]
    assert weight(patient) == "not known"


def test_the_value_that_is_shown_is_the_one_an_answer_replaces(cast, patient, other, watch):
    answered(cast, patient, "body_weight", "70 kg")
    watch.forward(days=1)
    observed(cast, other, "body_weight", "74 kg", now() - timedelta(days=20))
    merged(cast, patient, other)
    watch.forward(hours=1)
    shown = screening_form(patient, opened(cast, patient)).question("body_weight")
    row = actions.answer(
        by=cast.actor("cora"), uid=patient.uid, element="body_weight", given="71 kg", seen=shown.seen
    )
    assert row.corrects.value == "70 kg"


@pytest.mark.parametrize("first", ["kept", "absorbed"])
def test_what_two_records_say_differently_is_not_known_until_it_is_asked_again(
    cast, patient, other, watch, first
):
    said = {"kept": ("yes", "no"), "absorbed": ("no", "yes")}[first]
    earlier, later = (patient, other) if first == "kept" else (other, patient)
    answered(cast, earlier, ALLERGY, said[0])
    watch.forward(days=1)
    answered(cast, later, ALLERGY, said[1])
    watch.forward(days=1)
    merged(cast, patient, other)
    assert values(patient, ALLERGY) == [None, None]
    assert allergy(patient)[1] == "alarm"
    watch.forward(days=1)
    answered(cast, patient, ALLERGY, "no")
    assert values(patient, ALLERGY) == [False, False]
    assert allergy(patient) == ("none known", "plain")


def test_a_question_that_two_records_answer_differently_says_so(cast, patient, other, watch):
    actions.open_screening(by=cast.actor("cora"), uid=patient.uid, protocol="iv-racemic")
    answered(cast, other, ALLERGY, "yes")
    watch.forward(days=1)
    answered(cast, patient, ALLERGY, "no")
    merged(cast, patient, other)
    screening = patient.screenings.get()
    question = screening_form(patient, screening).question(ALLERGY)
    assert "differ: no (24 Nov 2026), yes (23 Nov 2026)" in question.was
    assert question.needed


def test_a_withdrawal_under_the_absorbed_record_ends_the_consent_of_the_kept(cast, patient, other, watch):
    session = cleared(cast, first_session(planned(cast, patient)), watch)
    theirs = consented(cast, other)
    watch.forward(minutes=5)
    withdrawn(cast, other, theirs.consent)
    merged(cast, patient, other)
    assert consent_in_force(patient, now()) is None
    with pytest.raises(InputError, match="no dose without valid consent"):
        dose(cast, session, "start")
    with pytest.raises(DatabaseError, match="no dose without valid consent"):
        started_by_raw_row(session)


def test_doubt_about_capacity_under_the_absorbed_record_holds_the_kept(cast, patient, other, watch):
    session = cleared(cast, first_session(planned(cast, patient)), watch)
    watch.forward(minutes=5)
    doubted(cast, other)
    merged(cast, patient, other)
    with pytest.raises(InputError, match="no dose without valid consent"):
        dose(cast, session, "start")
    with pytest.raises(DatabaseError, match="no dose without valid consent"):
        started_by_raw_row(session)


def test_a_consent_under_the_absorbed_record_lets_no_dose_start_under_the_kept(cast, patient, other):
    consented(cast, other)
    merged(cast, patient, other)
    assert consent_in_force(patient, now()) is None


def test_an_event_under_the_absorbed_record_meets_the_stopping_rule_of_the_course(cast, patient, other):
    course = planned(cast, patient)
    AdverseEvent.objects.create(
        patient=other,
        term="psychosis",
        grade=3,
        is_serious=True,
        serious_because="life_threatening",
        relation="possible",
        action_taken="stopped",
        outcome="recovering",
        is_expected=False,
        onset_at=now(),
        entered_at=now(),
        entered_by=cast.staff("ada"),
        client_id="event",
    )
    merged(cast, patient, other)
    met = {each.rule.id for each in rules_of(course) if each.state == "met"}
    assert {"STOP-1", "STOP-2"} <= met


def test_not_eligible_under_the_absorbed_record_holds_until_somebody_decides_anew(
    cast, patient, other, watch
):
    enrolled(cast, patient)
    screen(cast, other)
    watch.forward(days=1)
    decide(cast, other, "not_eligible", "a reason")
    merged(cast, patient, other)
    assert screening_outcome(patient) == "not_eligible"
    watch.forward(days=1)
    decide(cast, patient)
    assert screening_outcome(patient) == "eligible"


def test_eligible_under_the_absorbed_record_is_not_eligible_under_the_kept(cast, patient, other):
    enrolled(cast, other)
    merged(cast, patient, other)
    assert screening_outcome(patient) == ""


def test_nothing_is_written_under_an_absorbed_record_and_the_page_leads_to_the_kept(cast, patient, other):
    planned(cast, patient)
    enrolled(cast, other)
    merged(cast, patient, other)
    with pytest.raises(Absorbed):
        planning_actions.plan_course(by=cast.actor("cora"), uid=other.uid, wanted=wanted(cast))
    with pytest.raises(Absorbed):
        open_consent(cast, other)
    with pytest.raises(Absorbed):
        answered(cast, other, "body_weight", "74 kg")
    with pytest.raises(Absorbed):
        share(cast, other)
    page = cast.client("cora").post(f"/patients/{other.uid}/contacts/", {"act": "add"})
    assert page.status_code == 403
    assert f"/patients/{patient.uid}/" in page.content.decode()
    for read in ("", "timeline/", "outcomes/", "courses/"):
        assert cast.client("ada").get(f"/patients/{other.uid}/{read}").status_code == 200


def test_a_record_with_a_running_course_is_not_absorbed(cast, patient, other):
    planned(cast, other)
    with pytest.raises(InputError, match="a course is running"):
        merged(cast, patient, other)
    merged(cast, other, patient)


def test_a_restricted_record_closes_the_one_that_absorbs_it_and_brings_its_team(cast, patient, other):
    leave_team(by=cast.actor("ada"), uid=patient.uid, staff_uid=cast.staff("tess").uid)
    leave_team(by=cast.actor("ada"), uid=patient.uid, staff_uid=cast.staff("ben").uid)
    leave_team(by=cast.actor("ada"), uid=other.uid, staff_uid=cast.staff("ben").uid)
    restrict(by=cast.actor("ada"), uid=other.uid, is_restricted=True, reason="a colleague")
    assert cast.client("ben").get(f"/patients/{patient.uid}/").status_code == 200
    done = merged(cast, patient, other)
    assert patient.is_restricted
    assert record_ids(patient) == [patient.pk, other.pk]
    assert cast.client("ben").get(f"/patients/{patient.uid}/").status_code == 403
    assert cast.client("tess").get(f"/patients/{patient.uid}/").status_code == 200
    undo_merge(by=cast.actor("cora"), uid=patient.uid, merge_uid=done.uid, reason="twins")
    patient.refresh_from_db()
    assert patient.is_restricted


@pytest.mark.parametrize("said_last", [True, False])
def test_no_ketamine_under_the_absorbed_record_lets_no_course_be_planned_until_the_patient_is_asked_again(
    cast, patient, other, watch, said_last
):
    def refuses():
        screen(cast, other)
        share(cast, other, wish="no")
        watch.forward(minutes=1)

    if not said_last:
        refuses()
    soon_enrolled(cast, patient)
    watch.forward(minutes=1)
    if said_last:
        refuses()
    merged(cast, patient, other)
    with pytest.raises(InputError, match="last shared decision is not to go on"):
        planning_actions.plan_course(by=cast.actor("cora"), uid=patient.uid, wanted=wanted(cast))
    assert since_decision(patient).wish == "no ketamine treatment"
    watch.forward(minutes=1)
    share(cast, patient)
    assert planning_actions.plan_course(by=cast.actor("cora"), uid=patient.uid, wanted=wanted(cast))


def test_nobody_is_found_eligible_whose_other_record_says_no_ketamine(cast, patient, other, watch):
    seen_twice = {
        "reason": "seen twice by two of us",
        "without": ("has_capacity_and_signed_consent",),
    }
    screen(cast, patient)
    share(cast, patient)
    screen(cast, other)
    share(cast, other, wish="no")
    watch.forward(minutes=1)
    merged(cast, patient, other)
    with pytest.raises(InputError, match="no shared decision to go on"):
        decide(cast, patient, **seen_twice)
    watch.forward(minutes=1)
    share(cast, patient)
    assert decide(cast, patient, **seen_twice).outcome in TREATED


def test_go_on_under_the_absorbed_record_is_no_wish_under_the_kept(cast, patient, other):
    screen(cast, other)
    share(cast, other)
    merged(cast, patient, other)
    assert last_wish(patient) is None


def referred(cast, weight_kg):
    """A record that came with a file in which a weight is noted."""
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "effectiveDateTime": "2026-11-10T09:00:00Z",
        "valueQuantity": {
            "value": weight_kg,
            "unit": "kg",
            "system": "http://unitsofmeasure.org",
            "code": "kg",
        },
    }
    person = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Exampel", "given": ["Alex"]}]}
    entries = [{"resource": person}, {"resource": observation}]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    cora = cast.actor("cora")
    waiting = receive(by=cora, raw=json.dumps(bundle).encode())
    return register_referral(by=cora, person=NewPatient("Exampel", "Alex"), incoming=waiting)


@pytest.mark.parametrize("screened_first", [False, True])
def test_what_the_file_of_the_absorbed_record_says_is_known_to_the_screening_of_the_kept(
    cast, patient, screened_first
):
    other = referred(cast, 71.5)
    if screened_first:
        opened(cast, patient)
    done = merged(cast, patient, other)
    screening = opened(cast, patient) if not screened_first else None
    assert [str(each) for each in values(patient, "body_weight")] == ["71.5 kg"] * 2
    assert screening is None or screening_form(patient, screening).question("body_weight").answer == "71.5 kg"
    undo_merge(by=cast.actor("cora"), uid=patient.uid, merge_uid=done.uid, reason="twins")
    assert values(patient, "body_weight") == [None, None]
