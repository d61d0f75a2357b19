"""What stands beside a number: which side it favours, what its own report says, and who is not in it."""

from __future__ import annotations

import pytest

from invented_trials import ledger, scores, spoken, trial, words
from openkap.evidence.report.assemble import headline
from openkap.evidence.wording import effect, loud, own_said


@pytest.fixture(scope="module")
def entries(report):
    return {entry.claim.id: entry for entry in report.entries}


def clear(name, n=400, at=0.0):
    """A large trial with half an SD and more in favour of ketamine."""
    return trial(name, 2 * n, outcomes=[scores(name, 23 + at, 30, n)])


def test_every_number_of_ours_says_which_side_it_favours(report):
    for answer in report.answers.by_id.values():
        if answer.estimate is not None:
            assert any(word in effect(answer) for word in ("favours ketamine", "more on ketamine", "a fall"))


def test_the_headline_says_which_side_its_numbers_favour(report):
    said = [each for each in headline(report) if "g 0." in each]
    assert len(said) == 2
    assert all("above 0 favours ketamine" in each for each in said)


def test_published_values_of_opposite_sign_are_told_apart(entries):
    values = {each["id"]: each["value"] for key in entries for each in entries[key].as_dict()["published"]}
    # Directions as the reviews print them: Borgogna positive, Sicignano negative, odds of harms above one.
    assert values["borgogna2024_all"].endswith("Hedges g 0.27 (0.03 to 0.51), above 0 favours ketamine")
    assert values["sicignano2024_caps"].endswith(
        "(\N{MINUS SIGN}14.95 to \N{MINUS SIGN}6.32), below 0 favours ketamine"
    )
    assert values["sicignano2024_dizziness"].endswith("above 1 is more on ketamine")
    assert values["sicignano2024_relapse"].endswith("above 0 is longer on ketamine")
    assert "0.27 (0.03 to 0.51), above 0 favours ketamine;" in entries["E3"].sentence


def test_a_change_over_time_is_not_said_to_favour_ketamine(report):
    review, value = report.syntheses.estimate("kwan2024_pcl5")
    assert review.sentence(value).endswith("below 0 is a fall")


def test_every_published_number_has_a_side(report):
    for review in report.syntheses.reviews:
        for estimate in review.estimates:
            assert bool(review.side(estimate)) == (estimate.estimate is not None), estimate.id


def test_two_large_clear_trials_support_and_their_own_no_difference_takes_it_back(report):
    records = clear("one"), clear("two", at=0.5)
    alone = ledger(report, *records)
    assert (alone["E3"].verdict, alone["E3"].parts[0].verdict) == ("supported", "supported")
    taken = ledger(report, *records, says=("severity_end", "one", "no_difference"))["E3"]
    assert taken.verdict == "mixed"
    assert "their own reports say: Invented one (invented no_difference)." in taken.sentence


def test_a_clear_pool_beside_one_small_trial_that_saw_none_does_not_support(report):
    null = trial("null", 10, outcomes=[words("null", "no_difference")])
    entry = ledger(report, clear("one"), clear("two", at=0.5), null)["E3"]
    assert entry.verdict == "mixed"


def test_a_benefit_of_their_own_words_adds_nothing_to_a_number(report):
    records = [trial(name, 120, outcomes=[scores(name, 30, 30, 60)]) for name in ("one", "two")]
    glad = ledger(report, *records, says=("severity_month_1", "one", "benefit"))
    assert glad["D2"].parts[0].verdict == ledger(report, *records)["D2"].parts[0].verdict


def test_a_trial_whose_days_are_told_is_not_among_those_not_told(entries):
    part = entries["D2"].parts[1]
    assert "Pradhan 2018: Ketamine + TIMBER 34.44" in part.because
    assert part.not_in.startswith("NOT TOLD HERE: Abdallah 2022 (158 people)")
    assert "Pradhan 2018" not in part.not_in
    # 20 of the 360 people are Pradhan 2018's.
    assert part.not_in.endswith("Together 340 of 360 people known.")
    assert "Pradhan 2018 (not pooled)" in part.trials


def test_a_question_without_any_number_does_not_speak_of_this_number(report):
    empty = report.answers.get("response_duration")
    assert loud(empty).startswith("WITHOUT A NUMBER: Abdallah 2022 (158 people)")
    assert loud(report.answers.get("severity_end")).startswith("NOT IN THIS NUMBER: ")


def test_a_study_that_says_it_twice_is_told_once(report):
    answers = report.answers
    for said in ("no interaction; no means printed", "no interaction", "no interaction"):
        answers = spoken(answers, "severity_end", "one", "no_difference", said=said)
    told = own_said(answers.get("severity_end"))
    assert "Invented one (no interaction; no means printed)" in told
    assert told.count("no interaction") == 1
