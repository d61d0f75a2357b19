"""Verdicts on routes, on invented trials: they follow what the trials found, and can go every way."""

from __future__ import annotations

import pytest

from invented_trials import ledger, scores, trial, words

BENEFIT, NONE = (20, 30), (30, 30.5)


def given(name, route, means, n=60, window="end_of_course"):
    """A trial with scores of both arms; ten points lower is one SD."""
    return trial(name, 2 * n, route=route, outcomes=[scores(name, *means, n, window=window)])


def consistent(report, *records, says=None):
    return ledger(report, *records, says=says)["R1"].parts[1]


def two(route, *means):
    return [given(f"{route}{at}", route, each) for at, each in enumerate(means)]


def test_a_route_whose_trials_all_found_a_benefit_is_the_most_consistent_beside_one_whose_did_not(report):
    part = consistent(report, *two("IV", BENEFIT, BENEFIT), *two("IM", BENEFIT, NONE))
    assert part.verdict == "supported"
    assert "on other routes: IM 1 of 2" in part.because


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        ((BENEFIT, BENEFIT), (BENEFIT, BENEFIT), "not supported"),
        ((BENEFIT, NONE), (NONE, NONE), "mixed"),
        ((NONE, NONE), (BENEFIT, NONE), "not supported"),
        ((BENEFIT, BENEFIT), (BENEFIT,), "cannot be judged"),
        ((BENEFIT, NONE), (BENEFIT,), "not supported"),
        ((BENEFIT,), (BENEFIT, NONE), "cannot be judged"),
    ],
)
def test_consistency_is_judged_beside_other_routes(report, ours, theirs, verdict):
    assert consistent(report, *two("IV", *ours), *two("IM", *theirs)).verdict == verdict


def test_the_sentence_on_other_routes_counts_the_trials_held(report):
    alone = consistent(report, *two("IV", BENEFIT, NONE), *two("IM", BENEFIT))
    assert "No other route has two randomised trials that say" in alone.because
    assert "(IM 1)" in alone.because


def test_silent_trials_of_the_route_keep_it_from_being_called_most_consistent(report):
    silent = trial("big", 500, route="IV")
    part = consistent(report, *two("IV", BENEFIT, BENEFIT), *two("IM", NONE, NONE), silent)
    assert part.verdict == "mixed"
    assert "Invented big (500 people)" in part.not_in


def test_a_trial_that_itself_reports_no_difference_is_not_listed_with_a_benefit(report):
    records = [*two("IV", BENEFIT, BENEFIT), *two("IM", NONE, NONE)]
    part = consistent(report, *records, says=("severity_end", "IV1", "no_difference"))
    assert "with a benefit: Invented IV0; without a significant one: Invented IV1" in part.because
    assert part.verdict == "mixed"


def test_a_benefit_on_the_first_day_does_not_outweigh_no_difference_at_the_end(report):
    day = scores("IV9", *BENEFIT, 60, window="day_1") | {"instrument": "IES-R"}
    both = trial("IV9", 120, outcomes=[day, words("IV9", "no_difference")])
    assert ledger(report, both)["E2"].verdict != "cannot be judged"
    part = consistent(report, both)
    assert "with a benefit: none; without a significant one: Invented IV9" in part.because


def intranasal(report, *records):
    return ledger(report, *records)["R2"].parts[0]


@pytest.mark.parametrize(
    ("means", "verdict"),
    [
        ((), "cannot be judged"),
        (((30, 30.5), (30.2, 30)), "not supported"),
        (((36, 30), (36.5, 30)), "not supported"),
        (((25, 30), (25.2, 30)), "supported"),
        (((25, 30), (30, 30)), "not supported"),
    ],
)
def test_what_trials_of_a_route_found_decides_on_it_and_not_that_there_are_any(report, means, verdict):
    records = [given(f"n{at}", "intranasal", each, n=400) for at, each in enumerate(means)]
    part = intranasal(report, *records, *two("IV", BENEFIT, BENEFIT))
    assert part.verdict == verdict
    assert part.because.startswith(f"{len(means)} randomised trials of intranasal")


def test_a_clear_result_of_few_people_or_beside_a_null_trial_is_at_most_mixed(report):
    few = [given(f"n{at}", "intranasal", each, n=20) for at, each in enumerate(((20, 30), (20.2, 30)))]
    assert intranasal(report, *few).verdict == "mixed"
    many = [given(f"n{at}", "intranasal", each, n=400) for at, each in enumerate(((25, 30), (25.2, 30)))]
    null = trial("null", 10, route="intranasal", outcomes=[words("null", "no_difference")])
    part = intranasal(report, *many, null)
    assert part.verdict == "mixed"
    assert "Invented null (10 people)" in part.not_in


def test_one_late_trial_makes_a_gap_neither_whole_nor_closed(report):
    late = [given(f"late{at}", "IV", NONE, window="later") for at in range(2)]
    verdicts = [ledger(report, *late[:many])["G1"].verdict for many in range(3)]
    assert verdicts == ["supported", "mixed", "not supported"]
