"""The data sets of the oracles, drawn once with a fixed seed and kept as CSV beside the R script."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent / "oracle_data"


def write(name: str, header: list[str], rows: list[list[object]]) -> None:
    HERE.mkdir(exist_ok=True)
    with (HERE / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


rng = np.random.default_rng(20261123)
n = 400
day = rng.integers(1, 120, n)
cause = rng.choice([0, 1, 2], n, p=[0.35, 0.4, 0.25])
write("times.csv", ["day", "cause"], [[int(d), int(c)] for d, c in zip(day, cause, strict=True)])

true = rng.exponential(60, 200)
visits = np.arange(0, 201, 14)
rows: list[list[object]] = []
for t in true:
    after = visits[visits >= t]
    left = int(visits[visits < t].max())
    rows.append([left, int(after[0]) if len(after) and rng.random() > 0.2 else ""])
write("intervals.csv", ["left", "right"], rows)

covariance = np.array([[120, 60, 50, 40], [60, 150, 90, 70], [50, 90, 170, 100], [40, 70, 100, 200]], float)
scores = rng.multivariate_normal([52, 36, 33, 35], covariance, 250)
missing = rng.random((250, 4)) < np.column_stack(
    [np.zeros(250), *(1 / (1 + np.exp(-(scores[:, 0] - 58) / 8)),) * 3]
)
rows = []
for person in range(250):
    for time in range(4):
        if not missing[person, time]:
            rows.append([person, time, round(float(scores[person, time]), 1)])
write("scores.csv", ["person", "time", "score"], rows)

sites = []
for site in range(30):
    effect = rng.normal(0, 0.5)
    for group in (0, 1):
        people = int(rng.integers(5, 60))
        p = 1 / (1 + np.exp(-(-0.3 + 0.8 * group + effect)))
        sites.append([site, group, people, int(rng.binomial(people, p))])
write("sites.csv", ["site", "group", "people", "hits"], sites)
