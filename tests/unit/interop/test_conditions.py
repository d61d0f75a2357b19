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


def test_a_future_onset_is_refused_and_listed() -> None:
    found = intake(condition(INFARCTION, onsetDateTime="2031-01-01"))
    assert value(found, "myocardial_infarction") is None
    assert "future" in why(found)


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
