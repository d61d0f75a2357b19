"""Which elements a code or a name bears on: categories, ICD-10 by ICD-10-CM, names of listed things."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_records import Json, about, codeable, condition, intake, screening, status, value, why


def order(medicine: Json, **fields: Any) -> Json:
    said = {"status": "active", "intent": "order", "authoredOn": "2026-11-01", **fields}
    return about("MedicationRequest", "m", medicationCodeableConcept=medicine, **said)


@pytest.mark.parametrize(
    ("code", "element"),
    [
        ("8123", "maoi"),
        ("10734", "maoi"),
        ("9639", "maoi"),
        ("10438", "theophylline_or_aminophylline"),
        ("313291", "theophylline_or_aminophylline"),
        ("725", "psychostimulant_same_day"),
        ("6470", "cns_depressant_or_alcohol"),
    ],
)
def test_an_ingredient_of_a_listed_class_is_a_yes(code: str, element: str) -> None:
    assert value(intake(order(codeable(code, "rxnorm"))), element) is True


def test_an_ingredient_of_a_contained_medication_is_a_yes() -> None:
    medication = {
        "resourceType": "Medication",
        "id": "m1",
        "code": {"text": "a compound"},
        "ingredient": [{"itemCodeableConcept": codeable("8123", "rxnorm")}],
    }
    taken = about(
        "MedicationStatement",
        status="active",
        contained=[medication],
        medicationReference={"reference": "#m1"},
    )
    assert value(intake(taken), "maoi") is True


@pytest.mark.parametrize(
    ("code", "element"),
    [
        ("I71.4", "aneurysmal_vascular_disease"),
        ("F20.0", "lifetime_primary_psychotic_disorder"),
        ("Z33", "could_be_pregnant"),
    ],
)
def test_an_icd_10_code_is_looked_for_in_the_categories_of_icd_10_cm(code: str, element: str) -> None:
    found = intake(condition(code, system="icd10"))
    assert value(found, element) is True
    assert f"ICD-10 {code}" in found.facts.known[element].origin


@pytest.mark.parametrize(
    "medicine",
    [
        codeable("99999999", "rxnorm", "Phenelzine sulfate 7.5 MG Oral Tablet"),
        {"text": "NARDIL 15 mg"},
        {"coding": [{"system": "urn:local", "code": "X", "display": "phenelzine"}]},
        codeable("N06A", "atc"),
    ],
)
def test_a_medicine_that_has_the_name_of_a_listed_one_keeps_the_question_open(medicine: Json) -> None:
    found = intake(order(medicine), screening(maoi=False, breastfeeding=False))
    assert value(found, "maoi") is None
    assert value(found, "breastfeeding") is False
    assert "MedicationRequest/m" in why(found)


def test_a_medicine_that_was_stopped_says_nothing_of_now() -> None:
    found = intake(order({"text": "phenelzine"}, status="stopped"), screening(maoi=False))
    assert value(found, "maoi") is False


def test_a_medicine_of_another_name_leaves_every_answer_alone() -> None:
    found = intake(order({"text": "phenelzinelike compound"}), screening(maoi=False))
    assert value(found, "maoi") is False


def test_an_allergy_in_words_keeps_the_question_open() -> None:
    allergy = about("AllergyIntolerance", code={"text": "Ketamine (anaphylaxis)"})
    found = intake(allergy, screening(hypersensitivity_ketamine_or_esketamine=False))
    assert value(found, "hypersensitivity_ketamine_or_esketamine") is None


@pytest.mark.parametrize("name", ["Aneurysm of aortic arch", "aneurysm of  AORTIC arch (disorder)"])
def test_a_diagnosis_in_the_words_of_a_listed_one_keeps_the_question_open(name: str) -> None:
    found = intake(about("Condition", "c", code={"text": name}), screening(aneurysmal_vascular_disease=False))
    assert value(found, "aneurysmal_vascular_disease") is None
    assert "text only" in why(found)


def test_a_category_wider_than_a_listed_one_keeps_the_question_open() -> None:
    asked = screening(aneurysmal_vascular_disease=False)
    found = intake(condition("I25", system="icd10"), asked)
    assert value(found, "aneurysmal_vascular_disease") is None
    assert "may bear on" in why(found)
    assert value(intake(condition("I10", system="icd10cm"), asked), "aneurysmal_vascular_disease") is False


def test_a_past_diagnosis_by_name_keeps_open_only_what_is_asked_of_ever() -> None:
    over = {"clinicalStatus": status("resolved")}
    said = {"current_psychosis": False, "aneurysmal_vascular_disease": False}
    found = intake(
        about("Condition", "a", code={"text": "Psychotic disorder"}, **over),
        about("Condition", "b", code={"text": "Aneurysm of aortic arch"}, **over),
        screening(**said),
    )
    assert value(found, "current_psychosis") is False
    assert value(found, "aneurysmal_vascular_disease") is None
