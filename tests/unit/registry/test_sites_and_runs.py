"""Sites beside their expectation, and results over time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from openkap.registry.missing import CellTable
from openkap.registry.runchart import run_chart
from openkap.registry.sites import compare_sites, limits, mid_p, sum_of_binomials


def test_the_sum_of_equal_binomials_is_binomial() -> None:
    pmf = sum_of_binomials(np.array([3, 7]), np.array([0.3, 0.3]))
    assert pmf == pytest.approx(binom.pmf(np.arange(11), 10, 0.3), abs=1e-12)


def test_the_sum_of_two_coins_is_worked_out_by_hand() -> None:
    assert sum_of_binomials(np.array([1, 1]), np.array([0.5, 0.2])) == pytest.approx([0.4, 0.5, 0.1])


def test_mid_p_counts_half_of_the_point_itself() -> None:
    assert mid_p(np.array([0.4, 0.5, 0.1]), 2) == pytest.approx(0.1)


def test_limits_hold_the_nominal_share() -> None:
    pmf = binom.pmf(np.arange(1001), 1000, 0.4)
    low, high = limits(pmf, 0.05)
    assert (low, high) == pytest.approx((400 - 1.96 * 15.49, 400 + 1.96 * 15.49), abs=0.6)


def site(name: int, severity: str, n: int, hits: int) -> dict[str, object]:
    return {
        "site_id": name,
        "severity": severity,
        "due_w": n,
        "gone_w": 0,
        "seen_w": n,
        "change_w": 0.0,
        "square_w": 0.0,
        "response_w": hits,
    }


def test_a_site_with_severe_patients_is_compared_with_severe_patients() -> None:
    rows = [
        site(1, "mild", 200, 140),
        site(2, "severe", 200, 60),
        site(3, "mild", 100, 70),
        site(3, "severe", 100, 30),
    ]
    results = compare_sites(CellTable.of(rows, ("site_id", "severity"), (0, 80)), "w", "response")
    assert [each.expected for each in results] == pytest.approx([140, 60, 100], abs=1e-6)
    assert {each.signal for each in results} == {"none"}


def test_a_site_far_below_its_expectation_raises_an_alarm_and_a_careful_sentence() -> None:
    rows = [site(k, "mild", 200, 140) for k in range(1, 9)] + [site(9, "mild", 200, 90)]
    worst = compare_sites(CellTable.of(rows, ("site_id", "severity"), (0, 80)), "w", "response")[-1]
    assert worst.signal == "alarm"
    assert "Look first at who is missing" in worst.sentence()
    assert worst.hits / worst.seen < worst.shrunken < worst.overall


def test_a_small_site_is_pulled_further_than_a_large_one() -> None:
    rows = [site(k, "mild", 100, 40 + 4 * k) for k in range(1, 9)] + [
        site(9, "mild", 5, 5),
        site(10, "mild", 200, 200),
    ]
    by_site = {
        each.site: each
        for each in compare_sites(CellTable.of(rows, ("site_id", "severity"), (0, 80)), "w", "response")
    }
    assert by_site[9].shrunken < by_site[10].shrunken < 1


def test_a_shift_of_level_is_a_signal() -> None:
    chart = run_chart(
        [str(i) for i in range(24)],
        [*[0.5 + 0.001 * i for i in range(12)], *[0.7 + 0.001 * i for i in range(12)]],
    )
    # Anhoej & Olesen 2014, table 1: of 24 points a run above 8 or fewer than 8 crossings is a signal.
    assert (chart.longest_allowed, chart.fewest_allowed) == (8, 8)
    assert len(chart.signals) == 2


def test_points_that_go_up_and_down_are_no_signal() -> None:
    assert run_chart([str(i) for i in range(12)], [0.4, 0.6] * 6).signals == ()


def test_too_few_points_say_nothing() -> None:
    assert run_chart(["a", "b", "c"], [0.1, 0.2, 0.3]).signals == ()
