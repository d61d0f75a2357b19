"""Bundles: references, duplicates, whose record it is, medicines, and what becomes of everything else."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from fhir_records import (
    ANEURYSM,
    about,
    aside,
    bundle,
    codeable,
    condition,
    intake,
    patient,
    read,
    reading,
    value,
    why,
)
from openkap.core.errors import InputError
from openkap.protocol.elements import Event


@pytest.mark.parametrize("kind", ["collection", "transaction", "searchset", "batch", "document"])
def test_every_type_of_bundle_that_holds_a_record_is_read(kind: str) -> None:
    found = read(bundle(patient(), condition(), kind=kind))
    assert value(found, "aneurysmal_vascular_disease") is True


def test_references_by_urn_uuid_are_followed() -> None:
    urn = "urn:uuid:5f0d2c7e-8f57-4b0e-9a3b-1c2d3e4f5a6b"
    mine = {**condition(), "subject": {"reference": urn}}
    data = bundle(mine)
    data["entry"].append({"fullUrl": urn, "resource": patient()})
    assert value(read(data), "aneurysmal_vascular_disease") is True


def test_absolute_and_versioned_references_are_followed() -> None:
    base = "https://ehr.example/fhir"
    data = bundle(
        {**condition(name="a"), "subject": {"reference": f"{base}/Patient/p"}},
        {**reading(), "subject": {"reference": "Patient/p/_history/3"}},
    )
    data["entry"].append({"fullUrl": f"{base}/Patient/p", "resource": patient()})
    found = read(data)
    assert value(found, "aneurysmal_vascular_disease") is True
    assert value(found, "body_weight") is not None


def test_a_resource_about_somebody_else_is_not_used() -> None:
    found = intake({**condition(), "subject": {"reference": "Patient/other"}})
    assert value(found, "aneurysmal_vascular_disease") is None
    assert "not in this bundle" in why(found)


def test_a_resource_about_nobody_is_not_used() -> None:
    found = intake({"resourceType": "Condition", "id": "c", "code": codeable(ANEURYSM)})
    assert value(found, "aneurysmal_vascular_disease") is None
    assert "cannot tell whose" in why(found)


def test_two_patients_in_one_bundle_are_refused() -> None:
    with pytest.raises(InputError, match="more than one patient"):
        read(bundle(patient(), patient(id="q")))


def test_two_subjects_without_a_patient_are_refused() -> None:
    with pytest.raises(InputError, match="more than one patient"):
        read(bundle(condition(), {**reading(), "subject": {"reference": "Patient/q"}}))


def test_a_record_without_a_patient_leaves_age_to_be_asked() -> None:
    found = read(bundle(condition()))
    assert value(found, "age") is None
    assert "no Patient resource" in why(found)


@pytest.mark.parametrize(
    "data", [None, [], "Bundle", {}, {"resourceType": "Patient"}, {"resourceType": "Bundle"}]
)
def test_what_is_no_bundle_is_refused(data: Any) -> None:
    with pytest.raises(InputError, match="not a FHIR bundle"):
        read(data)


def test_the_same_entry_twice_counts_once() -> None:
    found = intake(reading(), reading())
    assert "more" not in found.facts.known["body_weight"].origin
    assert why(found) == ""


def test_two_versions_of_one_entry_are_both_read_and_told() -> None:
    found = intake(reading(value=80), reading(value=95, day="2026-11-21"))
    assert str(value(found, "body_weight")) == "95 kg"
    assert "stands more than once" in why(found)


def test_medications_that_refer_to_each_other_in_a_ring_do_no_harm() -> None:
    ring = [
        {
            "resourceType": "Medication",
            "id": a,
            "ingredient": [{"itemReference": {"reference": f"Medication/{b}"}}],
        }
        for a, b in (("m1", "m2"), ("m2", "m1"))
    ]
    order = about(
        "MedicationRequest",
        status="active",
        intent="order",
        medicationReference={"reference": "Medication/m1"},
    )
    assert value(intake(*ring, order), "maoi") is None


def test_a_medicine_is_found_through_its_reference_and_contained() -> None:
    held = {"resourceType": "Medication", "id": "m", "code": codeable("N06AF03", "atc")}
    order = about(
        "MedicationRequest", status="active", intent="order", medicationReference={"reference": "#m"}
    )
    assert value(intake({**order, "contained": [held]}), "maoi") is True
    named = {**order, "medicationReference": {"reference": "Medication/m"}}
    assert value(intake(held, named), "maoi") is True


def order(code: str, state: str, **fields: Any) -> dict[str, Any]:
    return about(
        "MedicationRequest",
        status=state,
        intent="order",
        medicationCodeableConcept=codeable(code, "atc"),
        **fields,
    )


def test_a_stopped_medicine_is_not_taken_now() -> None:
    found = intake(order("N06AF03", "stopped"))
    assert value(found, "maoi") is None
    assert "stopped" in aside(found)


@pytest.mark.parametrize("state", ["draft", "cancelled", "entered-in-error"])
def test_an_order_that_never_came_to_be_is_set_aside(state: str) -> None:
    found = intake(order("N06AF03", state))
    assert value(found, "maoi") is None
    assert state in aside(found)


def test_a_planned_medicine_is_for_a_person() -> None:
    found = intake({**order("N06AF03", "active"), "intent": "plan"})
    assert value(found, "maoi") is None
    assert "ask whether it is taken" in why(found)


def test_a_running_opioid_has_no_last_date_and_an_ended_one_has() -> None:
    assert value(intake(order("N02AA01", "active")), "opioid_use") == Event(ever=True)
    ended = about(
        "MedicationStatement",
        status="completed",
        medicationCodeableConcept=codeable("N02AA01", "atc"),
        effectivePeriod={"start": "2026-11-01", "end": "2026-11-10"},
    )
    assert value(intake(ended), "opioid_use") == Event(ever=True, on=date(2026, 11, 10))


def test_the_last_opioid_of_an_old_record_is_no_answer_today() -> None:
    ended = about(
        "MedicationStatement",
        status="completed",
        medicationCodeableConcept=codeable("N02AA01", "atc"),
        effectiveDateTime="2021-06-01",
    )
    found = intake(ended)
    assert found.facts.value("opioid_use") is None, "a record is silent about the years since"


def test_age_is_whole_years_on_the_day() -> None:
    assert str(value(intake(), "age")) == "46 a"
    on_birthday = read(bundle(patient(birthDate="2008-11-23")))
    day_before = read(bundle(patient(birthDate="2008-11-24")))
    assert [str(value(each, "age")) for each in (on_birthday, day_before)] == ["18 a", "17 a"]


def test_a_birth_year_that_allows_two_ages_is_asked() -> None:
    found = read(bundle(patient(birthDate="1980")))
    assert value(found, "age") is None
    assert "age 45 or 46" in why(found)


def test_an_unknown_gender_is_asked() -> None:
    found = read(bundle(patient(gender="unknown")))
    assert value(found, "sex") is None
    assert "reference range" in why(found)


def test_names_stay_out_of_the_facts() -> None:
    found = read(bundle(patient(name=[{"family": "Nobody", "given": ["Ann"]}], gender="female")))
    assert found.identity.name == "Ann Nobody"
    assert "Nobody" not in repr(found.facts)
    assert "Nobody" not in json.dumps(found.as_dict())


def test_a_death_is_told_first_of_all() -> None:
    assert "has died" in why(read(bundle(patient(deceasedDateTime="2026-01-01"))))


def test_other_resource_types_are_counted() -> None:
    found = intake(about("Encounter", "e1"), about("Encounter", "e2"), about("Claim", "x"))
    assert found.ignored == {"Claim": 1, "Encounter": 2}


def test_a_code_nobody_asks_about_is_told_once_with_all_its_entries() -> None:
    found = intake(condition("444814009", "a"), condition("444814009", "b"))
    assert [note.ids for note in found.unlisted] == [("Condition/a", "Condition/b")]


@pytest.mark.parametrize(
    "entry", [None, 7, "x", [], {}, {"resource": None}, {"resource": []}, {"resource": {"id": "x"}}]
)
def test_an_entry_that_is_none_is_listed_and_the_rest_read(entry: Any) -> None:
    data = bundle(patient(), condition())
    data["entry"].insert(0, entry)
    found = read(data)
    assert value(found, "aneurysmal_vascular_disease") is True
    assert "entry 1" in why(found)


def test_an_entry_to_be_deleted_is_set_aside() -> None:
    data = bundle(patient(), condition())
    data["entry"][1]["request"] = {"method": "DELETE", "url": "Condition/c"}
    assert value(read(data), "aneurysmal_vascular_disease") is None


def test_what_is_asked_at_a_session_is_never_taken_from_a_record() -> None:
    found = intake(reading("8480-6", 120, "mm[Hg]"))
    assert list(found.facts.known) == ["age", "sbp_resting", "sex"]
