"""One pooled effect from many studies: common or random effects, with its interval and prediction
interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr, ndtri, stdtr, stdtrit

from openkap.core.errors import InputError
from openkap.evidence.doubts import doubts_of
from openkap.evidence.estimates import (
    COMMON_METHODS,
    Doubt,
    Floats,
    as_numbers,
    check_estimates,
    check_level,
    check_method,
    check_test,
)
from openkap.evidence.heterogeneity import estimate_tau2, tau2_standard_error
from openkap.evidence.likelihood import LOG_2PI, MAX_STEPS, STEP_TOLERANCE, MeanLikelihood, maximise_many


@dataclass(frozen=True)
class Pooled:
    """A pooled effect. ``i2`` is in percent; intervals are at ``level``; ``df`` is None for normal
    quantiles.
    """

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    p_value: float
    df: int | None
    tau2: float
    tau2_se: float
    i2: float
    h2: float
    q: float
    q_p: float
    prediction_low: float
    prediction_high: float
    k: int
    converged: bool
    iterations: int
    loglik: float
    method: str
    test: str
    level: float
    weights: Floats
    warnings: tuple[Doubt, ...]


def pool(
    yi: ArrayLike,
    vi: ArrayLike,
    method: str = "REML",
    test: str = "z",
    *,
    level: float = 0.95,
    labels: Sequence[str] | None = None,
) -> Pooled:
    """Pool estimates by their sampling variances.

    Parameters
    ----------
    yi, vi : (k,) estimates and their sampling variances, k >= 2.
    method : DL, HE, HS, SJ, ML, REML, EB, PM for random effects; CE (also FE, EE) for the common effect.
    test : ``z`` (Wald), ``t`` (Wald with t quantiles), ``knha`` (Knapp-Hartung), ``adhoc`` (Knapp-Hartung
    whose
        factor is never below 1).
    level : confidence level of the intervals, a proportion.
    labels : names of the studies, for messages.

    Returns
    -------
    Pooled
        ``weights`` are shares that sum to 1; ``warnings`` say why one might doubt the fit.

    Raises
    ------
    InputError
        when a row cannot be used; it names the row, the reason and the remedy.

    Notes
    -----
    The prediction interval uses the same quantile as the confidence interval, as metafor 3.8 does: with ``z``
    and few studies it is too narrow (see validation/coverage); prefer ``knha``. REML and ML are global
    maxima.
    """
    name, kind = check_method(method), check_test(test)
    y, v = check_estimates(yi, vi, labels)
    model = MeanLikelihood(y, v)
    k = y.size
    w = 1 / v
    total = w.sum()
    tr = float(total - w.dot(w) / total)
    r = y - w.dot(y) / total
    q = float(w.dot(r * r))
    if name in COMMON_METHODS:
        t, steps, tau2_se = 0.0, 0, math.nan
        h2 = q / (k - 1)
        i2 = max(0.0, 100 * (1 - 1 / h2)) if h2 > 0 else 0.0
    else:
        t, steps = estimate_tau2(model, name)
        tau2_se = tau2_standard_error(model, name, t)
        typical = (k - 1) / tr
        i2, h2 = 100 * t / (t + typical), t / typical + 1
    w = 1 / (v + t)
    total = w.sum()
    estimate = float(w.dot(y) / total)
    r = y - estimate
    squares = float(w.dot(r * r))
    se = wald_or_knapp_hartung(float(1 / total), squares / (k - 1), kind)
    df = None if kind == "z" else k - 1
    half = quantile(check_level(level), df)
    reach = half * math.sqrt(se * se + t)
    statistic = estimate / se if se > 0 else math.copysign(math.inf, estimate)
    weights = w / total
    return Pooled(
        estimate=estimate,
        se=se,
        ci_low=estimate - half * se,
        ci_high=estimate + half * se,
        statistic=statistic,
        p_value=two_sided(statistic, df),
        df=df,
        tau2=t,
        tau2_se=tau2_se,
        i2=i2,
        h2=h2,
        q=q,
        q_p=float(chdtrc(k - 1, q)),
        prediction_low=estimate - reach,
        prediction_high=estimate + reach,
        k=k,
        converged=steps < MAX_STEPS,
        iterations=steps,
        loglik=_loglik(w, squares, name == "REML"),
        method=name,
        test=kind,
        level=level,
        weights=weights,
        warnings=doubts_of(
            y, v, weights, method=name, test=kind, tau2=t, spread=squares / (k - 1), labels=labels
        ),
    )


def _loglik(w: Floats, squares: float, restricted: bool) -> float:
    twice = float(np.log(w).sum()) - squares - w.size * LOG_2PI
    if restricted:
        twice += math.log(w.size / float(w.sum())) + LOG_2PI
    return twice / 2


def wald_or_knapp_hartung(variance: float, factor: float, test: str) -> float:
    """The standard error: of Wald, or times Knapp and Hartung's factor (doi:10.1002/sim.1482), or cut at
    1.
    """
    if test == "knha":
        variance *= factor
    elif test == "adhoc":
        variance *= max(1.0, factor)
    return math.sqrt(variance)


def quantile(level: float, df: float | None) -> float:
    """The two-sided quantile, normal when ``df`` is None."""
    return float(ndtri((1 + level) / 2) if df is None else stdtrit(df, (1 + level) / 2))


def two_sided(statistic: float, df: float | None) -> float:
    """The two-sided p-value, normal when ``df`` is None."""
    return float(2 * (ndtr(-abs(statistic)) if df is None else stdtr(df, -abs(statistic))))


@dataclass(frozen=True)
class PooledMany:
    """Many pooled effects, one per row; every array has shape (n,)."""

    estimate: Floats
    se: Floats
    ci_low: Floats
    ci_high: Floats
    p_value: Floats
    tau2: Floats
    i2: Floats
    q: Floats
    prediction_low: Floats
    prediction_high: Floats
    k: Floats
    method: str
    test: str
    level: float


def pool_many(
    yi: ArrayLike, vi: ArrayLike, method: str = "REML", test: str = "z", *, level: float = 0.95
) -> PooledMany:
    """Pool many data sets at once, to the same accuracy as one by one.

    Parameters
    ----------
    yi, vi : (n, k) estimates and variances, a data set per row; NaN in both marks an absent study.
    method, test, level : as in ``pool``.
    """
    name, kind = check_method(method), check_test(test)
    y, v = as_numbers(yi, "yi"), as_numbers(vi, "vi")
    if y.ndim != 2 or y.shape != v.shape:
        raise InputError("yi and vi must be two tables of equal shape", value=f"{y.shape} and {v.shape}")
    absent = np.isnan(y) & np.isnan(v)
    on: Any = None
    if absent.any():
        on = 1.0 - absent
        y, v = np.where(absent, 0.0, y), np.where(absent, 1.0, v)
    good = np.isfinite(y) & np.isfinite(v) & (v > 0)
    if not good.all():
        row, column = np.argwhere(~good)[0]
        raise InputError(
            "an estimate or variance cannot be used",
            value=f"yi {y[row, column]}, vi {v[row, column]}",
            where=f"data set {row + 1}, study {column + 1}",
            remedy="both are numbers with vi above 0, or both are NaN for an absent study",
        )
    model = MeanLikelihood(y, v, on)
    k = np.broadcast_to(np.asarray(model.k, float), y.shape[:1])
    if k.min(initial=2) < 2:
        raise InputError(
            "too few studies",
            where=f"data set {int(k.argmin()) + 1}",
            limit="at least 2",
            remedy="leave it out",
        )
    t = np.zeros(k.shape) if name in COMMON_METHODS else _tau2_many(model, name, k)
    return _summarise_many(model, t, k, name, kind, check_level(level))


def _summarise_many(
    model: MeanLikelihood, t: Floats, k: Floats, name: str, kind: str, level: float
) -> PooledMany:
    w0 = model.weights(np.zeros_like(t))
    total0 = w0.sum(1)
    q = np.maximum(model.generalised_q(np.zeros_like(t))[0], 0.0)
    typical = (k - 1) / (total0 - np.einsum("nk,nk->n", w0, w0) / total0)
    w = model.weights(t)
    total = w.sum(1)
    estimate = np.einsum("nk,nk->n", w, model.y) / total
    variance = 1 / total
    if kind in ("knha", "adhoc"):
        factor = model.generalised_q(t)[0] / (k - 1)
        variance = variance * (factor if kind == "knha" else np.maximum(factor, 1.0))
    se = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.abs(estimate / se)
        i2 = 100 * np.maximum(0.0, 1 - (k - 1) / q) if name in COMMON_METHODS else 100 * t / (t + typical)
    half = ndtri((1 + level) / 2) if kind == "z" else stdtrit(k - 1, (1 + level) / 2)
    reach = half * np.sqrt(variance + t)
    return PooledMany(
        estimate=estimate,
        se=se,
        ci_low=estimate - half * se,
        ci_high=estimate + half * se,
        p_value=2 * (ndtr(-statistic) if kind == "z" else stdtr(k - 1, -statistic)),
        tau2=t,
        i2=i2,
        q=q,
        prediction_low=estimate - reach,
        prediction_high=estimate + reach,
        k=k,
        method=name,
        test=kind,
        level=level,
    )


def _tau2_many(model: MeanLikelihood, name: str, k: Floats) -> Floats:
    if name in ("ML", "REML"):
        return maximise_many(model, name == "REML")
    if name in ("EB", "PM"):
        return _solve_q_many(model, k - 1)
    on: Any = 1.0 if model.on is None else model.on
    mean = model.y.sum(1) / k
    squares = (on * (model.y - mean[:, None]) ** 2).sum(1)
    if name == "SJ":
        start = squares / k
        safe = np.where(start > 0, start, 1.0)
        return np.asarray(np.where(start > 0, start * model.generalised_q(safe)[0] / (k - 1), 0.0))
    if name == "HE":
        return np.asarray(np.maximum(0.0, squares / (k - 1) - (on * model.v).sum(1) / k))
    zero = np.zeros_like(k)
    w = model.weights(zero)
    total = w.sum(1)
    q = model.generalised_q(zero)[0]
    if name == "HS":
        return np.asarray(np.maximum(0.0, (q - k) / total))
    return np.asarray(np.maximum(0.0, (q - (k - 1)) / (total - (w * w).sum(1) / total)))


def _solve_q_many(model: MeanLikelihood, target: Floats) -> Floats:
    t = np.zeros_like(target)
    q, slope = model.generalised_q(t)
    above = q > target
    smallest = model.v.min(-1)
    for _ in range(MAX_STEPS):
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = np.where(above, np.maximum((q / target - 1) * q / slope, 0.0), 0.0)
        t = t + gain
        if (gain <= STEP_TOLERANCE * (t + smallest)).all():
            break
        q, slope = model.generalised_q(t)
    return t
