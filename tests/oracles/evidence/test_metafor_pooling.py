"""Agreement with metafor 3.8 on every estimator x test x data set; pinned by ``make oracles``."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from openkap.evidence import meta_regression, pool, pool_many, q_profile

ORACLE = json.loads(Path(__file__).with_name("pooling.json").read_text())
SETS = ORACLE["sets"]
METHODS = ("CE", "DL", "HE", "HS", "SJ", "ML", "REML", "EB", "PM")
TESTS = ("z", "t", "knha", "adhoc")

# metafor stops its Fisher scoring when tau2 moves by less than 1e-13; what is left is rounding of its dense
# algebra, at worst 5e-10 of the value.
RELATIVE = 2e-9
# values that are 0 up to rounding, such as a p-value of 1e-20
ABSOLUTE = 1e-11

POOL_NAMES = {"beta": "estimate", "pval": "p_value"}
REGRESSION_NAMES = {"pval": "p_values", "q": "qe", "q_p": "qe_p"}


def agree(fit: object, pinned: dict[str, object], names: dict[str, str]) -> None:
    for quantity, value in pinned.items():
        if value is not None and value != "NA":
            ours = getattr(fit, names.get(quantity, quantity))
            np.testing.assert_allclose(
                np.ravel(ours), np.ravel(value), rtol=RELATIVE, atol=ABSOLUTE, err_msg=quantity
            )


def test_the_grid_is_whole() -> None:
    assert ORACLE["metafor"] == "3.8.1"
    assert len(SETS) >= 25
    for entry in SETS.values():
        assert set(entry["fits"]) == {f"{m} {t}" for m, t in itertools.product(METHODS, TESTS)}
        assert not any("failed" in fit for fit in entry["fits"].values())


@pytest.mark.parametrize("name", SETS)
def test_pooling_agrees_with_metafor(name: str) -> None:
    entry = SETS[name]
    for key, pinned in entry["fits"].items():
        agree(pool(entry["yi"], entry["vi"], *key.split()), pinned, POOL_NAMES)


@pytest.mark.parametrize("name", [name for name, entry in SETS.items() if "X" in entry])
def test_meta_regression_agrees_with_metafor(name: str) -> None:
    entry = SETS[name]
    for key, pinned in entry["regressions"].items():
        method, test = key.split()
        fit = meta_regression(entry["yi"], entry["vi"], entry["X"], method=method, test=test)
        agree(fit, pinned, REGRESSION_NAMES)


@pytest.mark.parametrize("name", SETS)
def test_the_q_profile_interval_agrees_with_metafor(name: str) -> None:
    entry = SETS[name]
    agree(q_profile(entry["yi"], entry["vi"]), entry["q_profile"], {})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("test", TESTS)
def test_many_data_sets_at_once_give_what_each_gives_alone(method: str, test: str) -> None:
    width = max(len(entry["yi"]) for entry in SETS.values())
    padded = [
        [entry[key] + [np.nan] * (width - len(entry["yi"])) for entry in SETS.values()]
        for key in ("yi", "vi")
    ]
    together = pool_many(*padded, method, test)
    for row, entry in enumerate(SETS.values()):
        alone = pool(entry["yi"], entry["vi"], method, test)
        for quantity in (
            "estimate",
            "se",
            "ci_low",
            "ci_high",
            "p_value",
            "tau2",
            "i2",
            "q",
            "prediction_low",
        ):
            np.testing.assert_allclose(
                getattr(together, quantity)[row],
                getattr(alone, quantity),
                rtol=1e-10,
                atol=1e-12,
                err_msg=quantity,
            )
