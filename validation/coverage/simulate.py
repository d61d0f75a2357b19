"""How often do the intervals contain the truth? Writes coverage.csv and one figure a question.

PYTHONPATH=src:. python validation/coverage/simulate.py [--sets 10000]
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from validation.figure import chart

from openkap.evidence import pool_many

HERE = Path(__file__).parent
SEED = 20261123
STUDIES = (2, 3, 5, 10, 20, 40)
# relative heterogeneity: I2 near 0, 50 and 90 percent for a typical variance of 0.1
TAU2 = (0.0, 0.1, 0.9)
TRUTH = 0.3
CHOICES = {
    "CE, z": ("CE", "z"),
    "DL, z": ("DL", "z"),
    "REML, z": ("REML", "z"),
    "REML, knha": ("REML", "knha"),
    "REML, adhoc": ("REML", "adhoc"),
    "PM, knha": ("PM", "knha"),
}


def draw(rng: np.random.Generator, k: int, tau2: float, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Estimates, variances, and the true effect of one more study for each set."""
    v = 0.1 * np.exp(rng.normal(0, 0.7, (n, k)))
    y = TRUTH + rng.normal(0, 1, (n, k)) * np.sqrt(tau2 + v)
    return y, v, TRUTH + rng.normal(0, 1, n) * np.sqrt(tau2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=10_000)
    n = parser.parse_args().sets
    rng = np.random.default_rng(SEED)
    rows = []
    for tau2 in TAU2:
        for k in STUDIES:
            y, v, new = draw(rng, k, tau2, n)
            for name, (method, test) in CHOICES.items():
                fit = pool_many(y, v, method, test)
                inside = (fit.ci_low <= TRUTH) & (fit.ci_high >= TRUTH)
                ahead = (fit.prediction_low <= new) & (fit.prediction_high >= new)
                width = float(np.median(fit.ci_high - fit.ci_low))
                rows.append((tau2, k, name, float(inside.mean()), float(ahead.mean()), width, n))
    with (HERE / "coverage.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("tau2", "k", "method", "coverage", "prediction_coverage", "median_width", "sets"))
        writer.writerows(rows)
    for tau2 in TAU2:
        for column, what in ((3, "confidence"), (4, "prediction")):
            lines = {
                name: [row[column] for row in rows if row[0] == tau2 and row[2] == name] for name in CHOICES
            }
            chart(
                HERE / f"{what}_tau2_{tau2:g}.svg",
                f"Coverage of 95% {what} intervals, tau2 = {tau2:g}",
                STUDIES,
                lines,
                x_name="studies",
                y_name="coverage",
                y_range=(0.5, 1.0),
                reference=0.95,
            )


if __name__ == "__main__":
    main()
