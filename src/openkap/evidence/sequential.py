"""Looking again after every trial without fooling oneself.

Two ways. A confidence sequence holds at all looks at once, however many there will be and whenever one stops:
a normal mixture over the effect turns the likelihood ratio into a martingale (Robbins 1970,
doi:10.1214/aoms/1177696786; Howard 2021, doi:10.1214/20-AOS1991). Group-sequential boundaries spend alpha
along
the information gathered (Lan & DeMets 1983, doi:10.1093/biomet/70.3.659), the basis of trial sequential
analysis
(Wetterslev 2008, doi:10.1016/j.jclinepi.2007.03.013).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from openkap.core.errors import InputError
from openkap.evidence.estimates import Doubt, Floats, check_estimates, check_level
from openkap.evidence.pooling import pool

TAU2_POINTS = 41


@dataclass(frozen=True)
class ConfidenceSequence:
    """One row per look (after each study), (k,): estimate, interval valid at all looks, always-valid
    p-value.
    """

    estimate: Floats
    low: Floats
    high: Floats
    p_value: Floats
    information: Floats
    tau2_max: float
    prior_sd: float
    level: float
    warnings: tuple[Doubt, ...]


def confidence_sequence(
    yi: ArrayLike,
    vi: ArrayLike,
    *,
    tau2_max: float,
    prior_sd: float = 0.5,
    level: float = 0.95,
    order: ArrayLike | None = None,
) -> ConfidenceSequence:
    """Intervals and p-values that stay valid under any number of looks.

    Parameters
    ----------
    yi, vi : (k,) estimates and sampling variances in the order of arrival (or give ``order``).
    tau2_max : the largest between-study variance thought possible, **chosen before looking**. The sequence
    is the
        union over all tau2 from 0 to it, so it holds whatever tau2 is in that range; it is wider for a
        larger one.
    prior_sd : the size of effect at which the sequence is made sharpest, in the unit of ``yi``.

    Notes
    -----
    With weights 1/(vi + tau2) the sum S = sum w y has information V = sum w; for the true tau2,
    exp(S^2 / 2(V + r)) sqrt(r / (V + r)) with r = 1/prior_sd^2 is a martingale of mean 1 under effect 0. The
    interval is the set of effects not rejected by it. Intersecting looks is not done: the current one is
    shown.
    """
    y, v = check_estimates(yi, vi, least=1)
    if not (tau2_max >= 0 and prior_sd > 0):
        raise InputError(
            "a setting is out of range", value=f"{tau2_max}, {prior_sd}", limit="tau2_max 0 or more"
        )
    if order is not None:
        arrival = np.argsort(np.asarray(order), kind="stable")
        y, v = y[arrival], v[arrival]
    tau2 = _tau2_grid(tau2_max)
    mean, half, log_e, total = _mixture(y, v, tau2, prior_sd, level)
    middle = len(tau2) // 2
    return ConfidenceSequence(
        estimate=mean[middle],
        low=(mean - half).min(axis=0),
        high=(mean + half).max(axis=0),
        p_value=np.minimum.accumulate(np.minimum(1.0, np.exp(-log_e.min(axis=0)))),
        information=total[middle],
        tau2_max=tau2_max,
        prior_sd=prior_sd,
        level=level,
        warnings=_sequence_doubts(y, v, tau2_max),
    )


def sequence_many(
    yi: Floats, vi: Floats, *, tau2_max: float, prior_sd: float, level: float
) -> tuple[Floats, Floats]:
    """The two ends of the sequences of many data sets (n, k) at once."""
    low, high = np.full(yi.shape, np.inf), np.full(yi.shape, -np.inf)
    for tau2 in _tau2_grid(tau2_max).ravel():
        mean, half, _, _ = _mixture(yi, vi, tau2, prior_sd, level)
        low, high = np.minimum(low, mean - half), np.maximum(high, mean + half)
    return low, high


def _tau2_grid(tau2_max: float) -> Floats:
    points = TAU2_POINTS if tau2_max > 0 else 1
    return np.asarray(np.linspace(0, math.sqrt(tau2_max), points)[:, None] ** 2)


def _mixture(
    y: Floats, v: Floats, tau2: Any, prior_sd: float, level: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Means, half widths, log e-values against 0 and information after each study, at given tau2."""
    alpha, r = 1 - check_level(level), 1 / prior_sd**2
    w = 1 / (v + tau2)
    total, score = np.cumsum(w, axis=-1), np.cumsum(w * y, axis=-1)
    half = np.sqrt((total + r) * (2 * math.log(1 / alpha) + np.log((total + r) / r))) / total
    return score / total, half, (np.log(r / (total + r)) + score**2 / (total + r)) / 2, total


def _sequence_doubts(y: Floats, v: Floats, tau2_max: float) -> tuple[Doubt, ...]:
    if y.size < 2 or pool(y, v).tau2 <= tau2_max:
        return ()
    text = f"tau2 is estimated above the assumed limit {tau2_max:g}: the sequence may not hold"
    return (Doubt("assumption", text),)


def obrien_fleming_spending(share: ArrayLike, alpha: float = 0.05) -> Floats:
    """The two-sided alpha spent at an information share, O'Brien-Fleming type (Lan & DeMets 1983)."""
    t = np.clip(np.asarray(share, float), 0.0, 1.0)
    with np.errstate(divide="ignore"):
        return np.asarray(4 * (1 - ndtr(ndtri(1 - alpha / 4) / np.sqrt(t))))


