"""Looking after every study: how often is a true null rejected? Writes type1.csv and a figure.

PYTHONPATH=src:. python validation/sequential/simulate.py [--sets 4000]
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path

import numpy as np
from scipy.special import ndtr
from validation.figure import chart

from openkap.evidence import alpha_boundaries, pool_many
from openkap.evidence.sequential import sequence_many

HERE = Path(__file__).parent
SEED = 20261123
LOOKS = 20
SHOWN = (2, 3, 5, 10, 15, 20)
TAU2 = (0.0, 0.05, 0.2)
TAU2_MAX = 0.25


def ever(hit: np.ndarray) -> np.ndarray:
    """The share of sets that rejected at or before each look."""
    return np.maximum.accumulate(hit, axis=1).mean(axis=0)


def looks(y: np.ndarray, v: np.ndarray, method: str, test: str) -> tuple[np.ndarray, np.ndarray]:
    """p-values and z after 2, 3, ... studies; the first look cannot pool."""
    p, z = np.ones(y.shape), np.zeros(y.shape)
    for k in range(2, LOOKS + 1):
        fit = pool_many(y[:, :k], v[:, :k], method, test)
        p[:, k - 1], z[:, k - 1] = fit.p_value, fit.estimate / fit.se
    return p, z


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=4_000)
    n = parser.parse_args().sets
    rng = np.random.default_rng(SEED)
    rows = []
    for tau2 in TAU2:
        v = 0.1 * np.exp(rng.normal(0, 0.5, (n, LOOKS)))
        y = rng.normal(0, 1, (n, LOOKS)) * np.sqrt(v + tau2)
        wald, z = looks(y, v, "REML", "z")
        knapp, _ = looks(y, v, "REML", "knha")
        boundary = alpha_boundaries([(look + 1) / LOOKS for look in range(LOOKS)])
        _, common = looks(y, v, "CE", "z")
        low, high = sequence_many(y, v, tau2_max=TAU2_MAX, prior_sd=0.5, level=0.95)
        rules = {
            "Wald at every look": wald < 0.05,
            "Knapp-Hartung at every look": knapp < 0.05,
            "alpha spending, Wald": np.abs(z) >= boundary,
            "alpha spending, Knapp-Hartung": knapp <= 2 * ndtr(-boundary),
            "confidence sequence": (low > 0) | (high < 0),
        }
        if math.isclose(tau2, 0.0):
            rules["alpha spending, common effect"] = np.abs(common) >= boundary
        for name, hit in rules.items():
            rows += [(tau2, look, name, float(ever(hit)[look - 1]), n) for look in SHOWN]
    with (HERE / "type1.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("tau2", "looks", "rule", "type1", "sets"))
        writer.writerows(rows)
    for tau2 in TAU2:
        names = list(dict.fromkeys(row[2] for row in rows if row[0] == tau2))
        chart(
            HERE / f"type1_tau2_{tau2:g}.svg",
            f"Chance of rejecting a true null by look, tau2 = {tau2:g}",
            SHOWN,
            {name: [row[3] for row in rows if row[0] == tau2 and row[2] == name] for name in names},
            x_name="looks so far (one after each study)",
            y_name="type-I error",
            y_range=(0.0, 0.4),
            reference=0.05,
        )


if __name__ == "__main__":
    main()
