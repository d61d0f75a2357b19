"""How much true effects differ between studies: tau2 by eight estimators, Q, I2, H2, the Q-profile interval.

Sources: DerSimonian & Laird 1986 (DL), Hedges & Olkin 1985 (HE), Hunter & Schmidt (HS), Sidik & Jonkman 2005
(SJ), Morris 1983 (EB), Paule & Mandel 1982 (PM), Viechtbauer 2005 doi:10.3102/10769986030003261 (ML, REML and
the sampling variances of all), Viechtbauer 2007 doi:10.1002/sim.2514 (Q-profile), Higgins & Thompson 2002
doi:10.1002/sim.1186 (I2, H2). EB and PM solve the same equation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, chdtri

from openkap.evidence.estimates import Floats, check_design, check_estimates, check_level, check_method
from openkap.evidence.likelihood import (
    MAX_STEPS,
    STEP_TOLERANCE,
    MeanLikelihood,
    RegressionLikelihood,
    maximise,
)


@dataclass(frozen=True)
class HeterogeneityInterval:
    """Q-profile intervals; ``tau2_low`` and ``tau2_high`` are both 0 when even tau2 = 0 is too
    heterogeneous.
    """

    tau2_low: float
    tau2_high: float
    i2_low: float
    i2_high: float
    h2_low: float
    h2_high: float
    level: float


def estimate_tau2(model: Any, method: str) -> tuple[float, int]:
    """tau2 by the named estimator, cut at 0, and the iterations it took (0 for closed forms)."""
    if method in ("ML", "REML"):
        return maximise(model, method == "REML")
    if method in ("EB", "PM"):
        return solve_q(model, float(model.k - model.p))
    if method == "SJ":
        return _sidik_jonkman(model), 0
    return max(0.0, _MOMENTS[method](model)), 0


def solve_q(model: Any, target: float) -> tuple[float, int]:
    """The tau2 at which Q(tau2) equals ``target``, 0 when Q(0) is already below it.

    1/Q is concave and increasing in tau2, so Newton's method on it climbs to the root from 0 and never
    passes it.
    """
    t = 0.0
    q, slope = model.generalised_q(t)
    if q <= target:
        return 0.0, 0
    for step in range(1, MAX_STEPS):
        gain = float((q / target - 1) * q / slope)
        t += gain
        if gain <= STEP_TOLERANCE * (t + float(model.v.min())):
            return t, step
        q, slope = model.generalised_q(t)
    return t, MAX_STEPS


def _dersimonian_laird(model: Any) -> float:
    q, _ = model.generalised_q(0.0)
    return float((q - (model.k - model.p)) / trace_p(model, 0.0)[0])


def _hunter_schmidt(model: Any) -> float:
    q, _ = model.generalised_q(0.0)
    return float((q - model.k) / (1 / model.v).sum())


def _hedges(model: Any) -> float:
    hat = _hat(model)
    residual = model.y - model.y.mean() if model.p == 1 and not hasattr(model, "basis") else _ols(model)
    return float((residual.dot(residual) - ((1 - hat) * model.v).sum()) / (model.k - model.p))


def _sidik_jonkman(model: Any) -> float:
    start = float(np.var(model.y))
    if start == 0:
        return 0.0
    return float(start * model.generalised_q(start)[0] / (model.k - model.p))


_MOMENTS = {"DL": _dersimonian_laird, "HS": _hunter_schmidt, "HE": _hedges}


def _ols(model: Any) -> Floats:
    residual: Floats = model.y - model.basis @ (model.basis.T @ model.y)
    return residual


def _hat(model: Any) -> Any:
    return (model.basis**2).sum(1) if hasattr(model, "basis") else 1 / model.k


def trace_p(model: Any, t: float) -> tuple[float, float]:
    """tr(P) and tr(PP) at tau2 = ``t``, P being the weights less their projection on the moderators."""
    w = 1 / (model.v + t)
    w2 = w * w
    if not hasattr(model, "basis"):
        s1, s2 = w.sum(), w2.sum()
        return float(s1 - s2 / s1), float(s2 - 2 * (w2.dot(w)) / s1 + (s2 / s1) ** 2)
    inverse = np.linalg.inv(model._gram(w))
    m = model._gram(w2) @ inverse
    third = np.sum(model._gram(w2 * w) * inverse)
    return float(w.sum() - np.trace(m)), float(w2.sum() - 2 * third + np.sum(m * m.T))


def tau2_standard_error(model: Any, method: str, t: float) -> float:
    """The standard error of tau2, by the formulas of Viechtbauer 2005 as metafor applies them."""
    k, df = model.k, model.k - model.p
    if method == "REML":
        return math.sqrt(2 / trace_p(model, t)[1])
    if method == "ML":
        w = 1 / (model.v + t)
        return math.sqrt(2 / w.dot(w))
    if method in ("EB", "PM"):
        return float(math.sqrt(2 * k * k / df) / (1 / (model.v + t)).sum())
    if method in ("DL", "HS"):
        tr, tr2 = trace_p(model, 0.0)
        scale = tr if method == "DL" else (1 / model.v).sum()
        return float(math.sqrt(2 * df + 4 * t * tr + 2 * t * t * tr2) / scale)
    if method == "HE":
        return _hedges_error(model, t)
    return _sidik_jonkman_error(model, t)


def _hedges_error(model: Any, t: float) -> float:
    v, df = model.v, model.k - model.p
    hat = _hat(model)
    if hasattr(model, "basis"):
        pairs = np.sum((model.basis.T @ (v[:, None] * model.basis)) ** 2)
    else:
        pairs = (v.sum() / model.k) ** 2
    squares = (v * v * (1 - 2 * hat)).sum() + pairs
    return float(math.sqrt(2 * squares + 4 * t * ((1 - hat) * v).sum() + 2 * t * t * df) / df)


def _sidik_jonkman_error(model: Any, t: float) -> float:
    v, df = model.v, model.k - model.p
    start = float(np.var(model.y))
    if start == 0:
        return 0.0
    w = 1 / (v + start)
    basis = model.basis if hasattr(model, "basis") else np.ones((model.k, 1))
    half = basis * w[:, None]
    inverse = np.linalg.inv(basis.T @ half)
    # tr(PAPB) = sum over pairs, for P = W - half inverse half', without forming P
    grams = {name: half.T @ (a[:, None] * half) @ inverse for name, a in (("v", v), ("1", np.ones_like(v)))}

    def trace(a: Floats, name_a: str, b: Floats, name_b: str) -> float:
        cross = half.T @ ((w * a * b)[:, None] * half)
        return float(
            (w * w * a * b).sum() - 2 * np.sum(cross * inverse) + np.sum(grams[name_a] * grams[name_b].T)
        )

    one = np.ones_like(v)
    total = (
        2 * trace(v, "v", v, "v") + 4 * t * trace(v, "v", one, "1") + 2 * t * t * trace(one, "1", one, "1")
    )
    return float(start / df * math.sqrt(total))


def q_profile(
    yi: ArrayLike,
    vi: ArrayLike,
    X: ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> HeterogeneityInterval:
    """The Q-profile interval for tau2, and through it for I2 and H2.

    Parameters
    ----------
    yi, vi : (k,) estimates and sampling variances.
    X : (k, m) moderators without the intercept column, or None.
    level : the confidence level, a proportion.

    Notes
    -----
    Viechtbauer 2007, doi:10.1002/sim.2514. I2 (in percent) and H2 follow from tau2 and the typical variance.
    """
    y, v = check_estimates(yi, vi)
    model: Any = MeanLikelihood(y, v) if X is None else RegressionLikelihood(y, v, check_design(X, y.size))
    tail = (1 - check_level(level)) / 2
    df = model.k - model.p
    low, high = (solve_q(model, float(chdtri(df, p)))[0] for p in (tail, 1 - tail))
    typical = df / trace_p(model, 0.0)[0]
    return HeterogeneityInterval(
        tau2_low=low,
        tau2_high=high,
        i2_low=100 * low / (low + typical),
        i2_high=100 * high / (high + typical),
        h2_low=low / typical + 1,
        h2_high=high / typical + 1,
        level=level,
    )


def tau2(
    yi: ArrayLike,
    vi: ArrayLike,
    X: ArrayLike | None = None,
    *,
    method: str = "REML",
) -> float:
    """tau2 alone, by any of the eight estimators (see ``pool`` for the whole answer)."""
    y, v = check_estimates(yi, vi)
    model: Any = MeanLikelihood(y, v) if X is None else RegressionLikelihood(y, v, check_design(X, y.size))
    name = check_method(method)
    return 0.0 if name in ("CE", "EE", "FE") else estimate_tau2(model, name)[0]


def q_test(model: Any) -> tuple[float, float]:
    """Cochran's Q and its p-value."""
    q = float(model.generalised_q(0.0)[0])
    return q, float(chdtrc(model.k - model.p, q))