def alpha_boundaries(shares: Sequence[float], alpha: float = 0.05) -> Floats:
    """Two-sided z boundaries at increasing information shares, by recursive numerical integration.

    Armitage, McPherson & Rowe 1969; spending of O'Brien-Fleming type. Shares above 1 spend what is left.
    """
    t = np.asarray(shares, float)
    if t.size == 0 or t[0] <= 0 or (np.diff(t) <= 0).any():
        raise InputError("information shares must increase", value=list(shares), limit="above 0, increasing")
    spend = np.diff(np.r_[0.0, obrien_fleming_spending(t, alpha)])
    bounds = np.empty(t.size)
    grid = density = np.empty(0)
    for look in range(t.size):
        bounds[look] = _boundary(spend[look], t, look, grid, density)
        grid, density = _step(bounds[look], t, look, grid, density)
    return bounds


def _exit(bound: float, t: Floats, look: int, grid: Floats, density: Floats) -> float:
    if look == 0:
        return float(2 * ndtr(-bound))
    edge, sd = bound * math.sqrt(t[look]), math.sqrt(t[look] - t[look - 1])
    return float(density @ (ndtr((-edge - grid) / sd) + ndtr((grid - edge) / sd)))


def _boundary(spend: float, t: Floats, look: int, grid: Floats, density: Floats) -> float:
    if spend <= 0:
        return math.inf
    low, high = 0.0, 40.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _exit(middle, t, look, grid, density) > spend else (low, middle)
    return (low + high) / 2


def _step(bound: float, t: Floats, look: int, grid: Floats, density: Floats) -> tuple[Floats, Floats]:
    """The density of the score that has not left yet, times Gauss-Legendre weights on its range."""
    point, weight = np.polynomial.legendre.leggauss(201)
    # beyond eight standard deviations nothing is lost
    edge = min(bound, 8.0) * math.sqrt(t[look])
    new = edge * point
    if look == 0:
        law = np.exp(-(new**2) / (2 * t[0])) / math.sqrt(2 * math.pi * t[0])
    else:
        var = t[look] - t[look - 1]
        law = np.exp(-((new[:, None] - grid) ** 2) / (2 * var)) @ density / math.sqrt(2 * math.pi * var)
    return new, law * weight * edge


@dataclass(frozen=True)
class TrialSequential:
    """Cumulative z-values against boundaries; ``required`` is the information needed, ``share`` how much
    is there.
    """

    z: Floats
    boundary: Floats
    share: Floats
    required: float
    diversity: float
    crossed_at: int | None
    p_nominal: Floats
    warnings: tuple[Doubt, ...]


def trial_sequential(
    yi: ArrayLike,
    vi: ArrayLike,
    *,
    effect: float,
    alpha: float = 0.05,
    power: float = 0.9,
    diversity: float | None = None,
    method: str = "REML",
    test: str = "knha",
) -> TrialSequential:
    """Trial sequential analysis: is there enough information, and was a boundary crossed on the way?

    Parameters
    ----------
    yi, vi : (k,) estimates and variances in the order of arrival.
    effect : the effect worth finding, set in advance.
    diversity : the share of variance due to heterogeneity (D2) assumed in advance; estimated when None,
    and then
        the required information moves with the data.

    Notes
    -----
    Required information is ((z_{1-alpha/2} + z_power) / effect)^2 / (1 - D2) in units of inverse variance.
    Boundaries hold for independent increments with known variances; estimated tau2 makes them approximate.
    After 20 looks at a true null the error was 0.05 to 0.07 with Knapp-Hartung and up to 0.10 with Wald tests
    (validation/sequential); for a guarantee use ``confidence_sequence``. ``crossed_at`` counts studies.
    """
    y, v = check_estimates(yi, vi)
    if effect == 0 or not 0 < power < 1:
        raise InputError("nothing to look for", value=f"effect {effect}, power {power}", limit="effect not 0")
    fits = [pool(y[: j + 1], v[: j + 1], method, test) for j in range(1, y.size)]
    p = np.array([fit.p_value for fit in fits])
    # the z-value with the same p, so that few studies are judged by t
    later = np.sign([fit.estimate for fit in fits]) * -ndtri(np.maximum(p, 1e-300) / 2)
    z = np.r_[y[0] / math.sqrt(v[0]), later]
    common = float((1 / v).sum())
    d2 = max(0.0, 1 - 1 / (fits[-1].se ** 2 * common)) if diversity is None else diversity
    required = ((ndtri(1 - alpha / 2) + ndtri(power)) / effect) ** 2 / (1 - d2)
    share = np.cumsum(1 / v) * 1.0 / required
    inside = int(np.searchsorted(share, 1.0, side="left")) + 1
    boundary = np.full(y.size, float(ndtri(1 - alpha / 2)))
    used = np.minimum(share[:inside], 1.0)
    boundary[: used.size] = alpha_boundaries(used.tolist(), alpha)
    over = np.flatnonzero(np.abs(z) >= boundary)
    doubts = []
    if share[-1] < 1:
        text = f"{100 * share[-1]:.0f}% of the required information: more trials are needed to conclude"
        doubts.append(Doubt("underpowered", text))
    if diversity is None:
        doubts.append(Doubt("data_driven", "heterogeneity was estimated from the same data as the test"))
    return TrialSequential(
        z=z,
        boundary=boundary,
        share=share,
        required=float(required),
        diversity=d2,
        crossed_at=int(over[0]) + 1 if over.size else None,
        p_nominal=np.r_[2 * ndtr(-abs(z[0])), p],
        warnings=tuple(doubts),
    )
