"""Curves from counts, against arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest

from openkap.registry.survival import aalen_johansen, count_by_day, kaplan_meier, turnbull


def test_survival_multiplies_what_is_left_of_those_at_risk() -> None:
    day, event = np.array([1, 2, 2, 3]), np.array([True, True, False, True])
    events, at_risk = count_by_day(np.zeros(4, int), day, event, np.ones(4), 1, 4)
    curve = kaplan_meier(events, at_risk)
    assert curve.value[0].tolist() == pytest.approx([1, 0.75, 0.5, 0, 0])
    assert curve.median()[0] == 2


def test_incidences_of_all_causes_and_survival_add_up_to_one() -> None:
    rng = np.random.default_rng(5)
    day, cause = rng.integers(1, 30, 200), rng.integers(0, 3, 200)
    counted = [count_by_day(np.zeros(200, int), day, cause == k, np.ones(200), 1, 30) for k in (1, 2)]
    curves = aalen_johansen(np.stack([events for events, _ in counted]), counted[0][1])
    everything = kaplan_meier(counted[0][0] + counted[1][0], counted[0][1])
    assert np.allclose(curves[0].value + curves[1].value + everything.value, 1)


def test_a_group_with_nobody_keeps_its_curve_at_one() -> None:
    events, at_risk = count_by_day(np.array([0]), np.array([2]), np.array([True]), np.ones(1), 2, 4)
    assert kaplan_meier(events, at_risk).value[1].tolist() == [1] * 5


def test_exact_times_make_turnbull_the_kaplan_meier_curve() -> None:
    left, right = np.array([1.0, 2, 3, 2]), np.array([1.0, 2, 3, np.inf])
    low, high = turnbull(left, right, np.ones(4)).survival([1, 2, 3])
    assert low == pytest.approx([0.75, 0.5, 0], abs=1e-6)
    assert high == pytest.approx(low, abs=1e-6)


def test_between_two_visits_the_curve_is_a_range() -> None:
    fit = turnbull(np.array([10.0]), np.array([20.0]), np.array([3.0]))
    low, high = fit.survival([10, 15, 20])
    assert low.tolist() == [1, 0, 0]
    assert high.tolist() == [1, 1, 0]
