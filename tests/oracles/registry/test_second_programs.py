"""Survival, repeated measures and shrinkage against R, lifelines and statsmodels on the same data.

``pins.json`` is written by ``validation/registry/oracles.R``; its last entry names the versions.
"""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import logit

from openkap.registry.repeated import fit_mixed, fit_trajectory
from openkap.registry.sites import shrink
from openkap.registry.survival import aalen_johansen, count_by_day, kaplan_meier, turnbull

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "validation" / "registry" / "oracle_data"
PINS: dict[str, Any] = json.loads((HERE / "pins.json").read_text())
MARKS = [10, 30, 60, 90, 110]


def columns(name: str) -> dict[str, np.ndarray[Any, Any]]:
    with (DATA / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {key: np.array([float(row[key] or "nan") for row in rows]) for key in rows[0]}


def counted() -> tuple[Any, Any]:
    data = columns("times.csv")
    day, nobody = data["day"].astype(int), np.zeros(len(data["day"]), int)
    causes = [count_by_day(nobody, day, data["cause"] == k, np.ones(len(day)), 1, 120) for k in (1, 2)]
    return np.stack([events for events, _ in causes]), causes[0][1]


def test_kaplan_meier_with_log_log_limits_is_that_of_r_survival() -> None:
    events, at_risk = counted()
    curve = kaplan_meier(events[0], at_risk)
    # Closed forms: only the ten printed digits differ.
    for mine, pin in (
        (curve.value, "km"),
        (curve.low, "km_low"),
        (curve.high, "km_high"),
        (at_risk, "km_risk"),
    ):
        assert mine[0, MARKS] == pytest.approx(PINS[pin], rel=1e-9)


def test_aalen_johansen_is_that_of_r_survival() -> None:
    events, at_risk = counted()
    curves = aalen_johansen(events, at_risk)
    assert curves[0].value[0, MARKS] == pytest.approx(PINS["aj_1"], rel=1e-9)
    assert curves[1].value[0, MARKS] == pytest.approx(PINS["aj_2"], rel=1e-9)


def test_aalen_johansen_variance_is_that_of_lifelines() -> None:
    lifelines = pytest.importorskip("lifelines")
    data = columns("times.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Ties are broken at random by lifelines: it is given times without ties, and so are we.
        order = np.argsort(data["day"], kind="stable")
        day, cause = np.arange(1, len(order) + 1), data["cause"][order].astype(int)
        fit = lifelines.AalenJohansenFitter(calculate_variance=True).fit(day, cause, event_of_interest=1)
    nobody = np.zeros(len(day), int)
    pairs = [count_by_day(nobody, day, cause == k, np.ones(len(day)), 1, len(day)) for k in (1, 2)]
    curve = aalen_johansen(np.stack([events for events, _ in pairs]), pairs[0][1])[0]
    at = [50, 150, 250, 350]
    assert curve.value[0, at] == pytest.approx(fit.cumulative_density_.loc[at].to_numpy()[:, 0], rel=1e-9)
    value = curve.value[0, at]
    half = (np.log(np.log(curve.low[0, at]) / np.log(value))) / 1.959963984540054
    se = half * np.abs(value * np.log(value))
    # Two large-sample formulas for one variance: they differ by terms of order 1/n.
    assert se**2 == pytest.approx(np.ravel(fit.variance_.loc[at]), rel=0.03)


def test_turnbull_is_that_of_r_survival() -> None:
    data = columns("intervals.csv")
    fit = turnbull(
        data["left"], np.nan_to_num(data["right"], nan=np.inf), np.ones(len(data["left"])), tolerance=1e-12
    )
    low, high = fit.survival([14, 28, 56, 98, 154])
    # R stops its self-consistency at 1e-4 by default and rounds times; three digits agree.
    assert high == pytest.approx(low, abs=1e-6)
    assert low == pytest.approx(PINS["turnbull"], abs=2e-3)


def moments() -> list[dict[str, Any]]:
    data = columns("scores.csv")
    people = {int(person): {} for person in data["person"]}
    for person, time, score in zip(data["person"], data["time"], data["score"], strict=True):
        people[int(person)][int(time)] = float(score)
    rows: dict[str, dict[str, Any]] = {}
    for seen in people.values():
        pattern = "".join("1" if time in seen else "0" for time in range(4))
        row = rows.setdefault(pattern, {"pattern": pattern, "people": 0})
        row["people"] += 1
        for i in range(4):
            row[f"s_{i}"] = row.get(f"s_{i}", 0) + seen.get(i, 0)
            for j in range(i, 4):
                row[f"p_{i}_{j}"] = row.get(f"p_{i}_{j}", 0) + seen.get(i, 0) * seen.get(j, 0)
    return list(rows.values())


def test_the_repeated_measures_model_is_that_of_nlme() -> None:
    fit = fit_trajectory(moments(), 4, tolerance=1e-13)
    assert fit.converged
    assert fit.loglik == pytest.approx(PINS["mmrm_loglik"][0], abs=1e-4)
    # gls stops when its optimiser does; means agree to its tolerance.
    assert fit.mean == pytest.approx(PINS["mmrm_mean"], abs=2e-3)
    assert np.sqrt(np.diag(fit.mean_covariance)) == pytest.approx(PINS["mmrm_se"], rel=1e-3)


def test_the_mixed_model_is_that_of_lme4() -> None:
    data = columns("scores.csv")
    fit = fit_mixed(data["score"], data["person"], {"time": data["time"]}, random=["time"])
    assert fit.converged
    assert fit.estimate == pytest.approx(PINS["lmer_fixed"], abs=2e-3)
    assert fit.se == pytest.approx(PINS["lmer_se"], rel=5e-3)
    assert fit.random_covariance.ravel() == pytest.approx(PINS["lmer_random"], rel=0.02, abs=0.05)
    assert fit.residual_variance == pytest.approx(PINS["lmer_residual"][0], rel=5e-3)


def test_shrunken_sites_order_and_pull_like_lme4() -> None:
    data = columns("sites.csv")
    where = data["site"].astype(int)
    offset = PINS["glm"][0] + PINS["glm"][1] * data["group"]
    shrunken = shrink(where, data["people"], data["hits"], offset, 30)
    centre = offset @ data["people"] / data["people"].sum()
    effects = np.array([logit(rate) for rate, _, _ in shrunken]) - centre - PINS["glmer_mu"][0]
    # lme4 prints modes of the effect, we the mean of the rate: near for sites of thirty and more people.
    assert effects == pytest.approx(PINS["glmer_modes"], abs=0.05)
