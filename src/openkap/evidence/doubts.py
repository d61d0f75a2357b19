"""Reasons not to lean on a pool: few studies, one that decides or stands apart, an interval too narrow."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import ndtr, stdtrit

from openkap.evidence.estimates import COMMON_METHODS, FEW_STUDIES, Doubt, Floats, label_of

# A deleted residual beyond three standard errors: Viechtbauer & Cheung 2010, doi:10.1002/jrsm.11 (1.96 there,
# for a look; we speak only when few would disagree).
OUTLYING = 3.0
DOMINANT_SHARE = 0.5

# (studies up to, by test the lowest share of new effects that a nominal 95% prediction interval held when
# about so many studies were simulated, REML, tau2 above 0): validation/coverage/coverage.csv.
PREDICTION_COVERAGE: tuple[tuple[int, dict[str, float]], ...] = (
    (4, {"z": 0.69, "knha": 0.85, "adhoc": 0.89}),
    (10, {"z": 0.80, "knha": 0.85, "adhoc": 0.87}),
    (20, {"z": 0.83, "knha": 0.86, "adhoc": 0.87}),
)


def doubts_of(
    y: Floats,
    v: Floats,
    weights: Floats,
    *,
    method: str,
    test: str,
    tau2: float,
    spread: float,
    labels: Sequence[str] | None,
) -> tuple[Doubt, ...]:
    """Every doubt about one pool.

    Parameters
    ----------
    y, v, weights : (k,) estimates, variances and shares of the pool.
    spread : Knapp and Hartung's factor, the weighted squares over k - 1.
    labels : what to call the studies; rows are counted from 1 without them.
    """
    return (
        *_about_few(y.size, method, tau2),
        *_about_one(y, v, weights, method, tau2, labels),
        *_about_interval(test, spread),
        *_about_prediction(method, test, y.size),
    )


def _about_few(k: int, method: str, tau2: float) -> Iterator[Doubt]:
    if k < FEW_STUDIES:
        yield Doubt("few_studies", f"{k} studies: tau2 and the intervals are barely estimable")
    if tau2 == 0 and method not in COMMON_METHODS:
        yield Doubt("boundary", "tau2 is estimated as 0: this does not show that the studies agree")


def _about_one(
    y: Floats, v: Floats, weights: Floats, method: str, tau2: float, labels: Sequence[str] | None
) -> Iterator[Doubt]:
    heaviest = int(weights.argmax())
    if y.size > 2 and weights[heaviest] > DOMINANT_SHARE:
        share = f"{100 * weights[heaviest]:.0f}%"
        yield Doubt("dominant_study", f"{label_of(heaviest, labels)} carries {share} of the weight")
    if y.size > 3:
        shares = np.minimum(weights, 1 - 1e-12)
        furthest = int((np.abs(y - weights @ y) / np.sqrt((v + tau2) * (1 - shares))).argmax())
        away, limit = _deleted_residual(y, v, furthest, method)
        if away > limit:
            text = f"{label_of(furthest, labels)} is {away:.1f} standard errors from the rest"
            yield Doubt("influential_study", text)
    if labels is not None and len(set(labels)) < y.size:
        twice = ", ".join(str(each) for each, rows in Counter(labels).items() if rows > 1)
        text = f"a study appears more than once ({twice}): use the multilevel model instead"
        yield Doubt("dependent_estimates", text)


def _deleted_residual(y: Floats, v: Floats, row: int, method: str) -> tuple[float, float]:
    """How far a study lies from the others, by their own tau2, and how far one of as many may lie.

    With tau2 from all studies an outlier would hide itself: it makes the spread that excuses it. The others'
    tau2 is of moments (DL), in closed form; the limit is t with their degrees of freedom at the tail of three
    normal standard errors.
    """
    keep = np.arange(y.size) != row
    rest, error = y[keep], v[keep]
    w = 1 / error
    mean = w @ rest / w.sum()
    excess = float(w @ (rest - mean) ** 2) - (rest.size - 1)
    tau2 = max(0.0, excess / float(w.sum() - w @ w / w.sum())) if method not in COMMON_METHODS else 0.0
    w = 1 / (error + tau2)
    away = abs(y[row] - w @ rest / w.sum()) / math.sqrt(v[row] + tau2 + 1 / w.sum())
    limit = OUTLYING if method in COMMON_METHODS else -stdtrit(rest.size - 1, ndtr(-OUTLYING))
    return float(away), float(limit)


def _about_interval(test: str, spread: float) -> Iterator[Doubt]:
    """Knapp and Hartung's factor below 1 narrows the interval below that of Wald."""
    if test == "knha" and spread < 1:
        text = (
            f"the studies agree more than their errors allow: the interval is {math.sqrt(spread):.2f} times"
            " as wide as one of Wald at the same quantile; adhoc does not go below it"
        )
        yield Doubt("narrow_interval", text)


def _about_prediction(method: str, test: str, k: int) -> Iterator[Doubt]:
    if method in COMMON_METHODS:
        text = "with a common effect the prediction interval is the confidence interval: it predicts nothing"
        yield Doubt("prediction_interval", text)
        return
    held = next((shares for limit, shares in PREDICTION_COVERAGE if k <= limit), None)
    if held is None:
        return
    share = f"as few as {100 * held[test]:.0f}%" if test in held else "clearly fewer"
    text = (
        f"{k} studies: the prediction interval is too narrow; with about so many it held {share} of new "
        "effects in simulation, not 95% (validation/coverage)"
    )
    yield Doubt("prediction_interval", text)
