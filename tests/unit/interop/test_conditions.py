"""Conditions and allergies: a listed code is a yes, silence is never a no."""

from __future__ import annotations

from datetime import date

import pytest

from fhir_records import (
    ANEURYSM,
    INFARCTION,
    PSYCHOSIS,
    about,
    aside,
    codeable,
    condition,
    intake,
    screening,
    status,
    value,
    why,
)
from openkap.protocol.elements import Event


def test_a_listed_condition_is_a_yes_with_its_origin() -> None:
    found = intake(condition(ANEURYSM, recordedDate="2020-03-01"))
    fact = found.facts.known["aneurysmal_vascular_disease"]
    assert fact.value is True
    assert "Condition/c" in fact.origin
    assert ANEURYSM in fact.origin


def test_a_record_without_conditions_says_no_to_nothing() -> None:
    assert False not in [fact.value for fact in intake().facts.known.values()]


def test_a_condition_in_words_only_is_listed_and_matches_nothing() -> None:
    found = intake(about("Condition", code={"text": "Aneurysm of thoracic aorta"}))
    assert value(found, "aneurysmal_vascular_disease") is None
    assert "text only" in why(found)


def test_one_known_coding_among_several_is_enough() -> None:
    code = {"coding": [{"system": "urn:local", "code": "X1"}, *codeable(ANEURYSM)["coding"]]}
    assert value(intake(about("Condition", code=code)), "aneurysmal_vascular_disease") is True


def test_an_icd_code_below_a_listed_category_matches() -> None:
    found = intake(condition("F20.0", system="icd10cm"))
    assert value(found, "lifetime_primary_psychotic_disorder") is True


def test_a_snomed_code_never_matches_by_its_beginning() -> None:
    assert value(intake(condition(ANEURYSM + "1")), "aneurysmal_vascular_disease") is None


def test_a_code_of_an_unknown_system_is_for_a_person() -> None:
    assert "not known here" in why(intake(condition("X1", system="urn:local")))


@pytest.mark.parametrize("verification", ["entered-in-error", "refuted"])
def test_an_entry_that_is_wrong_is_set_aside(verification: str) -> None:
    found = intake(condition(verificationStatus=status(verification)))
    assert value(found, "aneurysmal_vascular_disease") is None
    assert verification.replace("-", " ") in aside(found)


@pytest.mark.parametrize("verification", ["provisional", "differential", "unconfirmed"])
def test_an_unconfirmed_condition_is_for_a_person(verification: str) -> None:
    found = intake(condition(verificationStatus=status(verification)))
    assert value(found, "aneurysmal_vascular_disease") is None
    assert "not confirmed" in why(found)


def test_a_resolved_condition_says_nothing_of_now_but_all_of_ever() -> None:
    found = intake(
        condition(PSYCHOSIS, "now", clinicalStatus=status("resolved")),
        condition(ANEURYSM, "ever", clinicalStatus=status("resolved")),
    )
    assert value(found, "current_psychosis") is None
    assert "no longer active" in aside(found)
    assert value(found, "aneurysmal_vascular_disease") is True


@pytest.mark.parametrize("end", ["2031-01-01", "soon", None, ""])
def test_an_end_that_cannot_be_read_or_lies_ahead_ends_nothing(end: object) -> None:
    found = intake(condition(PSYCHOSIS, onsetDateTime="2026-11-01", abatementDateTime=end))
    assert value(found, "current_psychosis") is True
    assert value(intake(condition(PSYCHOSIS, abatementDateTime="2020-01-01")), "current_psychosis") is None


def test_the_last_of_two_heart_attacks_counts() -> None:
    found = intake(
        condition(INFARCTION, "a", onsetDateTime="2026-11-01"),
        condition(INFARCTION, "b", onsetDateTime="2014-02-03"),
    )
    assert value(found, "myocardial_infarction") == Event(ever=True, on=date(2026, 11, 1))


@pytest.mark.parametrize("onset", ["2026", "2026-11"])
def test_a_heart_attack_known_to_the_year_or_month_has_no_date(onset: str) -> None:
    found = intake(condition(INFARCTION, onsetDateTime=onset))
    assert value(found, "myocardial_infarction") == Event(ever=True)
    assert "must be asked" in why(found)


def test_an_older_year_does_not_hide_a_later_exact_date() -> None:
    found = intake(
        condition(INFARCTION, "a", onsetDateTime="2019"),
        condition(INFARCTION, "b", onsetDateTime="2021-04-02"),
    )
    assert value(found, "myocardial_infarction") == Event(ever=True, on=date(2021, 4, 2))


