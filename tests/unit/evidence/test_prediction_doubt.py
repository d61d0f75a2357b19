"""A prediction interval from few studies says how far simulation shows it to fall short."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from openkap import evidence as ev
from openkap.evidence.doubts import PREDICTION_COVERAGE

TABLE = Path(__file__).parents[3] / "validation" / "coverage" / "coverage.csv"
SIMULATED = {4: (2, 3, 5), 10: (5, 10), 20: (10, 20)}


def fit(k, **choice):
    return ev.pool([0.1 * (i % 5) for i in range(k)], [0.02 + 0.001 * i for i in range(k)], **choice)


def doubt(fitted):
    return next((each.text for each in fitted.warnings if each.code == "prediction_interval"), None)


@pytest.mark.parametrize("k", [3, 5, 7, 10, 20])
@pytest.mark.parametrize("test", ["z", "t", "knha", "adhoc"])
def test_up_to_twenty_studies_the_fit_says_its_prediction_interval_is_too_narrow(k, test):
    assert "validation/coverage" in doubt(fit(k, test=test))


def test_beyond_twenty_it_is_silent_and_a_common_effect_predicts_nothing():
    assert doubt(fit(21)) is None
    assert "predicts nothing" in doubt(fit(30, method="CE"))


def test_the_shares_are_those_of_the_simulation():
    rows = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))
    for limit, shares in PREDICTION_COVERAGE:
        for test, share in shares.items():
            held = [
                float(row["prediction_coverage"])
                for row in rows
                if row["method"] == f"REML, {test}"
                and int(row["k"]) in SIMULATED[limit]
                and float(row["tau2"]) > 0
            ]
            assert min(held) == pytest.approx(share, abs=0.005)
