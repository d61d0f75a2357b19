"""Trajectories: a repeated-measures model from sums by pattern of what was seen, and mixed models by row.

The first fits the mean at each time and an unstructured covariance by maximum likelihood (EM, Dempster,
Laird & Rubin 1977; for patterns of missing values, Little & Rubin 2019, chapter 11) from cross-products by
pattern, so a million people cost as much as a hundred. It is unbiased when scores are missing at random given
the scores that were seen. The second hands rows to statsmodels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from openkap.core.errors import InputError
from openkap.registry.query import Rows

Floats = np.ndarray[Any, np.dtype[np.float64]]
Z95 = 1.959963984540054


@dataclass(frozen=True)
class Trajectory:
    """Means and covariance over baseline and each time, with the covariance of the means."""

    mean: Floats
    covariance: Floats
    mean_covariance: Floats
    people: int
    loglik: float
    iterations: int
    converged: bool

    def change(self, time: int) -> tuple[float, float, float]:
        """Mean change from baseline at one time, with its 95 % interval."""
        contrast = np.zeros(len(self.mean))
        contrast[time], contrast[0] = 1, contrast[0] - 1
        value = float(contrast @ self.mean)
        half = Z95 * float(np.sqrt(contrast @ self.mean_covariance @ contrast))
        return value, value - half, value + half

    def adjusted_change(self, time: int, baseline: float) -> tuple[float, float, float]:
        """Expected change of people whose baseline is ``baseline``, with its 95 % interval (delta method).

        The regression of the score on baseline that the covariance implies; its slope is taken as known.
        """
        slope = self.covariance[time, 0] / self.covariance[0, 0]
        contrast = np.zeros(len(self.mean))
        contrast[time], contrast[0] = 1, contrast[0] - slope
        value = float(contrast @ self.mean + (slope - 1) * baseline)
        half = Z95 * float(np.sqrt(contrast @ self.mean_covariance @ contrast))
        return value, value - half, value + half


def fit_trajectory(rows: Rows, times: int, *, tolerance: float = 1e-10, most: int = 5000) -> Trajectory:
    """Maximum-likelihood means and covariance from the ``Moments`` answer of an engine.

    Parameters
    ----------
    rows : one row per pattern, with ``pattern``, ``people``, ``s_i`` and ``p_i_j``.
    times : number of times, baseline included.

    Raises
    ------
    InputError
        when fewer than two people were seen at some time.
    """
    patterns = [(np.array([mark == "1" for mark in row["pattern"]]), row) for row in rows]
    patterns = [(seen, row) for seen, row in patterns if seen.any()]
    counts = np.sum([seen * row["people"] for seen, row in patterns], axis=0) if patterns else np.zeros(times)
    if (counts < 2).any():
        raise InputError(
            "too few scores for a model of the trajectory",
            value=f"{int(counts.min())} people at one of the times",
            limit="two people at every time",
            remedy="leave that time out, or wait",
        )
    stats = [_Pattern.of(seen, row) for seen, row in patterns]
    n = sum(each.people for each in stats)
    mean = sum(each.sums for each in stats) / counts
    covariance = np.diag(sum(np.diag(each.products) for each in stats) / counts - mean**2)
    loglik, converged, iteration = -np.inf, False, 0
    for _ in range(most):
        iteration += 1
        first, second, fresh = np.zeros(times), np.zeros((times, times)), 0.0
        for each in stats:
            s, p, value = each.complete(mean, covariance)
            first, second, fresh = first + s, second + p, fresh + value
        mean = first / n
        covariance = second / n - np.outer(mean, mean)
        if fresh - loglik < tolerance * abs(fresh):
            loglik, converged = fresh, True
            break
        loglik = fresh
    information = np.zeros((times, times))
    for each in stats:
        block = np.linalg.inv(covariance[np.ix_(each.seen, each.seen)])
        information[np.ix_(each.seen, each.seen)] += each.people * block
    return Trajectory(
        mean, covariance, np.asarray(np.linalg.inv(information), float), n, loglik, iteration, converged
    )


@dataclass(frozen=True)
class _Pattern:
    """People with the same times seen: their number, sums and cross-products."""

    seen: Any
    people: int
    sums: Floats
    products: Floats

    @classmethod
    def of(cls, seen: Any, row: dict[str, Any]) -> _Pattern:
        times = len(seen)
        products = np.zeros((times, times))
        for i in range(times):
            for j in range(i, times):
                products[i, j] = products[j, i] = row[f"p_{i}_{j}"]
        return cls(seen, int(row["people"]), np.array([float(row[f"s_{i}"]) for i in range(times)]), products)

    def complete(self, mean: Floats, covariance: Floats) -> tuple[Floats, Floats, float]:
        """Expected sums and cross-products of all times given those seen; log-likelihood of those seen."""
        o, u = np.flatnonzero(self.seen), np.flatnonzero(~self.seen)
        rows, gaps = o[:, None], u[:, None]
        block = covariance[rows, o]
        inverse = np.linalg.inv(block)
        slope = covariance[gaps, o] @ inverse
        shift = mean[u] - slope @ mean[o]
        s_o, p_oo = self.sums[o], self.products[rows, o]
        times = len(self.seen)
        sums, products = np.zeros(times), np.zeros((times, times))
        sums[o], sums[u] = s_o, self.people * shift + slope @ s_o
        cross = np.outer(shift, s_o) + slope @ p_oo
        spread = covariance[gaps, u] - slope @ covariance[rows, u]
        linear = np.outer(slope @ s_o, shift)
        products[rows, o] = p_oo
        products[gaps, o], products[rows, u] = cross, cross.T
        products[gaps, u] = (
            self.people * (spread + np.outer(shift, shift)) + linear + linear.T + slope @ p_oo @ slope.T
        )
        m = mean[o]
        centred = p_oo - np.outer(s_o, m) - np.outer(m, s_o) + self.people * np.outer(m, m)
        _, logdet = np.linalg.slogdet(block)
        loglik = -0.5 * (
            self.people * (len(m) * np.log(2 * np.pi) + logdet) + float(np.trace(inverse @ centred))
        )
        return sums, products, loglik


@dataclass(frozen=True)
class MixedFit:
    """A linear mixed model: fixed effects with standard errors, variances, and doubts."""

    names: tuple[str, ...]
    estimate: Floats
    se: Floats
    random_covariance: Floats
    residual_variance: float
    loglik: float
    converged: bool
    warnings: tuple[str, ...]


def fit_mixed(
    score: Floats,
    person: Any,
    fixed: dict[str, Floats],
    random: Sequence[str] = (),
    *,
    reml: bool = True,
) -> MixedFit:
    """A linear mixed model by row, fitted by statsmodels' ``MixedLM``.

    Parameters
    ----------
    score : (n,) scores. ``person`` : (n,) who. ``fixed`` : covariates by name, each (n,); an intercept
    is added.
    random : names in ``fixed`` with a random slope per person, beside the random intercept.
    """
    import warnings

    import statsmodels.api as sm

    names = ("intercept", *fixed)
    design = np.column_stack([np.ones(len(score)), *fixed.values()])
    slopes = np.column_stack([np.ones(len(score)), *(fixed[name] for name in random)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = sm.MixedLM(score, design, groups=person, exog_re=slopes).fit(
            reml=reml, method=["lbfgs", "bfgs"]
        )
    random_covariance = np.atleast_2d(np.asarray(result.cov_re))
    return MixedFit(
        names,
        np.asarray(result.fe_params),
        _fixed_errors(design, slopes, np.asarray(person), random_covariance, float(result.scale)),
        random_covariance,
        float(result.scale),
        float(result.llf),
        bool(result.converged),
        tuple(sorted({str(each.message) for each in caught})),
    )


def _fixed_errors(
    design: Floats, slopes: Floats, person: Floats, random_covariance: Floats, residual: float
) -> Floats:
    """Standard errors of the fixed effects at the fitted variances, as lme4 gives them.

    statsmodels' own rest on a joint curvature with the variances and differ by some percent.
    """
    information = np.zeros((design.shape[1], design.shape[1]))
    for each in np.unique(person):
        own = person == each
        z, x = slopes[own], design[own]
        spread = z @ random_covariance @ z.T + residual * np.eye(len(x))
        information += x.T @ np.linalg.solve(spread, x)
    return np.asarray(np.sqrt(np.diag(np.linalg.inv(information))))
