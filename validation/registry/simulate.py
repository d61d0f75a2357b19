"""Simulations with known truth: what holds, at which rate, and where an assumption is broken on purpose.

Each run draws people from a superpopulation whose truth is known in closed form or by a very large draw, lets
outcomes go missing by a mechanism, and asks the same functions that the report asks.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

from openkap.evidence.bayes import bayes
from openkap.evidence.pooling import pool
from openkap.registry.missing import CellTable, estimate_change, estimate_rate
from openkap.registry.repeated import fit_trajectory
from openkap.registry.sites import compare_sites

FIGURES = Path(__file__).parent / "figures.json"
GROUPS = ("a", "b", "c", "d")
MEANS = np.array([-22.0, -16.0, -10.0, -4.0])
SHARES = np.array([0.35, 0.3, 0.2, 0.15])
SD = 14.0
ANSWER = np.array([0.8, 0.65, 0.45, 0.3])


def draw(rng: np.random.Generator, n: int, mechanism: str) -> tuple[CellTable, float, float]:
    """Cells of one draw, and its full-data response rate and mean change."""
    group = rng.choice(4, n, p=SHARES)
    baseline = 52.0
    change = np.clip(np.rint(rng.normal(MEANS[group], SD)), -baseline, 80 - baseline)
    odds = logit(ANSWER[group]) if mechanism != "mcar" else np.full(n, 0.2)
    if mechanism == "mnar":
        odds = odds - 0.06 * (change + 15)
    seen = rng.random(n) < expit(odds)
    rows = []
    for g, name in enumerate(GROUPS):
        here = group == g
        s = here & seen
        rows.append(
            {
                "g": name,
                "due_w": int(here.sum()),
                "gone_w": 0,
                "seen_w": int(s.sum()),
                "change_w": change[s].sum(),
                "square_w": (change[s] ** 2).sum(),
                "response_w": int((change[s] <= -15).sum()),
            }
        )
    return CellTable.of(rows, ("g",), (0, 80)), float((change <= -15).mean()), float(change.mean())


def truth() -> tuple[float, float]:
    rng = np.random.default_rng(99)
    _, rate, mean = draw(rng, 4_000_000, "mcar")
    return rate, mean


def missing_outcomes(runs: int, n: int = 400) -> dict[str, dict[str, float]]:
    rate, mean = truth()
    figures = {}
    for mechanism in ("mcar", "mar", "mnar"):
        rng = np.random.default_rng([7, len(mechanism), ord(mechanism[1])])
        hits = {"rate_bounds": 0, "change_bounds": 0, "rate_interval": 0, "change_interval": 0}
        errors = {"weighted": [], "observed": []}
        for _ in range(runs):
            table, full_rate, full_mean = draw(rng, n, mechanism)
            r, c = estimate_rate(table, "w", "response"), estimate_change(table, "w")
            hits["rate_bounds"] += r.worst <= full_rate <= r.best
            hits["change_bounds"] += c.best <= full_mean <= c.worst
            hits["rate_interval"] += r.weighted.low <= rate <= r.weighted.high
            hits["change_interval"] += c.weighted.low <= mean <= c.weighted.high
            errors["weighted"].append(c.weighted.value - mean)
            errors["observed"].append(c.observed.value - mean)
        figures[mechanism] = {
            **{name: count / runs for name, count in hits.items()},
            "bias_weighted_points": float(np.mean(errors["weighted"])),
            "bias_weighted_mc_error": float(np.std(errors["weighted"]) / np.sqrt(runs)),
            "bias_observed_points": float(np.mean(errors["observed"])),
        }
    return figures


def funnel(runs: int, sites: int = 40) -> dict[str, float]:
    """Share of sites flagged when none truly differs, small and large sites alike."""
    rng = np.random.default_rng(11)
    flags, total = {"warning": 0, "alarm": 0}, 0
    for _ in range(runs):
        rows = []
        for site in range(sites):
            for level, p in (("mild", 0.6), ("severe", 0.35)):
                n = int(rng.integers(2, 80))
                rows.append(
                    {
                        "site_id": site,
                        "severity": level,
                        "due_w": n,
                        "gone_w": 0,
                        "seen_w": n,
                        "change_w": 0.0,
                        "square_w": 0.0,
                        "response_w": int(rng.binomial(n, p)),
                    }
                )
        for each in compare_sites(CellTable.of(rows, ("site_id", "severity"), (0, 80)), "w", "response"):
            total += 1
            flags["warning"] += each.p_value < 0.05
            flags["alarm"] += each.p_value < 0.002
    return {"sites": total, **{name: count / total for name, count in flags.items()}}


def trajectory(runs: int, n: int = 300) -> dict[str, float]:
    """Coverage of the mean change at the last time, scores missing at random given earlier ones."""
    mean = np.array([52.0, 36, 33, 35])
    covariance = np.array(
        [[120, 60, 50, 40], [60, 150, 90, 70], [50, 90, 170, 100], [40, 70, 100, 200]], float
    )
    rng = np.random.default_rng(13)
    hits, errors, observed = 0, [], []
    for _ in range(runs):
        y = rng.multivariate_normal(mean, covariance, n)
        seen = np.ones((n, 4), bool)
        for time in (1, 2, 3):
            # Who did badly last time is likelier to be gone for good.
            seen[:, time] = seen[:, time - 1] & (rng.random(n) < expit(1.6 - 0.06 * (y[:, time - 1] - 40)))
        rows = {}
        for person, marks in zip(y, seen, strict=True):
            pattern = "".join("1" if mark else "0" for mark in marks)
            row = rows.setdefault(
                pattern, {"pattern": pattern, "people": 0, "s": np.zeros(4), "p": np.zeros((4, 4))}
            )
            filled = np.where(marks, person, 0)
            row["people"] += 1
            row["s"] += filled
            row["p"] += np.outer(filled, filled)
        flat = [
            {
                "pattern": row["pattern"],
                "people": row["people"],
                **{f"s_{i}": row["s"][i] for i in range(4)},
                **{f"p_{i}_{j}": row["p"][i, j] for i in range(4) for j in range(i, 4)},
            }
            for row in rows.values()
        ]
        value, low, high = fit_trajectory(flat, 4).change(3)
        hits += low <= -17 <= high
        errors.append(value + 17)
        observed.append(float((y[seen[:, 3], 3] - y[seen[:, 3], 0]).mean()) + 17)
    return {
        "coverage": hits / runs,
        "bias_points": float(np.mean(errors)),
        "bias_observed_points": float(np.mean(observed)),
    }


def benchmark(runs: int, tau_scale: float = 10.0) -> dict[str, dict[str, float]]:
    """How often the prediction interval of k arms holds the true mean of one more group.

    Between-arm spreads are drawn from 2 to 12 points, about what published groups show; the usual interval
    (REML, Knapp-Hartung) is given beside ours.
    """
    figures = {}
    for k in (3, 5, 10):
        rng = np.random.default_rng([17, k])
        ours = usual = 0
        for _ in range(runs):
            tau, se = rng.uniform(2, 12), rng.uniform(2, 5, k)
            arms = rng.normal(-20, tau, k) + rng.normal(0, se)
            one_more = rng.normal(-20, tau)
            mine = bayes(arms, se**2, tau_scale=tau_scale)
            other = pool(arms, se**2, method="REML", test="knha")
            ours += mine.prediction_low <= one_more <= mine.prediction_high
            usual += other.prediction_low <= one_more <= other.prediction_high
        figures[f"{k} arms"] = {"coverage": ours / runs, "coverage_reml_knha": usual / runs}
    return figures


def show(figures: dict[str, object]) -> None:
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--only", nargs="*", help="missing, funnel, trajectory, benchmark")
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    if not arguments.show:
        runs = arguments.runs
        parts = {
            "missing": lambda: missing_outcomes(runs * 5),
            "funnel": lambda: funnel(max(runs // 10, 5)),
            "trajectory": lambda: trajectory(runs),
            "benchmark": lambda: benchmark(runs),
        }
        known = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
        for name in arguments.only or parts:
            known[name] = {"runs": runs, **parts[name]()}
        FIGURES.write_text(json.dumps(known, indent=1) + "\n")
    show(json.loads(FIGURES.read_text()))
