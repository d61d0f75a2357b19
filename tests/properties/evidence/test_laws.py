"""Laws every pool obeys, whatever the studies."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import openkap.evidence as ev

METHODS = st.sampled_from(["DL", "HE", "HS", "SJ", "ML", "REML", "EB", "PM", "CE"])
STUDIES = st.lists(
    st.tuples(st.floats(-5, 5), st.floats(0.001, 10)), min_size=3, max_size=12, unique_by=lambda each: each[0]
)
QUANTITIES = ("estimate", "se", "tau2", "q", "i2")
FEW = settings(max_examples=60, deadline=None)


def fit(studies: list[tuple[float, float]], method: str, shift: float = 0.0, scale: float = 1.0) -> ev.Pooled:
    y, v = map(np.array, zip(*studies, strict=True))
    return ev.pool(shift + scale * y, scale**2 * v, method)


@FEW
@given(STUDIES, METHODS, st.randoms(use_true_random=False))
def test_the_order_of_studies_changes_nothing(
    studies: list[tuple[float, float]], method: str, random: object
) -> None:
    shuffled = list(studies)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for name in QUANTITIES:
        np.testing.assert_allclose(
            getattr(fit(studies, method), name), getattr(fit(shuffled, method), name), rtol=1e-7, atol=1e-9
        )


@FEW
@given(STUDIES, METHODS, st.floats(-10, 10), st.floats(0.1, 10))
def test_another_unit_or_origin_only_changes_the_scale(
    studies: list[tuple[float, float]], method: str, shift: float, scale: float
) -> None:
    plain, moved = fit(studies, method), fit(studies, method, shift, scale)
    np.testing.assert_allclose(moved.estimate, shift + scale * plain.estimate, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(moved.tau2, scale**2 * plain.tau2, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(moved.i2, plain.i2, rtol=1e-5, atol=1e-5)


@FEW
@given(STUDIES, METHODS)
def test_the_estimate_lies_among_the_studies_and_prediction_is_wider(
    studies: list[tuple[float, float]], method: str
) -> None:
    pooled = fit(studies, method)
    y = [each for each, _ in studies]
    assert min(y) - 1e-9 <= pooled.estimate <= max(y) + 1e-9
    assert pooled.prediction_low <= pooled.ci_low <= pooled.ci_high <= pooled.prediction_high
    assert pooled.converged
    assert np.isclose(pooled.weights.sum(), 1)


@FEW
@given(STUDIES)
def test_no_value_of_tau2_is_more_likely_than_the_estimate(studies: list[tuple[float, float]]) -> None:
    y, v = map(np.array, zip(*studies, strict=True))
    best = ev.pool(y, v).loglik
    for tau2 in np.r_[0.0, np.geomspace(1e-6, 100, 200)]:
        w = 1 / (v + tau2)
        mean = w.dot(y) / w.sum()
        value = 0.5 * (np.log(w).sum() - np.log(w.sum()) - w.dot((y - mean) ** 2))
        constant = -0.5 * (len(y) - 1) * np.log(2 * np.pi) + 0.5 * np.log(len(y))
        assert value + constant <= best + 1e-9


@FEW
@given(STUDIES, METHODS)
def test_adhoc_is_never_narrower_than_wald_or_knapp_hartung(
    studies: list[tuple[float, float]], method: str
) -> None:
    y, v = map(np.array, zip(*studies, strict=True))
    errors = {test: ev.pool(y, v, method, test).se for test in ("z", "knha", "adhoc")}
    assert errors["adhoc"] >= max(errors["z"], errors["knha"]) * (1 - 1e-12)


EQUAL = st.tuples(
    st.lists(st.floats(-5, 5).map(lambda each: round(each, 3)), min_size=2, max_size=12, unique=True),
    st.sampled_from([0.001, 0.02, 0.1, 1 / 3, 2.5]),
)


@settings(max_examples=300, deadline=None)
@given(EQUAL)
def test_equal_variances_give_the_sample_variance_less_the_sampling_variance(
    drawn: tuple[list[float], float],
) -> None:
    # The closed form: every study weighs the same, so the likelihood is that of one normal sample.
    y, v = np.array(drawn[0]), np.full(len(drawn[0]), drawn[1])
    for method, divisor in (("REML", 1), ("ML", 0), ("DL", 1), ("HE", 1), ("PM", 1)):
        expected = max(0.0, float(np.var(y, ddof=divisor)) - drawn[1])
        tolerance = {"rtol": 1e-8, "atol": 1e-9 * drawn[1]}
        np.testing.assert_allclose(ev.pool(y, v, method).tau2, expected, **tolerance)
        np.testing.assert_allclose(
            ev.pool_many(y[None], v[None], method=method).tau2[0], expected, **tolerance
        )


@settings(max_examples=60, deadline=None)
@given(EQUAL, st.integers(0, 2**32 - 1))
def test_equal_variances_in_a_meta_regression_give_the_residual_variance(
    drawn: tuple[list[float], float], seed: int
) -> None:
    y, v = np.array([*drawn[0], 0.5, 1.5]), np.full(len(drawn[0]) + 2, drawn[1])
    x = np.random.default_rng(seed).normal(size=len(y))
    design = np.column_stack([np.ones_like(x), x])
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    expected = max(0.0, float(residual @ residual) / (len(y) - 2) - drawn[1])
    np.testing.assert_allclose(ev.meta_regression(y, v, x).tau2, expected, rtol=1e-8, atol=1e-9 * drawn[1])
