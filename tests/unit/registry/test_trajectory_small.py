"""The repeated-measures model of very few people: either it holds, or it says why it cannot."""

from __future__ import annotations

from itertools import combinations_with_replacement, product

import numpy as np
import pytest

from openkap.core.errors import InputError
from openkap.registry.repeated import fit_trajectory


def pattern_rows(scores):
    """The moments of each pattern, from people by times; ``None`` was not seen."""
    rows = {}
    for person in scores:
        pattern = "".join("0" if score is None else "1" for score in person)
        row = rows.setdefault(pattern, {"pattern": pattern, "people": 0})
        row["people"] += 1
        filled = [score or 0.0 for score in person]
        for i, score in enumerate(filled):
            row[f"s_{i}"] = row.get(f"s_{i}", 0.0) + score
            for j in range(i, len(filled)):
                row[f"p_{i}_{j}"] = row.get(f"p_{i}_{j}", 0.0) + score * filled[j]
    return list(rows.values())


@pytest.mark.parametrize(
    "scores",
    [
        [(50, 40), (40, 30)],
        [(50, 40), (40, 40)],
        [(50, 40, None), (44, 30, None), (41, 37, 20), (39, 25, 26)],
        [(50, 40, 30), (40, 31, 22), (30, 22, 14), (20, None, None)],
    ],
    ids=["two people are a line", "a time without spread", "two people at the last time", "a plane"],
)
def test_people_too_few_for_a_covariance_are_refused_in_words(scores):
    with pytest.raises(InputError, match="few"):
        fit_trajectory(pattern_rows(scores), len(scores[0]))


def test_no_small_set_of_scores_breaks_the_model():
    """Four people of whom each has one of two scores, or none, at two later times."""
    kinds = list(product((50.0,), (40.0, 31.0, None), (20.0, 33.0, None)))
    fitted = 0
    for people in combinations_with_replacement(kinds, 4):
        scores = [(50.0 - 3 * place, *person[1:]) for place, person in enumerate(people)]
        try:
            fit = fit_trajectory(pattern_rows(scores), 3, tolerance=1e-6)
        except InputError:
            continue
        fitted += 1
        assert np.isfinite(fit.mean).all()
        assert (np.diag(fit.mean_covariance) > 0).all()
    assert fitted > 10
