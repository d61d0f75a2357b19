"""Selection by p-value: results in some intervals of p are published less often, and by how much.

The step-function model (Hedges 1992; Vevea & Hedges 1995, doi:10.1007/BF02294384) by maximum likelihood. A
p-value is one-sided in the direction of the expected effect; the first interval has weight 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, erfc, ndtr, ndtri

from openkap.core.errors import InputError
from openkap.evidence.estimates import Doubt, Floats, check_estimates
from openkap.evidence.optimum import maximise_variances
from openkap.evidence.pooling import pool

# Estimates of selection are worthless from a handful: Hedges & Vevea 1996.
FEWEST_STUDIES = 10


@dataclass(frozen=True)
class Selection:
    """``weights`` are relative chances of publication by interval of p; the first is 1."""

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    p_value: float
    tau2: float
    steps: tuple[float, ...]
    weights: Floats
    weights_se: Floats
    counts: tuple[int, ...]
    lr: float
    lr_df: int
    lr_p: float
    loglik: float
    converged: bool
    k: int
    warnings: tuple[Doubt, ...]


def selection_model(
    yi: ArrayLike, vi: ArrayLike, *, steps: Sequence[float] = (0.025,), alternative: str = "greater"
) -> Selection:
    """The step-function selection model.

    Parameters
    ----------
    yi, vi : (k,) estimates and sampling variances.
    steps : cut points of the one-sided p-value, between 0 and 1.
    alternative : ``greater`` when welcome results are positive, ``less`` when negative.

    Raises
    ------
    InputError
        when an interval of p holds no study: its weight could not be estimated.
    """
    y, v = check_estimates(yi, vi, least=3)
    if alternative not in ("greater", "less"):
        raise InputError("unknown alternative", value=alternative, limit="greater, less")
    cuts = np.unique(np.asarray(steps, float))
    if cuts.size == 0 or cuts[0] <= 0 or cuts[-1] >= 1:
        raise InputError("steps are not p-values", value=list(steps), limit="between 0 and 1")
    flip = 1.0 if alternative == "greater" else -1.0
    y, se = flip * y, np.sqrt(v)
    interval = np.searchsorted(cuts, ndtr(-y / se), side="left")
    counts = np.bincount(interval, minlength=cuts.size + 1)
    if counts.min() == 0:
        empty = int(counts.argmin())
        edges = np.r_[0.0, cuts, 1.0]
        raise InputError(
            "no study has a p-value in an interval",
            value=f"{edges[empty]:g} to {edges[empty + 1]:g}",
            remedy="choose other steps; a weight needs studies in its interval",
        )
    borders = -ndtri(cuts)[:, None] * se
    start = pool(y, v, "ML")

    def loglik(theta: Any) -> Any:
        mu, tau2 = theta[0], theta[1]
        weights = np.concatenate([np.ones(1, dtype=theta.dtype), theta[2:]])
        spread = v + tau2
        above = 0.5 * erfc((borders - mu) / np.sqrt(2 * spread))
        edges = np.vstack([np.zeros((1, y.size)), above, np.ones((1, y.size))])
        chance = weights @ np.diff(edges, axis=0)
        core = -0.5 * (np.log(2 * np.pi * spread) + (y - mu) ** 2 / spread)
        with np.errstate(divide="ignore", invalid="ignore"):
            # a step to weight 0 is impossible data: the search turns back from minus infinity
            return (core + np.log(weights[interval]) - np.log(chance)).sum()

    positive = np.ones(cuts.size + 2, bool)
    positive[0] = False
    starts = [
        np.r_[start.estimate * pull, start.tau2 * wide + 1e-3 * v.mean(), np.full(cuts.size, weight)]
        for pull in (1.0, 0.5)
        for wide in (1.0, 0.3)
        for weight in (1.0, 0.3)
    ]
    scale = max(start.tau2, float(v.mean()))
    theta, value, curve, converged = maximise_variances(
        loglik, cuts.size + 2, scale, lambda _: starts, positive
    )
    free = ~(positive & (theta <= 0))
    error = np.full(theta.size, np.nan)
    error[free] = np.sqrt(np.diag(np.linalg.inv(-curve[np.ix_(free, free)])))
    half = 1.959963984540054 * error[0]
    lr = max(0.0, 2 * (value - start.loglik))
    estimate = flip * float(theta[0])
    doubts = [Doubt("sensitivity_only", "the model assumes that selection works through p-values alone")]
    if y.size < FEWEST_STUDIES or counts.min() < 3:
        doubts.append(
            Doubt("few_studies", f"{y.size} studies, {counts.min()} in one interval: weights are vague")
        )
    if not converged:
        doubts.append(Doubt("not_converged", "the likelihood was still rising when the search stopped"))
    return Selection(
        estimate=estimate,
        se=float(error[0]),
        ci_low=estimate - half,
        ci_high=estimate + half,
        p_value=float(2 * ndtr(-abs(theta[0] / error[0]))),
        tau2=float(theta[1]),
        steps=tuple(cuts.tolist()),
        weights=np.r_[1.0, theta[2:]],
        weights_se=np.r_[0.0, error[2:]],
        counts=tuple(counts.tolist()),
        lr=lr,
        lr_df=cuts.size,
        lr_p=float(chdtrc(cuts.size, lr)),
        loglik=value,
        converged=converged,
        k=y.size,
        warnings=tuple(doubts),
    )
