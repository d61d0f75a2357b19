"""Estimates with the missing counted in."""

from __future__ import annotations

import numpy as np
import pytest

from openkap.registry.missing import (
    CellTable,
    Estimate,
    Interval,
    estimate_change,
    estimate_rate,
    model_answers,
    wilson,
)


def cells(*rows: dict[str, object]) -> CellTable:
    full = [{"gone_w": 0, "remission_w": 0, "deterioration_w": 0, **row} for row in rows]
    return CellTable.of(full, ("age",), (0, 80))


YOUNG_AND_OLD = cells(
    {"age": "young", "due_w": 100, "seen_w": 80, "response_w": 60, "change_w": -1600, "square_w": 40000},
    {"age": "old", "due_w": 100, "seen_w": 20, "response_w": 5, "change_w": -100, "square_w": 2500},
)


def test_the_weighted_rate_gives_each_group_its_share_of_people_due() -> None:
    # By hand: 100 young at 60/80 and 100 old at 5/20 are (0.75 + 0.25) / 2.
    estimate = estimate_rate(YOUNG_AND_OLD, "w", "response")
    assert estimate.weighted.value == pytest.approx(0.5, abs=1e-9)
    assert estimate.observed.value == pytest.approx(0.65)


def test_the_weighted_mean_change_gives_each_group_its_share_of_people_due() -> None:
    estimate = estimate_change(YOUNG_AND_OLD, "w")
    assert estimate.weighted.value == pytest.approx((-20 - 5) / 2, abs=1e-8)


def test_the_interval_of_a_saturated_model_is_that_of_a_stratified_mean() -> None:
    # With one parameter per group the weighted mean is the post-stratified one; its variance given the groups
    # is the sum of W^2 s^2 / n (Cochran 1977, Sampling techniques, 5.3), and the groups' sizes are as drawn.
    estimate = estimate_change(YOUNG_AND_OLD, "w")
    within = 0.25 * (40000 / 80 - 400) / 80 + 0.25 * (2500 / 20 - 25) / 20
    between = (0.5 * (-20 + 12.5) ** 2 + 0.5 * (-5 + 12.5) ** 2) / 200
    half = 1.959964 * np.sqrt(within + between)
    assert estimate.weighted.high is not None
    assert estimate.weighted.high - (-12.5) == pytest.approx(half, rel=1e-6)


def test_bounds_hold_every_way_the_missing_may_have_gone() -> None:
    estimate = estimate_rate(YOUNG_AND_OLD, "w", "response")
    assert (estimate.worst, estimate.best) == (65 / 200, 165 / 200)


def test_bounds_of_worsening_put_the_worse_end_first() -> None:
    estimate = estimate_rate(YOUNG_AND_OLD, "w", "deterioration")
    assert (estimate.worst, estimate.best) == (100 / 200, 0)


def test_the_tipping_point_brings_the_upper_limit_to_nothing() -> None:
    estimate = estimate_change(YOUNG_AND_OLD, "w")
    assert estimate.tipping is not None
    assert estimate.weighted.high is not None
    assert estimate.weighted.high + 0.5 * estimate.tipping == pytest.approx(0)


def test_nobody_missing_has_no_tipping_point_and_no_width_of_bounds() -> None:
    table = cells(
        {"age": "a", "due_w": 40, "seen_w": 40, "response_w": 10, "change_w": -400, "square_w": 8000}
    )
    estimate = estimate_rate(table, "w", "response")
    assert estimate.tipping is None
    assert estimate.worst == estimate.best == estimate.weighted.value == 0.25


def test_the_observed_rate_cannot_stand_alone() -> None:
    with pytest.raises(TypeError):
        Estimate(due=10, died_before=0, seen=5, observed=Interval(0.5, 0.2, 0.8))  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="bounds"):
        Estimate(10, 0, 5, Interval(0.5, 0.2, 0.8), None, None, Interval(0.5, 0.2, 0.8), None)
    given = estimate_rate(YOUNG_AND_OLD, "w", "response").as_dict()
    assert {"observed", "completeness", "bounds", "weighted", "tipping_points", "missing"} <= set(given)


def test_a_group_too_small_to_model_is_weighted_like_the_commonest_and_says_so() -> None:
    table = cells(
        {"age": "young", "due_w": 100, "seen_w": 80, "response_w": 60, "change_w": 0, "square_w": 0},
        {"age": "old", "due_w": 10, "seen_w": 2, "response_w": 1, "change_w": 0, "square_w": 0},
    )
    assert model_answers(table, "w").warnings == ("age old: 2 of 10 seen, weighted like young",)


def test_nobody_due_gives_an_estimate_that_says_so() -> None:
    estimate = estimate_rate(CellTable.of([], ("age",), (0, 80)), "w", "response")
    assert estimate.completeness is None
    assert estimate.sentence() == "Nobody was due for this outcome."


def test_wilson_gives_the_published_example() -> None:
    # Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E, table I: 81 of 263.
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_the_sentence_puts_the_missing_beside_the_number() -> None:
    said = estimate_rate(YOUNG_AND_OLD, "w", "response").sentence()
    assert "100 of 200 seen (50 %)" in said
    assert "between 32 % and 82 %" in said
    assert "points worse" in said
