"""Verdicts on harms, on invented trials: few zeros do not make a harm rare, and words must say how long."""

from __future__ import annotations

import json

import pytest

from invented_trials import ledger, trial, words
from openkap.evidence.importers.clinicaltrials_gov import read_clinicaltrials_gov


def rare(report, *records):
    return ledger(report, *records)["S2"]


def both(ketamine, control=(0, 1000)):
    """Distress and blunting with the same counts."""
    return [("Emotional distress", ketamine, control), ("Emotional blunting", ketamine, control)]


def test_none_of_sixteen_in_an_imported_record_makes_no_harm_rare_or_mild(report, files, scales):
    """Of 16 people with none, the exact 95% interval still reaches 1 - 0.025^(1/16) = 20.6%."""
    record = json.loads((files / "three_arms.json").read_text(encoding="utf-8"))
    none = [{"groupId": f"EG00{arm}", "numAffected": 0, "numAtRisk": 8} for arm in range(3)]
    record["resultsSection"]["adverseEventsModule"]["otherEvents"] = [
        {"term": term, "organSystem": "invented", "stats": none}
        for term in ("Dizziness", "Emotional distress", "Emotional blunting")
    ]
    study = read_clinicaltrials_gov(json.dumps(record), scales).study
    entries = ledger(report, *report.base.records, study)
    assert entries["S2"].verdict == "mixed"
    assert "distress 0 of 16 on ketamine (exact 95% interval 0.0% to 20.6%)" in entries["S2"].sentence
    assert "Emotional distress 0 of 16 on ketamine, 0 of 8 on control" in entries["S2"].sentence
    assert "Abdallah 2022 (158 people)" in entries["S2"].sentence
    mild = entries["S1"].parts[1]
    assert mild.verdict == "cannot be judged"
    assert "Dizziness 0 of 16 on ketamine" in mild.because
    assert "not how severe" in mild.because


def test_a_harm_is_rare_only_when_even_its_upper_limit_is(report):
    # 1 - 0.025^(1/1000) = 0.37% lies below one in a hundred; 1 - 0.025^(1/300) = 1.2% does not.
    assert rare(report, trial("one", 2000, harms=both((0, 1000)))).verdict == "supported"
    assert rare(report, trial("one", 600, harms=both((0, 300)))).verdict == "mixed"


def test_trials_that_count_nothing_keep_a_harm_from_being_called_rare_and_are_named(report):
    counted, silent = trial("one", 2000, harms=both((0, 1000))), trial("two", 600)
    entry = rare(report, counted, silent)
    assert entry.verdict == "mixed"
    assert "WITHOUT COUNTS: Invented two (600 people). Together 600 of 2600 people known." in entry.sentence


def test_a_trial_that_counts_one_of_two_harms_is_silent_on_the_other(report):
    half = trial("one", 2000, harms=both((0, 1000))[:1])
    entry = rare(report, half)
    assert entry.verdict == "mixed"
    assert "WITHOUT COUNTS: Invented one (2000 people, counted in part)" in entry.sentence


def test_a_frequent_harm_is_not_called_rare_and_the_control_stands_beside_it(report):
    entry = rare(report, trial("one", 200, harms=both((30, 100), (10, 100))))
    assert entry.verdict == "not supported"
    assert "Emotional distress 30 of 100 on ketamine, 10 of 100 on control" in entry.sentence


def test_two_names_of_one_harm_in_a_trial_are_added_up(report):
    names = [*both((1, 1000)), ("Psychological distress", (19, 1000), (0, 1000))]
    entry = rare(report, trial("one", 2000, harms=names))
    assert "distress 20 of 1000 on ketamine" in entry.sentence
    assert entry.verdict == "not supported"


@pytest.mark.parametrize(
    ("term", "counts"),
    [
        ("Respiratory distress", (0, 1000)),
        ("Emotional distress", (3, 0)),
        ("Emotional distress", (0, 0)),
        ("Emotional distress", (9, 8)),
    ],
)
def test_another_harm_and_a_count_without_its_people_are_no_count(report, term, counts):
    entry = rare(report, trial("one", 2000, harms=[(term, counts, (0, 1000))]))
    assert entry.verdict == "cannot be judged"
    assert "No randomised trial held here gives counts" in entry.sentence


def test_a_lowered_blood_pressure_is_no_rise(report):
    harms = [("Blood pressure decreased", (5, 10), (0, 10)), ("Hypertension", (2, 10), (1, 10))]
    mild = ledger(report, trial("one", 20, harms=harms))["S1"].parts[1]
    assert "Hypertension 2 of 10 on ketamine, 1 of 10 on control" in mild.because
    assert "decreased" not in mild.because


def test_a_retracted_trial_counts_for_nothing(report):
    held = trial("one", 2000, harms=both((0, 1000)), retracted=True)
    assert rare(report, held, trial("two", 20)).verdict == "cannot be judged"


def dissociation(name, people, passes):
    return trial(
        name, people, outcomes=[words(name, "harm", domain="dissociation", window="acute", passes=passes)]
    )


@pytest.mark.parametrize(
    ("coded", "verdict"),
    [
        ((True, True), "supported"),
        ((True, None), "mixed"),
        ((None, None), "cannot be judged"),
        ((True, False), "not supported"),
        ((None, False), "not supported"),
    ],
)
def test_a_harm_passes_only_where_the_words_were_coded_so(report, coded, verdict):
    records = [dissociation(f"t{at}", 100, passes) for at, passes in enumerate(coded)]
    assert ledger(report, *records)["S1"].parts[0].verdict == verdict


def test_while_a_fifth_of_the_people_are_in_trials_that_do_not_say_it_is_at_most_mixed(report):
    told = [dissociation("one", 100, True), dissociation("two", 100, True)]
    part = ledger(report, *told, trial("three", 50))["S1"].parts[0]
    assert part.verdict == "mixed"
    assert (
        part.not_in == "HOW LONG IS NOT SAID BY: Invented three (50 people). Together 50 of 250 people known."
    )


def test_only_words_that_name_hours_are_coded_in_the_records_held(report):
    coded = {
        outcome.id: outcome.finding
        for study in report.base.studies
        for outcome in study.outcomes
        if outcome.passes_within_hours is not None
    }
    assert set(coded) == {"abdallah2022_dissoc", "feder2014_dissociation"}
    assert all("2 h" in finding for finding in coded.values())
