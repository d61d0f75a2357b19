"""Do small studies show larger effects, and what if unwelcome results stayed in the drawer?

Tests (Egger 1997, doi:10.1136/bmj.315.7109.629; Begg & Mazumdar 1994, doi:10.2307/2533446) and adjustments
(trim and fill: Duval & Tweedie 2000, doi:10.1080/01621459.2000.10473905; PET-PEESE: Stanley & Doucouliagos
2014, doi:10.1002/jrsm.1095). An asymmetric funnel has other causes than selective publication.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtr, stdtrit

from openkap.core.errors import InputError
from openkap.evidence.estimates import Doubt, Floats, check_estimates
from openkap.evidence.pooling import Pooled, pool
from openkap.evidence.regression import meta_regression, weighted_fit

# Below ten studies these tests have hardly any power: Sterne 2011, doi:10.1136/bmj.d4002.
FEWEST_FOR_ASYMMETRY = 10


@dataclass(frozen=True)
class Asymmetry:
    """A test of funnel asymmetry; ``limit`` is the effect expected of a study without error, where it has
    one.
    """

    name: str
    statistic: float
    df: float | None
    p_value: float
    limit: float | None
    limit_low: float | None
    limit_high: float | None
    k: int
    warnings: tuple[Doubt, ...]


def _few(k: int) -> tuple[Doubt, ...]:
    if k >= FEWEST_FOR_ASYMMETRY:
        return ()
    text = f"{k} studies: asymmetry cannot be judged below {FEWEST_FOR_ASYMMETRY}"
    return (Doubt("few_studies", text),)


def _of_different_size(yi: ArrayLike, vi: ArrayLike) -> tuple[Floats, Floats]:
    """The estimates, refused when no study is more precise than another: there is nothing to regress on."""
    y, v = check_estimates(yi, vi, least=3)
    if np.ptp(v) <= 1e-12 * v.max():
        raise InputError(
            "all studies have the same variance",
            value=v[0],
            remedy="asymmetry needs studies of different size",
        )
    return y, v


def egger(
    yi: ArrayLike, vi: ArrayLike, *, model: str = "lm", method: str = "REML", test: str = "z"
) -> Asymmetry:
    """Egger's regression test on the standard error.

    ``model="lm"`` is the classical form, weighted least squares, multiplicative dispersion and a t-test;
    ``model="rma"`` a meta-regression with additive tau2 by ``method`` and ``test``.
    """
    y, v = _of_different_size(yi, vi)
    se = np.sqrt(v)
    if model == "rma":
        fit = meta_regression(y, v, se, method=method, test=test)
        return Asymmetry(
            "Egger, random effects",
            float(fit.statistic[1]),
            fit.df,
            float(fit.p_values[1]),
            float(fit.beta[0]),
            float(fit.ci_low[0]),
            float(fit.ci_high[0]),
            y.size,
            _few(y.size),
        )
    if model != "lm":
        raise InputError("unknown model", value=model, limit="lm, rma")
    beta, error, df = weighted_regression(y, v, se)
    t = float(beta[1] / error[1])
    half = float(stdtrit(df, 0.975)) * float(error[0])
    return Asymmetry(
        "Egger, classical",
        t,
        df,
        float(2 * stdtr(df, -abs(t))),
        float(beta[0]),
        float(beta[0] - half),
        float(beta[0] + half),
        y.size,
        _few(y.size),
    )


def weighted_regression(y: Floats, v: Floats, x: Floats) -> tuple[Floats, Floats, int]:
    """Inverse-variance regression on one predictor with estimated dispersion: coefficients, errors, df."""
    beta, vcov, residual = weighted_fit(np.column_stack([np.ones(y.size), x]), y, v)
    df = y.size - 2
    dispersion = float((residual**2 / v).sum() / df)
    return beta, np.sqrt(np.diag(vcov) * dispersion), df


def begg(yi: ArrayLike, vi: ArrayLike) -> Asymmetry:
    """Begg and Mazumdar's rank correlation of standardised effects with variances.

    ``statistic`` is Kendall's tau-b; the p-value is exact without ties, else normal with the variance for
    ties.
    """
    y, v = _of_different_size(yi, vi)
    w = 1 / v
    standard = (y - w.dot(y) / w.sum()) / np.sqrt(v - 1 / w.sum())
    tau, p = kendall(standard, v)
    return Asymmetry("Begg and Mazumdar", tau, None, p, None, None, None, y.size, _few(y.size))


def kendall(a: Floats, b: Floats) -> tuple[float, float]:
    """Kendall's tau-b and its two-sided p-value, exact when nothing is tied."""
    n = a.size
    i, j = np.triu_indices(n, 1)
    signs = np.sign(a[i] - a[j]) * np.sign(b[i] - b[j])
    s = float(signs.sum())
    ties = [np.unique(each, return_counts=True)[1] for each in (a, b)]
    pairs = n * (n - 1) / 2
    free = [pairs - (t * (t - 1) / 2).sum() for t in ties]
    tau = s / math.sqrt(free[0] * free[1]) if min(free) > 0 else float("nan")
    if all(t.max() == 1 for t in ties):
        return tau, _exact_kendall(n, round((s + pairs) / 2))
    return tau, float(2 * ndtr(-abs(s) / math.sqrt(_tied_variance(n, ties))))