def test_a_heart_attack_without_a_date_is_ever_and_asked_for() -> None:
    found = intake(condition(INFARCTION))
    assert value(found, "myocardial_infarction") == Event(ever=True)
    assert "no date given" in why(found)


@pytest.mark.parametrize("onset", ["2031-01-01", "03/04/2020", "last summer", None, 5])
@pytest.mark.parametrize(
    ("code", "element", "left"),
    [
        (ANEURYSM, "aneurysmal_vascular_disease", True),
        (INFARCTION, "myocardial_infarction", Event(ever=True)),
        (PSYCHOSIS, "current_psychosis", True),
    ],
)
def test_a_diagnosis_whose_date_cannot_be_read_counts_without_it(
    code: str, element: str, left: object, onset: object
) -> None:
    found = intake(condition(code, onsetDateTime=onset, recordedDate="2020-03-01"))
    assert value(found, element) == left
    assert found.facts.known[element].at is None
    assert f"SNOMED CT {code}: its date" in why(found)


@pytest.mark.parametrize("field", ["recordedDate", "abatementDateTime"])
def test_no_other_date_of_a_diagnosis_loses_it(field: str) -> None:
    drinking = condition("7200002", onsetDateTime="2019-05-01", clinicalStatus=status("resolved"))
    found = intake({**drinking, field: "soon"})
    assert value(found, "alcohol_or_drug_use_disorder_moderate_severe") == Event(ever=True)
    assert "soon" in why(found)


def test_an_earlier_heart_attack_does_not_stand_in_for_one_whose_date_cannot_be_read() -> None:
    found = intake(
        condition(INFARCTION, "a", onsetDateTime="2014-02-03"),
        condition(INFARCTION, "b", onsetDateTime="2/3/26", recordedDate="2013-01-01"),
    )
    assert value(found, "myocardial_infarction") == Event(ever=True)


@pytest.mark.parametrize(
    "broken",
    [
        {"clinicalStatus": "active"},
        {"verificationStatus": "confirmed"},
        {"code": {"coding": codeable(ANEURYSM)["coding"][0]}},
        {"id": 5},
        {"subject": None},
        {"verificationStatus": status("provisional")},
    ],
)
def test_a_diagnosis_that_cannot_be_read_is_named_and_no_answer_passes_over_it(broken: dict) -> None:  # type: ignore[type-arg]
    found = intake({**condition(ANEURYSM), **broken}, screening(aneurysmal_vascular_disease=False))
    assert value(found, "aneurysmal_vascular_disease") is not False
    assert f"SNOMED CT {ANEURYSM}" in why(found)


def test_a_doubtful_diagnosis_leaves_other_answers_alone() -> None:
    found = intake(
        {**condition(ANEURYSM), "clinicalStatus": "active"},
        screening(aneurysmal_vascular_disease=False, breastfeeding=False),
    )
    assert value(found, "breastfeeding") is False


def test_a_doubtful_diagnosis_does_not_weaken_a_certain_one() -> None:
    found = intake(
        condition(ANEURYSM, "sure"), condition(ANEURYSM, "so-so", verificationStatus=status("differential"))
    )
    assert value(found, "aneurysmal_vascular_disease") is True


@pytest.mark.parametrize("when", ["soon", "2031-01-01"])
def test_an_allergy_or_a_medicine_whose_date_cannot_be_read_counts(when: str) -> None:
    order = {"status": "active", "intent": "order", "authoredOn": when}
    found = intake(
        about("AllergyIntolerance", code=codeable("N01AX03", "atc"), recordedDate=when),
        about("MedicationRequest", "m", medicationCodeableConcept=codeable("R03DA04", "atc"), **order),
    )
    assert value(found, "hypersensitivity_ketamine_or_esketamine") is True
    assert value(found, "theophylline_or_aminophylline") is True
    assert "ATC N01AX03: its date" in why(found)
    assert "ATC R03DA04: its date" in why(found)


def test_a_ketamine_allergy_counts_even_when_unconfirmed() -> None:
    allergy = about(
        "AllergyIntolerance", code=codeable("N01AX03", "atc"), verificationStatus=status("unconfirmed")
    )
    assert value(intake(allergy), "hypersensitivity_ketamine_or_esketamine") is True


def test_a_ketamine_prescription_is_no_allergy() -> None:
    order = about(
        "MedicationRequest",
        status="active",
        intent="order",
        medicationCodeableConcept=codeable("N01AX03", "atc"),
    )
    assert value(intake(order), "hypersensitivity_ketamine_or_esketamine") is None


def test_a_substance_named_in_a_reaction_counts() -> None:
    allergy = about("AllergyIntolerance", reaction=[{"substance": codeable("N01AX03", "atc")}])
    assert value(intake(allergy), "hypersensitivity_ketamine_or_esketamine") is True
