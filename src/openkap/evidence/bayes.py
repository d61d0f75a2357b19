"""Bayesian random effects without sampling: the posterior by quadrature over tau, exact given tau.

Given tau the mean is normal, so only tau is integrated, by Gauss-Legendre panels on tau = s x / (1 - x). The
answer is the same every time (Roever 2020, doi:10.18637/jss.v093.i06, does the same by a refined grid).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp, ndtr, ndtri

from openkap.core.errors import InputError
from openkap.evidence.estimates import FEW_STUDIES, Doubt, Floats, check_estimates, check_level

PANELS, NODES = 24, 20
PRIORS: dict[str, Callable[[Any, float], Any]] = {
    "half-normal": lambda tau, s: 0.5 * math.log(2 / math.pi) - math.log(s) - (tau / s) ** 2 / 2,
    "half-cauchy": lambda tau, s: math.log(2 / math.pi) - math.log(s) - np.log1p((tau / s) ** 2),
}


@dataclass(frozen=True)
class Posterior:
    """Posterior summaries; intervals are central, at ``level``."""

    estimate: float
    sd: float
    median: float
    ci_low: float
    ci_high: float
    prediction_low: float
    prediction_high: float
    p_below_zero: float
    tau_mean: float
    tau_median: float
    tau_low: float
    tau_high: float
    log_marginal: float
    k: int
    prior: str
    level: float
    warnings: tuple[Doubt, ...]


def bayes(
    yi: ArrayLike,
    vi: ArrayLike,
    *,
    tau_prior: str = "half-normal",
    tau_scale: float = 0.5,
    mu_mean: float = 0.0,
    mu_sd: float = math.inf,
    level: float = 0.95,
    labels: Sequence[str] | None = None,
) -> Posterior:
    """Random effects with a prior for tau.

    Parameters
    ----------
    yi, vi : (k,) estimates and sampling variances, k >= 2.
    tau_prior : ``half-normal`` or ``half-cauchy``.
    tau_scale : the prior's scale, in the unit of ``yi``. 0.5 suits standardised differences and log ratios.
    mu_mean, mu_sd : normal prior of the mean; flat when ``mu_sd`` is infinite.

    Notes
    -----
    ``log_marginal`` is the log marginal likelihood; with a flat prior of the mean only differences between
    models that share it mean anything.
    """
    y, v = check_estimates(yi, vi, labels)
    if tau_prior not in PRIORS:
        raise InputError("unknown prior", value=tau_prior, limit=", ".join(PRIORS))
    if not (tau_scale > 0 and mu_sd > 0):
        raise InputError("a prior scale is not positive", value=f"{tau_scale}, {mu_sd}", limit="above 0")
    tail = (1 - check_level(level)) / 2
    tau, weight = _nodes(tau_scale, float(np.sqrt(v.max())))
    mean, variance, loglik = _given_tau(y, v, tau, mu_mean, mu_sd)
    log_terms = loglik + PRIORS[tau_prior](tau, tau_scale) + np.log(weight)
    evidence = float(logsumexp(log_terms))
    share = np.exp(log_terms - evidence)
    sd = np.sqrt(variance)
    spread = np.sqrt(variance + tau**2)
    estimate = float(share @ mean)
    return Posterior(
        estimate=estimate,
        sd=math.sqrt(float(share @ (variance + (mean - estimate) ** 2))),
        median=mixture_quantile(0.5, share, mean, sd),
        ci_low=mixture_quantile(tail, share, mean, sd),
        ci_high=mixture_quantile(1 - tail, share, mean, sd),
        prediction_low=mixture_quantile(tail, share, mean, spread),
        prediction_high=mixture_quantile(1 - tail, share, mean, spread),
        p_below_zero=float(share @ ndtr(-mean / sd)),
        tau_mean=float(share @ tau),
        tau_median=_tau_quantile(0.5, tau, share),
        tau_low=_tau_quantile(tail, tau, share),
        tau_high=_tau_quantile(1 - tail, tau, share),
        log_marginal=evidence,
        k=y.size,
        prior=f"{tau_prior}({tau_scale:g})",
        level=level,
        warnings=_doubts(y.size),
    )


def _nodes(scale: float, error: float) -> tuple[Floats, Floats]:
    """Values of tau and their quadrature weights; panels crowd where tau is small beside prior or errors."""
    point, weight = np.polynomial.legendre.leggauss(NODES)
    edges = np.linspace(0, 1, PANELS + 1) ** 1.5
    half = np.diff(edges)[:, None] / 2
    x = (edges[:-1, None] + half + half * point).ravel()
    s = math.sqrt(scale * error)
    return s * x / (1 - x), (half * weight).ravel() * s / (1 - x) ** 2


def _given_tau(
    y: Floats, v: Floats, tau: Floats, mu_mean: float, mu_sd: float
) -> tuple[Floats, Floats, Floats]:
    w = 1 / (v + tau[:, None] ** 2)
    prior = 0.0 if math.isinf(mu_sd) else 1 / mu_sd**2
    total = w.sum(1) + prior
    mean = (w @ y + prior * mu_mean) / total
    squares = (w * (y - mean[:, None]) ** 2).sum(1) + prior * (mean - mu_mean) ** 2
    logs = np.log(w).sum(1) - np.log(total) + (math.log(prior) if prior else math.log(2 * math.pi))
    return mean, 1 / total, (logs - squares - y.size * math.log(2 * math.pi)) / 2


def mixture_quantile(p: float, share: Floats, mean: Floats, sd: Floats) -> float:
    """The quantile of a mixture of normals, by Newton's method inside a bracket."""
    heavy = share > 1e-14
    share, mean, sd = share[heavy] / share[heavy].sum(), mean[heavy], sd[heavy]
    each = mean + ndtri(p) * sd
    low, high = float(each.min()), float(each.max())
    x = float(share @ each)
    for _ in range(200):
        z = (x - mean) / sd
        miss = float(share @ ndtr(z)) - p
        low, high = (low, x) if miss > 0 else (x, high)
        new = x - miss / float(share @ (np.exp(-z * z / 2) / (sd * math.sqrt(2 * math.pi))))
        new = new if low < new < high else (low + high) / 2
        if abs(new - x) <= 1e-13 * (1 + abs(x)):
            return new
        x = new
    return x


def _tau_quantile(p: float, tau: Floats, share: Floats) -> float:
    """The quantile of tau: the nodes' cumulative shares, each node counted half below itself."""
    below = np.cumsum(share) - share / 2
    return float(np.interp(p, np.r_[0.0, below], np.r_[0.0, tau]))


def _doubts(k: int) -> tuple[Doubt, ...]:
    if k >= FEW_STUDIES:
        return ()
    return (
        Doubt("few_studies", f"{k} studies: the prior of tau decides much of the answer; vary its scale"),
    )