def _exact_kendall(n: int, concordant: int) -> float:
    """The exact p-value from the distribution of inversions, built one element at a time."""
    law = np.ones(1)
    for size in range(2, n + 1):
        law = np.convolve(law, np.full(size, 1 / size))
    below = float(law[: concordant + 1].sum())
    above = float(law[concordant:].sum())
    return min(1.0, 2 * min(below, above))


def _tied_variance(n: int, ties: Sequence[Any]) -> float:
    s, t = ties
    v0 = n * (n - 1) * (2 * n + 5)
    v1 = float((s * (s - 1)).sum() * (t * (t - 1)).sum()) / (2 * n * (n - 1))
    v2 = float((s * (s - 1) * (s - 2)).sum() * (t * (t - 1) * (t - 2)).sum()) / (9 * n * (n - 1) * (n - 2))
    own = float((s * (s - 1) * (2 * s + 5)).sum() + (t * (t - 1) * (2 * t + 5)).sum())
    return (v0 - own) / 18 + v1 + v2


@dataclass(frozen=True)
class TrimFill:
    """The pooled effect with ``k0`` imputed mirror studies on ``side``; ``filled_yi`` are their estimates."""

    k0: int
    side: str
    estimator: str
    adjusted: Pooled
    unadjusted: Pooled
    filled_yi: Floats
    filled_vi: Floats
    warnings: tuple[Doubt, ...]


def trim_and_fill(
    yi: ArrayLike,
    vi: ArrayLike,
    *,
    side: str | None = None,
    estimator: str = "L0",
    method: str = "REML",
    test: str = "z",
) -> TrimFill:
    """Trim the crowded side until the funnel is symmetric, then fill in the mirror images.

    ``side`` is where studies seem missing (``left`` or ``right``); by default where Egger's slope points.
    ``estimator`` is L0, R0 or Q0.
    """
    y, v = check_estimates(yi, vi, least=3)
    if estimator not in ("L0", "R0", "Q0"):
        raise InputError("unknown estimator", value=estimator, limit="L0, R0, Q0")
    if side not in (None, "left", "right"):
        raise InputError("unknown side", value=side, limit="left, right")
    if side is None:
        slope = meta_regression(y, v, np.sqrt(v), method=method).beta[1] if np.ptp(v) > 0 else 0.0
        side = "right" if slope < 0 else "left"
    flip = -1.0 if side == "right" else 1.0
    order = np.argsort(flip * y, kind="stable")
    y, v = (flip * y)[order], v[order]
    k0 = _number_missing(y, v, estimator, method)
    center = pool(y[: y.size - k0], v[: y.size - k0], method).estimate
    filled = flip * (2 * center - y[y.size - k0 :])
    adjusted = pool(np.r_[flip * y, filled], np.r_[v, v[y.size - k0 :]], method, test)
    doubts = (*_few(y.size), Doubt("sensitivity_only", "imputed studies are a what-if, not evidence"))
    return TrimFill(
        k0, side, estimator, adjusted, pool(flip * y, v, method, test), filled, v[y.size - k0 :], doubts
    )


def _number_missing(y: Floats, v: Floats, estimator: str, method: str) -> int:
    k, k0 = y.size, 0
    for _ in range(100):
        kept = k - k0
        centered = y - pool(y[:kept], v[:kept], method).estimate
        ranks = _average_ranks(np.abs(centered))
        signed = np.sign(centered) * ranks
        if estimator == "R0":
            # the run of largest ranks that are all on the crowded side
            gamma = k - float(np.abs(signed[signed < 0]).max(initial=0.0))
            new = max(0, round(gamma - 1))
        else:
            total = float(signed[signed > 0].sum())
            if estimator == "L0":
                new = max(0, round((4 * total - k * (k + 1)) / (2 * k - 1)))
            else:
                inside = max(0.0, 2 * k * k - 4 * total + 0.25)
                new = max(0, round(k - 0.5 - math.sqrt(inside)))
        new = min(new, k - 2)
        if new == k0:
            return k0
        k0 = new
    return k0


def _average_ranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[inverse])


@dataclass(frozen=True)
class PetPeese:
    """Intercepts of the regressions on the standard error (PET) and the variance (PEESE), and which to
    read.
    """

    pet: float
    pet_se: float
    pet_p: float
    peese: float
    peese_se: float
    peese_p: float
    chosen: str
    estimate: float
    ci_low: float
    ci_high: float
    k: int
    warnings: tuple[Doubt, ...]


def pet_peese(yi: ArrayLike, vi: ArrayLike, *, alpha: float = 0.10) -> PetPeese:
    """The conditional estimator: PEESE where PET's intercept differs from 0 (two-sided ``alpha``), else
    PET.
    """
    y, v = _of_different_size(yi, vi)
    answers = {}
    for name, x in (("PET", np.sqrt(v)), ("PEESE", v)):
        beta, error, df = weighted_regression(y, v, x)
        t = float(beta[0] / error[0])
        answers[name] = (float(beta[0]), float(error[0]), float(2 * stdtr(df, -abs(t))))
    chosen = "PEESE" if answers["PET"][2] < alpha else "PET"
    estimate, se, _ = answers[chosen]
    half = float(stdtrit(y.size - 2, 0.975)) * se
    return PetPeese(
        *answers["PET"],
        *answers["PEESE"],
        chosen,
        estimate,
        estimate - half,
        estimate + half,
        y.size,
        _few(y.size),
    )
