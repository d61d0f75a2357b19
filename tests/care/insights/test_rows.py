"""What the clinic wrote down arrives in the registry, and nothing else does."""

from __future__ import annotations

import json

import pytest

from openkap.registry.dataset import open_dataset
from openkap.registry.definition import read_definitions
from openkap.registry.quality import run_checks

pytestmark = pytest.mark.django_db


def test_a_session_arrives_with_dose_readings_scores_and_items(treated, extracted, cast):
    rows = extracted()
    assert [row["status"] for row in rows["session"]] == ["completed"]
    (dose,) = rows["dose"]
    assert (dose["drug"], dose["route"], dose["dose_mg"]) == ("racemic ketamine", "IV", 35.0)
    readings = sorted((row["minute"], row["systolic"]) for row in rows["vital"])
    # The reading before the dose, then the ten of the session.
    assert readings[0] == (0, 122)
    assert [minute for minute, pressure in readings if pressure == 130] == [
        0,
        10,
        20,
        30,
        40,
        55,
        70,
        85,
        100,
        120,
    ]
    totals = sorted(
        (str(row["assessed_on"]), row["value"]) for row in rows["score"] if row["cluster"] == "total"
    )
    assert totals == [("2026-11-23", 50.0), ("2026-12-07", 30.0)]
    assert {row["cluster"] for row in rows["score"]} == {
        "total",
        "intrusion",
        "avoidance",
        "negative_cognition_mood",
        "arousal",
    }
    assert len(rows["item"]) == 40
    assert sum(row["answer"] for row in rows["item"]) == 80
    (course,) = rows["course"]
    assert course["index_at"] == rows["session"][0]["started_at"] == dose["started_at"]
    assert course["end_reason"] == "ongoing"


def test_the_release_passes_every_check_of_the_registry(treated, extracted, registry, cast):
    extracted()
    findings = run_checks(open_dataset(registry / cast.troupe.clinic.uid), read_definitions())
    assert [(each.check.id, each.failing) for each in findings if not each.passed] == []


def test_nothing_that_names_somebody_leaves(treated, extracted, registry, cast, patient):
    from openkap.care.accounts.models import Staff
    from openkap.care.patients.models import Patient

    held = json.dumps(extracted(), default=str)
    identity = patient.identity
    secrets = [identity.family_name, identity.given_name, str(identity.birth_date), patient.uid, patient.code]
    secrets += [*Patient.objects.values_list("uid", flat=True), *Staff.objects.values_list("name", flat=True)]
    assert [each for each in secrets if each and each in held] == []


def test_what_happened_today_waits_for_tomorrow(treated, extracted, answer, watch, patient):
    answer(patient, 10)
    assert sorted(row["value"] for row in extracted()["score"] if row["cluster"] == "total") == [30.0, 50.0]
    watch.forward(days=1)
    assert sorted(row["value"] for row in extracted()["score"] if row["cluster"] == "total") == [
        10.0,
        30.0,
        50.0,
    ]


def test_a_voided_form_is_entered_in_error(treated, extracted, cast, patient, watch):
    from openkap.care.outcomes.models import Form

    form = Form.objects.filter(patient=patient).order_by("pk").last()
    form.voided_at, form.voided_by, form.voided_because = (
        watch(),
        cast.staff("cora"),
        "answered by the partner",
    )
    form.save()
    rows = [row for row in extracted()["score"] if row["cluster"] == "total"]
    assert sorted((row["value"], row["status"]) for row in rows) == [
        (30.0, "entered-in-error"),
        (50.0, "final"),
    ]


def test_a_corrected_reading_names_what_it_replaces(treated, extracted, cast, watch, patient):
    from openkap.care.treatment.models import Entry, Value

    old = Entry.objects.filter(session=treated, kind="vitals").order_by("observed_at")[2]
    new = Entry.objects.create(
        session=treated,
        kind="vitals",
        client_id="fix",
        observed_at=old.observed_at,
        entered_at=watch(),
        entered_by=cast.staff("ben"),
        corrects=old,
        reason="cuff slipped",
    )
    Value.objects.create(entry=new, element="sbp", value="150 mm[Hg]", number=150, unit="mm[Hg]")
    rows = extracted()["vital"]
    (fixed,) = [row for row in rows if row["replaces"] is not None]
    assert (fixed["systolic"], fixed["status"]) == (150, "amended")
    assert fixed["replaces"] in {row["vital_id"] for row in rows}


def test_an_override_is_told_by_rule_and_act_and_never_in_words(treated, extracted, cast, watch, patient):
    from openkap.care.treatment.models import GateDecision

    GateDecision.objects.create(
        session=treated,
        rule="DAY-02",
        goes_on=True,
        saw="145 mm[Hg]",
        client_id="g",
        observed_at=treated.starts_at,
        entered_at=watch(),
        entered_by=cast.staff("ada"),
        reason="Mr Example is always like that",
    )
    (row,) = extracted()["override"]
    assert (row["rule"], row["reason"]) == ("DAY-02", "went on after review")


def test_distance_and_payer_arrive_with_the_patient(treated, extracted, cast, patient):
    from openkap.care.insights.actions import note_access

    note_access(by=cast.actor("cora"), uid=patient.uid, distance_km=12, coverage="public")
    note_access(by=cast.actor("cora"), uid=patient.uid, distance_km=15, coverage="insurance")
    (row,) = extracted()["patient"]
    assert (row["distance_km"], row["coverage"], row["birth_year"]) == (15.0, "insurance", 1984)


def test_a_death_that_was_recorded_at_the_closing_is_in_the_extract(cast, patient, agree, extracted, watch):
    from datetime import date

    from openkap.care.patients.closing import Why, close_record, reopen_record

    agree(patient)
    why = Why("died", date(2026, 11, 20), "the sister called")
    close_record(by=cast.actor("cora"), uid=patient.uid, why=why)
    watch.forward(days=1)
    assert [row["died_on"] for row in extracted()["patient"]] == [date(2026, 11, 20)]
    reopen_record(by=cast.actor("cora"), uid=patient.uid, reason="another person of that name")
    watch.forward(days=1)
    assert [row["died_on"] for row in extracted()["patient"]] == [None]
