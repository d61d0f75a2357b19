"""Screening: the form, what it refuses, what it asks again, and the decision."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from enrolled import (
    ANSWERS,
    consented,
    decide,
    enrolled,
    go_through_all,
    open_consent,
    proof,
    screen,
    seen,
    share,
)

from openkap.care.audit.models import AuditEvent
from openkap.care.demo.cast import PASSWORD
from openkap.care.enrolment import actions, protocols
from openkap.care.enrolment.facts import fact_of, screening_facts
from openkap.care.enrolment.models import Answer, Assessment, Decision, Screening
from openkap.care.enrolment.queries import screening_form
from openkap.core.errors import InputError
from openkap.protocol.elements import Nothing, dictionary
from openkap.protocol.screening_order import groups_left_out, screening_order


def opened(cast, patient):
    cast.client("cora").post(f"/patients/{patient.uid}/screening/", {"protocol": "iv-racemic"})
    return Screening.objects.get(patient=patient)


def post(cast, patient, element, key="cora", htmx=True, **data):
    headers = {"HX-Request": "true"} if htmx else {}
    url = f"/patients/{patient.uid}/screening/answer/{element}/"
    return cast.client(key).post(url, data, headers=headers)


def test_the_coordinator_opens_a_screening_and_the_therapist_may_not(cast, patient):
    assert cast.client("tess").post(f"/patients/{patient.uid}/screening/").status_code == 403
    page = cast.client("cora").get(f"/patients/{patient.uid}/screening/")
    assert "Intravenous racemic ketamine" in page.content.decode()
    opened(cast, patient)
    patient.refresh_from_db()
    assert patient.status == "screening"


def test_the_form_asks_what_the_protocol_misses_and_fills_in_what_the_record_knows(cast, patient):
    form = screening_form(patient, opened(cast, patient))
    ids = [q.element.id for each in form.sections for q in each.questions]
    assert "age" in ids
    assert not form.question("age").needed
    assert "age" in list(form.told["facts"])
    # A pregnancy test is asked for only once it could be positive.
    assert "pregnancy_test" not in ids
    post(cast, patient, "could_be_pregnant", value="yes", seen="")
    form = screening_form(patient, form.screening)
    assert form.question("pregnancy_test").needed


def test_the_first_section_is_neutral_and_the_hard_one_is_introduced(cast, patient):
    form = screening_form(patient, opened(cast, patient))
    order = [each.section.id for each in form.sections]
    assert order.index("person") < order.index("trauma") < order.index("tests")
    page = cast.client("cora").get(f"/patients/{patient.uid}/screening/section/trauma/").content.decode()
    assert "Offer a pause" in page


@pytest.mark.parametrize("name", ["iv-racemic", "im-racemic", "intranasal-esketamine", "low-resource"])
def test_every_question_of_every_protocol_has_a_section(name):
    from openkap.care.enrolment.protocols import asked_elements

    assert groups_left_out(screening_order(), dictionary(), asked_elements(name, "1.0.0")) == set()


def test_an_answer_is_saved_at_once_and_the_verdict_beside_it_moves(cast, patient):
    opened(cast, patient)
    answer = post(cast, patient, "arteriovenous_malformation", value="yes", seen="")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'id="verdict"' in page
    assert "hx-swap-oob" in page
    assert "Excluded" in page
    row = Answer.objects.get(patient=patient)
    assert (row.value, row.answered_by.name) == ("yes", "Cora Delgado")


def test_without_scripts_the_same_form_saves_and_returns_to_the_question(cast, patient):
    opened(cast, patient)
    answer = post(cast, patient, "breastfeeding", htmx=False, value="no", seen="")
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("/section/health/#q-breastfeeding")


def test_an_impossible_number_is_refused_beside_the_field_with_what_was_typed(cast, patient):
    opened(cast, patient)
    answer = post(cast, patient, "body_weight", value="7000", seen="")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "7000" in page
    assert "1 to 650 kg" in page
    assert 'value="7000"' in page
    assert not Answer.objects.exists()


def test_a_weight_in_pounds_is_kept_with_the_pounds_that_were_typed(cast, patient):
    opened(cast, patient)
    post(cast, patient, "body_weight", value="150 lb", seen="")
    row = Answer.objects.get()
    assert (row.value, row.origin.endswith(", typed as 150 lb")) == ("68.0388555 kg", True)
    post(cast, patient, "height", value="170 cm", seen="")
    assert "typed" not in Answer.objects.get(element="height").origin


def test_a_height_that_cannot_be_read_is_refused_with_an_example_of_its_unit(cast, patient):
    opened(cast, patient)
    page = post(cast, patient, "height", value="5'9\"", seen="").content.decode()
    assert "such as 12 cm" in page
    assert "ucum" not in page.lower()


def test_an_implausible_number_is_kept_asked_again_and_counts_once_confirmed(cast, patient):
    screening = opened(cast, patient)
    page = post(cast, patient, "body_weight", value="30", seen="").content.decode()
    assert "30 kg?" in page
    assert "does not count" in page
    assert screening_form(patient, screening).question("body_weight").needed
    row = Answer.objects.get()
    post(cast, patient, "body_weight", value="30", confirmed="yes", seen=row.uid)
    assert not screening_form(patient, screening).question("body_weight").needed


def test_that_no_psychotropic_medicine_is_taken_is_one_tap_and_an_answer(cast, patient):
    opened(cast, patient)
    asked = post(cast, patient, "psychotropic_dose_stable_days", value="").content.decode()
    assert "Takes none</button>" in asked
    shown = post(cast, patient, "psychotropic_dose_stable_days", none="yes", value="").content.decode()
    assert "✓ none, saved" in shown
    stored = Answer.objects.filter(element="psychotropic_dose_stable_days").latest("id")
    assert (stored.value, stored.is_known) == ("none", True)
    assert fact_of(stored).value == Nothing()
    post(cast, patient, "psychotropic_dose_stable_days", value="45", seen=stored.uid)
    assert Answer.objects.filter(element="psychotropic_dose_stable_days").latest("id").value == "45 d"


def test_another_unit_is_read_not_guessed(cast, patient):
    opened(cast, patient)
    post(cast, patient, "body_weight", value="154 lb", seen="")
    assert Answer.objects.get().value.startswith("69.85")


def test_two_people_answering_the_same_question_see_both_answers(cast, patient):
    opened(cast, patient)
    post(cast, patient, "breastfeeding", value="no", seen="")
    answer = post(cast, patient, "breastfeeding", key="ben", value="yes", seen="")
    assert answer.status_code == 422
    assert "Cora Delgado answered meanwhile: no" in answer.content.decode()
    assert "Yours was “yes”" in answer.content.decode()
    assert Answer.objects.count() == 1


def test_an_answer_taken_back_is_unknown_and_the_old_one_stays_on_record(cast, patient):
    screening = opened(cast, patient)
    post(cast, patient, "breastfeeding", value="no", seen="")
    first = Answer.objects.get()
    post(cast, patient, "breastfeeding", take_back="yes", seen=first.uid)
    assert screening_form(patient, screening).question("breastfeeding").needed
    assert Answer.objects.latest("id").corrects == first


def test_today_is_the_day_of_the_clinic_not_of_greenwich(cast, patient, watch):
    event = next(name for name, each in dictionary().elements.items() if each.kind == "event")
    cora = cast.actor("cora")
    # In Sydney it is Tuesday morning, in Greenwich still Monday.
    watch.moment = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
    with timezone.override("Australia/Sydney"):
        actions.answer(by=cora, uid=patient.uid, element=event, given="2026-11-24")
        actions.answer(by=cora, uid=patient.uid, element="body_weight", given="70 kg")
        screening = actions.open_screening(by=cora, uid=patient.uid, protocol="iv-racemic")
        assert screening_form(patient, screening).question("body_weight").observed_on == "2026-11-24"
        with pytest.raises(InputError, match="future") as refused:
            actions.answer(by=cora, uid=patient.uid, element=event, given="2026-11-25")
    assert refused.value.limit == "not after 2026-11-24"


def test_somebody_is_a_year_older_when_their_birthday_begins_at_the_clinic(cast, patient, watch):
    watch.moment = datetime(2027, 5, 1, 22, 0, tzinfo=UTC)
    with timezone.override("Australia/Sydney"):
        assert str(screening_facts(patient).value("age")) == "43 a"


def test_a_day_is_read_with_its_zeros_and_without(cast, patient):
    event = next(name for name, each in dictionary().elements.items() if each.kind == "event")
    for given in ("2026-03-08", "2026-3-8"):
        assert actions.answer(by=cast.actor("cora"), uid=patient.uid, element=event, given=given).value == (
            "2026-03-08"
        )
    for given in ("2026-2-30", "26-3-8", "2026-3"):
        with pytest.raises(InputError, match="not a date"):
            actions.answer(by=cast.actor("cora"), uid=patient.uid, element=event, given=given)


def test_a_day_in_the_future_is_refused(cast, patient):
    opened(cast, patient)
    answer = post(cast, patient, "qtcf", value="420", observed_on="2026-12-24", seen="")
    assert answer.status_code == 422
    assert not Answer.objects.exists()


def test_facts_of_a_referral_become_answers_with_their_origin_but_never_overwrite(cast, patient):
    from openkap.care.moment import now
    from openkap.protocol.facts import parse_facts

    opened(cast, patient)
    post(cast, patient, "body_weight", value="70", seen="")
    bundle = {"facts": {"body_weight": "71 kg", "height": {"value": "170 cm", "at": "2026-10-01T10:00:00Z"}}}
    facts = parse_facts(bundle, dictionary(), as_of=now())
    taken = actions.take_over_facts(
        by=cast.actor("cora"), uid=patient.uid, facts=facts, origin="referral bundle"
    )
    assert taken == 1
    assert Answer.objects.get(element="height").origin == "referral bundle"
    assert Answer.objects.get(element="body_weight").value == "70 kg"


def test_the_guideline_notice_is_shown_and_the_shared_decision_stored_with_it(cast, patient):
    opened(cast, patient)
    url = f"/patients/{patient.uid}/screening/"
    assert "VA/DoD 2023 PTSD guideline" in cast.client("cora").get(url).content.decode()
    refused = cast.client("cora").post(url + "shared-decision/", {"wish": "go_on", "patient_said": " "})
    assert refused.status_code == 422
    data = {"wish": "go_on", "patient_said": "I want to try.", "alternatives": ["EMDR"]}
    cast.client("cora").post(url + "shared-decision/", data)
    row = patient.shared_decisions.get()
    assert "suggest" in row.notice
    assert row.alternatives == ["EMDR"]


def test_an_eligible_patient_is_decided_on_and_the_page_shows_the_same_thing_years_later(
    cast, patient, watch
):
    enrolled(cast, patient)
    stored = Assessment.objects.get()
    assert (stored.verdict, patient.status) == ("eligible", "eligible")
    url = f"/patients/{patient.uid}/assessments/{stored.uid}/"
    first = cast.client("ada").get(url).content.decode()
    watch.forward(days=5 * 365)
    actions.answer(by=cast.actor("cora"), uid=patient.uid, element="body_weight", given="90 kg")
    cast.clients.clear()
    second = cast.client("ada").get(url).content.decode()
    assert main_of(first) == main_of(second)
    told = json.loads(stored.snapshot)
    assert told["protocol"]["fingerprint"] == stored.protocol_fingerprint
    assert told["facts"]["body_weight"]["value"] == "70 kg"


def main_of(page: str) -> str:
    """The part of the page that is the record: without banner, clock and tokens."""
    found = re.search(r'<div class="two screening">.*?</main>', page, re.DOTALL)
    assert found
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", found[0])


def test_only_the_prescriber_decides_and_only_with_the_password(cast, patient):
    screen(cast, patient)
    share(cast, patient)
    consented(cast, patient)
    url = f"/patients/{patient.uid}/screening/decide/"
    data = {"outcome": "eligible", "reason": "", "seen": seen(patient), "password": "wrong"}
    for key in ("ben", "cora", "tess"):
        assert cast.client(key).post(url, data).status_code == 403
    refused = cast.client("ada").post(url, data)
    assert refused.status_code == 422
    assert "the password is not right" in refused.content.decode()
    accepted = cast.client("ada").post(url, data | {"password": PASSWORD})
    assert accepted.status_code == 302
    assert Decision.objects.get().is_override is False


def test_against_the_verdict_needs_a_reason_and_is_counted_as_override(cast, patient):
    screen(cast, patient, alt="150 U/L")
    share(cast, patient)
    with pytest.raises(InputError, match="reason is missing"):
        decide(cast, patient)
    because = "Raised for years, fatty liver, stable; hepatology's letter of 3 Nov."
    row = decide(cast, patient, reason=because, without=("has_capacity_and_signed_consent",))
    assert row.is_override
    assert row.outcome == "eligible_with_review_signed"
    assert AuditEvent.objects.filter(action="screening.overridden").exists()


def test_who_treats_on_an_incomplete_verdict_names_each_missing_fact_and_says_why(cast, patient):
    screen(cast, patient, qtcf=None, alt=None)
    consented(cast, patient)
    share(cast, patient)
    address = f"/patients/{patient.uid}/screening/decide/"
    ada = cast.client("ada")
    asked = [each["fact"] for each in ada.get(address).context["without"]]
    assert {"qtcf", "alt"} <= set(asked)
    form = {"outcome": "eligible_with_review_signed", "seen": seen(patient), "password": PASSWORD}
    why = "The laboratory is closed and the values of last month were normal."
    for changes, where in (
        ({"reason": why}, "without"),
        ({"reason": why, "without": asked[1:]}, "without"),
        ({"reason": "x", "without": asked}, "reason"),
        ({"reason": "aaaaaaaaaaaaaaaaaaaa", "without": asked}, "reason"),
    ):
        answer = ada.post(address, form | changes)
        assert (answer.status_code, answer.context["error"].where) == (422, where)
    assert not Decision.objects.exists()
    decided = ada.post(address, form | {"reason": why, "without": asked}, follow=True)
    assert "Decided without:" in decided.content.decode()
    event = AuditEvent.objects.get(action="screening.overridden")
    assert json.loads(event.body)["detail"]["without"] == asked


def test_an_empty_screening_is_not_overridden_with_one_letter(cast, patient):
    from openkap.care.enrolment.actions import open_screening

    open_screening(by=cast.actor("cora"), uid=patient.uid, protocol="iv-racemic")
    share(cast, patient)
    with pytest.raises(InputError, match="facts are missing that you have not named"):
        decide(cast, patient, outcome="eligible_with_review_signed", reason="x")
    row = decide(cast, patient, outcome="wait", reason="x")
    assert row.outcome == "wait"


def test_an_exclusion_is_not_overridden_for_one_patient(cast, patient):
    screen(cast, patient, arteriovenous_malformation="yes")
    share(cast, patient)
    with pytest.raises(InputError, match="not overridden for one patient"):
        decide(cast, patient, reason="Old scan was misread.")
    assert not Decision.objects.exists()


def test_no_treatment_is_decided_without_a_shared_decision_to_go_on(cast, patient):
    screen(cast, patient)
    consented(cast, patient)
    with pytest.raises(InputError, match="no shared decision"):
        decide(cast, patient)
    share(cast, patient, wish="time")
    with pytest.raises(InputError, match="no shared decision"):
        decide(cast, patient)
    assert not Assessment.objects.exists()


def test_a_decision_on_a_page_that_has_moved_on_is_refused(cast, patient):
    screen(cast, patient)
    share(cast, patient)
    chosen = actions.Chosen("wait", "", seen(patient))
    actions.answer(by=cast.actor("cora"), uid=patient.uid, element="alt", given="200 U/L")
    with pytest.raises(InputError, match="has changed"):
        actions.decide(by=cast.actor("ada"), uid=patient.uid, chosen=chosen, person=proof(cast, "ada"))


def test_the_database_keeps_answers_and_refuses_an_override_without_reason(cast, patient):
    enrolled(cast, patient)
    for statement in (
        "UPDATE enrolment_answer SET element = 'x'",
        "DELETE FROM enrolment_assessment",
        "UPDATE enrolment_decision SET outcome = 'wait'",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    row = Decision.objects.get()
    row.pk, row.uid, row.is_override, row.reason = None, "0" * 12, True, ""
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_another_clinic_sees_nothing(cast, patient):
    opened(cast, patient)
    assert cast.client("eve").get(f"/patients/{patient.uid}/screening/").status_code == 404
    assert post(cast, patient, "breastfeeding", key="eve", value="no", seen="").status_code == 404


def test_the_screening_page_asks_the_database_a_fixed_number_of_times(
    cast, patient, django_assert_max_num_queries
):
    screen(cast, patient)
    assert len(ANSWERS) > 20
    cast.client("cora").get(f"/patients/{patient.uid}/screening/")
    with django_assert_max_num_queries(30):
        cast.client("cora").get(f"/patients/{patient.uid}/screening/")


def test_what_a_referral_bundle_said_is_filled_in_when_the_screening_opens(cast):
    from openkap.care.patients.actions import NewPatient, register_referral
    from openkap.care.patients.referral import receive

    observation = {
        "resourceType": "Observation",
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "effectiveDateTime": "2026-11-10T09:00:00Z",
        "valueQuantity": {"value": 71.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }
    person = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Sample", "given": ["Robin"]}]}
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": person}, {"resource": observation}],
    }
    cora = cast.actor("cora")
    waiting = receive(by=cora, raw=json.dumps(bundle).encode())
    patient = register_referral(by=cora, person=NewPatient("Sample", "Robin"), incoming=waiting)
    form = screening_form(patient, opened(cast, patient))
    question = form.question("body_weight")
    assert question.answer == "71.5 kg"
    assert question.origin == "referral of 2026-11-23"
    page = cast.client("cora").get(f"/patients/{patient.uid}/screening/section/person/").content.decode()
    assert "from the referral of 2026-11-23: nobody here has asked it" in page
    assert "by Cora" not in page.partition("<main")[2]


def verbs(cast, key):
    from openkap.care.enrolment.home import tasks

    return [(task.verb, task.note) for task in tasks(cast.actor(key))]


def test_the_list_tells_what_can_be_decided_from_what_is_still_being_asked(cast, patient):
    screen(cast, patient, ggt=None, support_person_named=None)
    assert ("Still being asked", "2 questions open") in verbs(cast, "ada")
    assert ("Go on with the screening", "2 questions open") in verbs(cast, "cora")
    assert "Decide on eligibility" not in dict(verbs(cast, "ada"))
    for element, given in (("ggt", "30 U/L"), ("support_person_named", "yes")):
        actions.answer(by=cast.actor("cora"), uid=patient.uid, element=element, given=given)
    assert ("Go through the consent", "all questions answered; the consent is missing") in verbs(cast, "ada")
    consented(cast, patient)
    assert "Decide on eligibility" in dict(verbs(cast, "ada"))
    assert "Decide on eligibility" not in dict(verbs(cast, "cora"))


def test_an_exclusion_can_be_decided_while_other_answers_are_missing(cast, patient):
    screen(cast, patient, ggt=None, aneurysmal_vascular_disease="yes")
    assert "Decide on eligibility" in dict(verbs(cast, "ada"))


def test_after_an_exclusion_stopping_is_the_first_thing_offered(cast, patient):
    screen(cast, patient, ggt=None, aneurysmal_vascular_disease="yes")
    page = cast.client("ada").get(f"/patients/{patient.uid}/screening/").content.decode()
    assert page.index("You can stop here") < page.index("Go on: ")
    buttons = re.findall(r'<a class="(button[^"]*)"[^>]*>([^<]+)', page[page.index("You can stop here") :])
    assert [words for look, words in buttons if look == "button"] == ["Decide"]


def test_the_list_asks_the_database_the_same_for_one_and_for_five_screenings(
    cast, register, django_assert_max_num_queries
):
    from openkap.care.enrolment.home import tasks

    screen(cast, register("One"), ggt=None)
    with CaptureQueriesContext(connection) as one:
        tasks(cast.actor("ada"))
    for name in ("Two", "Three", "Four", "Five"):
        screen(cast, register(name), ggt=None)
    with django_assert_max_num_queries(len(one)):
        tasks(cast.actor("ada"))


def test_a_screening_under_a_version_retired_since_is_begun_anew_and_breaks_no_page(
    cast, patient, monkeypatch
):
    opened(cast, patient)
    as_run = protocols._as_run
    monkeypatch.setattr(
        protocols, "_as_run", lambda *version: replace(as_run(*version), retired="the PCL-5 lasts longer")
    )
    for key in ("ada", "cora"):
        home = cast.client(key).get("/home/")
        assert home.status_code == 200
        assert "Screen under the version in force" in home.content.decode()
    page = cast.client("cora").get(f"/patients/{patient.uid}/screening/")
    assert page.status_code == 200
    assert "Intravenous racemic ketamine" in page.content.decode()


def test_the_way_goes_from_the_last_answer_to_the_shared_decision_and_on_to_the_consent(cast, patient):
    def way():
        return cast.client("cora").get(f"/patients/{patient.uid}/screening/").content.decode()

    screen(cast, patient, ggt=None)
    assert f'/patients/{patient.uid}/screening/section/tests/#q-ggt">Go on: Tests' in way()
    actions.answer(by=cast.actor("cora"), uid=patient.uid, element="ggt", given="30 U/L")
    assert "Go on: the shared decision" in way()
    share(cast, patient)
    assert "Go on: the consent" in way()
    assert "Only the consent is missing" in way()
    consented(cast, patient)
    assert "Go on:" not in way()
    assert "Only the consent is missing" not in way()


def test_a_question_that_an_answer_raises_is_named_before_one_leaves_the_section(cast, patient):
    screen(cast, patient, could_be_pregnant=None)
    address = f"/patients/{patient.uid}/screening/answer/could_be_pregnant/"
    answered = cast.client("cora").post(address, {"value": "yes"}, headers={"HX-Request": "true"})
    assert "Still open here" in answered.content.decode()
    assert "?open=pregnancy_test#q-pregnancy_test" in answered.content.decode()


def test_what_was_signed_says_what_comes_next(cast, patient):
    screen(cast, patient)
    share(cast, patient)
    consent = open_consent(cast, patient)
    go_through_all(cast, patient, consent)
    address = f"/patients/{patient.uid}/consent/{consent.uid}"
    cora = cast.client("cora")
    cora.post(f"{address}/sign/", {"name": "Alex Example"})
    said = cora.post("/me/unlock/", {"password": PASSWORD, "back": f"{address}/"}, follow=True)
    assert "the prescriber countersigns: it stands on their list" in said.content.decode()
    said = cast.client("ada").post(f"{address}/countersign/", {"password": PASSWORD}, follow=True)
    way = f'<a href="/patients/{patient.uid}/screening/decide/">Next: decide on eligibility</a>, under Screening.'
    assert way in said.content.decode()
    form = {"outcome": "eligible", "seen": seen(patient), "password": PASSWORD}
    said = cast.client("ada").post(f"/patients/{patient.uid}/screening/decide/", form, follow=True)
    assert f'<a href="/patients/{patient.uid}/courses/">Next: plan the course</a>' in said.content.decode()


def test_the_assessment_page_shows_the_shared_decision_it_was_decided_on(cast, patient):
    enrolled(cast, patient)
    decision = Decision.objects.get()
    actions.record_shared_decision(
        by=cast.actor("cora"),
        uid=patient.uid,
        wish="time",
        patient_said="I want to think again.",
        alternatives=["Medicines"],
    )
    page = cast.client("ada").get(f"/patients/{patient.uid}/assessments/{decision.assessment.uid}/")
    text = page.content.decode()
    assert "Decided together: go on with ketamine treatment" in text
    assert "I want to try it." in text
    assert "I want to think again." not in text
