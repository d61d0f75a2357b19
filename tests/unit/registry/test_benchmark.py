"""Our trajectory beside the trials' active arms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from made_up_trials import severity, trial
from openkap.evidence.base import Base, read_base
from openkap.registry.benchmark import (
    ActiveArm,
    PooledArms,
    adjust,
    benchmark,
    borrow,
    groups_at,
    judge,
    pool_arms,
    randomised_contrasts,
    read_plan,
)
from openkap.registry.missing import Estimate, Interval
from openkap.registry.repeated import Trajectory

BASE, PLAN = read_base(), read_plan()
PAIRS = {pair.window: pair for pair in PLAN.pairs}


def arm(change: float, se: float | None = 3.0, baseline: float | None = 50.0, n: int = 20) -> ActiveArm:
    return ActiveArm(
        "s", "Study", "ketamine", "open-label", "end", change, se, n, baseline, "printed change", "A", ()
    )


def clinic(value: float, half: float = 1.0) -> Estimate:
    interval = Interval(value, value - half, value + half)
    return Estimate(100, 0, 60, interval, 10.0, -40.0, interval, 20.0, unit="points")


def test_the_arm_of_duek_2023_stands_as_its_authors_posted_it() -> None:
    # facts/evidence/studies.yaml, duek2023_pcl5_chg_post: -18.46, SD 21.84, n 13, baseline 49.62.
    found = {each.study_id: each for each in groups_at(BASE, PLAN, PAIRS["w2"])}
    duek = found["duek2023"]
    assert (duek.change, duek.n, duek.baseline, duek.design) == (-18.46, 13, 49.62, "randomised")
    assert duek.se == pytest.approx(21.84 / math.sqrt(13))


def test_of_series_that_share_patients_only_one_stands() -> None:
    studies = [each for each in BASE.studies if each.overlap == "va-san-diego-esketamine"]
    assert len(studies) > 1
    shown = [each for each in groups_at(BASE, PLAN, PAIRS["w4"]) if each.study_id in {s.id for s in studies}]
    assert len(shown) == 1


def test_a_change_that_an_import_left_open_stands_beside_nothing() -> None:
    def groups(*reasons: str) -> list[str]:
        fell = severity("fell", ("-20", "-10"), statistic="change", unsettled=reasons)
        return [each.study_id for each in groups_at(Base((trial(fell),), {}), PLAN, PAIRS["w2"])]

    assert (groups(), groups("change-sign")) == (["made"], [])


def test_a_comparator_arm_never_enters() -> None:
    for pair in PLAN.pairs:
        for each in groups_at(BASE, PLAN, pair):
            assert "idazolam" not in each.arm


def test_a_contrast_is_randomised_and_has_its_sign_towards_ketamine() -> None:
    contrasts = {each.study: each for each in randomised_contrasts(BASE, PAIRS["w2"])}
    # Feder 2021, d 1.13 in favour of ketamine; Duek 2023 end of week, 3.92 points in favour of ketamine.
    assert contrasts["Feder 2021"].estimate > 0
    assert contrasts["Duek 2023"].estimate == pytest.approx(35.08 - 31.15, abs=0.02)


def test_arms_are_set_to_our_baseline_by_the_slope_of_change_on_baseline() -> None:
    assert adjust(arm(-20.0, baseline=60.0), 50.0, -0.4).adjusted == pytest.approx(-20 + -0.4 * (50 - 60))
    assert adjust(arm(-20.0, baseline=None), 50.0, -0.4).adjusted == -20


def test_a_borrowed_spread_says_so() -> None:
    borrowed = borrow(arm(-20.0, se=None, n=25), 15.0)
    assert borrowed.se == 3.0
    assert "borrowed" in borrowed.how
    assert borrow(arm(-20.0), 15.0) == arm(-20.0)


def test_two_arms_do_not_make_an_interval() -> None:
    assert pool_arms([adjust(arm(-20.0), 50, 0), adjust(arm(-25.0), 50, 0)], 10) is None


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [(-20.0, "inside"), (-41.0, "better"), (1.0, "worse"), (-40.5, "inside"), (0.5, "inside")],
)
def test_the_verdict_widens_the_prediction_by_our_own_uncertainty(ours: float, verdict: str) -> None:
    pooled = PooledArms(4, 80, -20.0, -26.0, -14.0, -40.0, 0.0, 8.0, ())
    # Ours has a half-width of 5: limits at -20 -/+ sqrt(20^2 + 5^2) = -40.6 and 0.6.
    assert judge(clinic(ours, 5.0), pooled) == verdict


def test_without_enough_arms_nothing_is_called_inside_or_outside() -> None:
    assert judge(clinic(-20.0), None) == "cannot say"


def test_the_benchmark_stores_both_fingerprints_and_says_what_it_cannot() -> None:
    covariance = np.array([[100.0, 50], [50, 200]])
    trajectory = Trajectory(np.array([52.0, 34.0]), covariance, covariance / 60, 60, 0.0, 1, True)
    result = benchmark(clinic(-18.0), trajectory, 1, PAIRS["w2"], BASE, PLAN, data_fingerprint="d" * 64)
    assert result.data_fingerprint == "d" * 64
    assert len(result.evidence_fingerprint) == 64
    assert result.slope == pytest.approx(-0.5)
    assert {each.design for each in result.arms} <= {"randomised", "open-label"}
    assert {each.design for each in result.real_world} <= {"real-world"}
    assert "It cannot say what the treatment caused" in " ".join(result.sentences)
    assert result.pooled is not None
    assert (
        result.pooled.prediction_low < result.pooled.low < result.pooled.high < result.pooled.prediction_high
    )
