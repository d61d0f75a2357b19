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
# A covariance whose smallest direction is this much smaller than its largest is on its way to a singular one.
SINGULAR = 1e-10


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
        when fewer than two people were seen at some time, or the scores of few people lie on a line, so that
        the likelihood has no maximum.
    """
    stats = _Patterns.of([row for row in rows if "1" in row["pattern"]], times)
    counts = stats.people @ stats.seen
    if (counts < 2).any():
        raise InputError(
            "too few scores for a model of the trajectory",
            value=f"{int(counts.min())} people at one of the times",
            limit="two people at every time",
            remedy="leave that time out, or wait",
        )
    n = int(stats.people.sum())
    mean = stats.sums.sum(axis=0) / counts
    covariance = np.diag(np.diag(stats.products.sum(axis=0)) / counts - mean**2)
    _refuse_degenerate(covariance, counts)
    loglik, converged, iteration = -np.inf, False, 0
    for _ in range(most):
        iteration += 1
        first, second, fresh = stats.complete(mean, covariance)
        mean = first / n
        covariance = second / n - np.outer(mean, mean)
        _refuse_degenerate(covariance, counts)
        if fresh - loglik < tolerance * abs(fresh):
            loglik, converged = fresh, True
            break
        loglik = fresh
    inverse, _ = stats.inverses(covariance)
    information = np.tensordot(stats.people, inverse, 1)
    return Trajectory(
        mean, covariance, np.asarray(np.linalg.inv(information), float), n, loglik, iteration, converged
    )


def _refuse_degenerate(covariance: Floats, counts: Floats) -> None:
    least, *_, largest = np.linalg.eigvalsh(covariance)
    if least <= SINGULAR * largest:
        raise InputError(
            "the scores of so few people do not determine a model of the trajectory",
            value=f"{int(counts.min())} people at one of the times",
            limit="scores that do not lie on a line",
            remedy="leave that time out, or wait",
        )


@dataclass(frozen=True)
class _Patterns:
    """People by the times seen (M patterns, T times): ``seen`` (M, T) as 0 or 1, ``people`` (M,), ``sums``
    (M, T) and ``products`` (M, T, T), which are zero where a time was not seen.
    """

    seen: Floats
    people: Floats
    sums: Floats
    products: Floats

    @classmethod
    def of(cls, rows: Rows, times: int) -> _Patterns:
        shape = (len(rows), times)
        seen = np.array([[mark == "1" for mark in row["pattern"]] for row in rows], float).reshape(shape)
        sums = np.array([[row[f"s_{i}"] for i in range(times)] for row in rows], float).reshape(shape)
        cross = [
            [[row[f"p_{min(i, j)}_{max(i, j)}"] for j in range(times)] for i in range(times)] for row in rows
        ]
        products = np.array(cross, float).reshape(*shape, times)
        return cls(seen, np.array([row["people"] for row in rows], float), sums, products)

    def inverses(self, covariance: Floats) -> tuple[Floats, Floats]:
        """Inverse of each pattern's block of the covariance (zero elsewhere), and its log-determinant.

        Times not seen hold ones on the diagonal meanwhile, which leaves block and determinant as they are.
        """
        both = self.seen[:, :, None] * self.seen[:, None, :]
        padded = covariance * both + np.eye(self.seen.shape[1]) * (1 - self.seen)[:, None, :]
        return np.linalg.inv(padded) * both, np.asarray(np.linalg.slogdet(padded)[1])

    def complete(self, mean: Floats, covariance: Floats) -> tuple[Floats, Floats, float]:
        """Expected sums and cross-products of all times given those seen, over all patterns; log-likelihood
        of those seen.
        """
        inverse, logdet = self.inverses(covariance)
        unseen = 1 - self.seen
        own = np.eye(len(mean)) * self.seen[:, None, :]
        slope = own + unseen[:, :, None] * (covariance @ inverse)
        shift = mean - slope @ mean
        known = np.einsum("mij,mj->mi", slope, self.sums)
        spread = (covariance - slope @ covariance) * unseen[:, :, None] * unseen[:, None, :]
        linear = known[:, :, None] * shift[:, None, :]
        weight = self.people[:, None, None]
        products = (
            slope @ self.products @ slope.transpose(0, 2, 1)
            + linear
            + linear.transpose(0, 2, 1)
            + weight * (spread + shift[:, :, None] * shift[:, None, :])
        )
        crossed = self.sums[:, :, None] * mean
        centred = self.products - crossed - crossed.transpose(0, 2, 1) + weight * np.outer(mean, mean)
        fit = self.people * (self.seen.sum(axis=1) * np.log(2 * np.pi) + logdet)
        loglik = -0.5 * float(fit.sum() + (inverse * centred).sum())
        first = known.sum(axis=0) + self.people @ shift
        return first, products.sum(axis=0), loglik


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
