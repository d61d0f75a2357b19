"""Meta-regression: why effects differ, with moderators, subgroups and cluster-robust errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, fdtrc, ndtr, stdtr

from openkap.core.errors import InputError
from openkap.evidence.estimates import (
    COMMON_METHODS,
    Doubt,
    Floats,
    as_numbers,
    check_design,
    check_estimates,
    check_level,
    check_method,
    check_test,
)
from openkap.evidence.heterogeneity import estimate_tau2, tau2_standard_error, trace_p
from openkap.evidence.likelihood import MAX_STEPS, MeanLikelihood, RegressionLikelihood
from openkap.evidence.pooling import Pooled, pool, quantile
from openkap.evidence.robust import Robust, cluster_robust, cluster_rows

# Cochrane Handbook 10.11.4: at least ten studies for each moderator.
STUDIES_PER_MODERATOR = 10


@dataclass(frozen=True)
class Prediction:
    """Predicted effects at new moderators; arrays have shape (m,)."""

    estimate: Floats
    se: Floats
    ci_low: Floats
    ci_high: Floats
    prediction_low: Floats
    prediction_high: Floats


@dataclass(frozen=True)
class Regression:
    """A fitted meta-regression. ``i2`` and ``r2`` are in percent; the intercept is the first coefficient."""

    names: tuple[str, ...]
    beta: Floats
    se: Floats
    statistic: Floats
    p_values: Floats
    ci_low: Floats
    ci_high: Floats
    vcov: Floats
    df: int | None
    tau2: float
    tau2_se: float
    i2: float
    h2: float
    r2: float | None
    qm: float
    qm_p: float
    qe: float
    qe_p: float
    loglik: float
    k: int
    p: int
    converged: bool
    method: str
    test: str
    level: float
    warnings: tuple[Doubt, ...]
    design: Floats = field(repr=False)
    residual: Floats = field(repr=False)
    variances: Floats = field(repr=False)
    intercept: bool = True

    def robust(self, kind: str = "CR2", *, clusters: Sequence[Any]) -> Robust:
        """The same coefficients with errors that allow dependence within ``clusters``."""
        rows = cluster_rows(clusters, self.k)
        blocks = [(each, np.diag(self.variances[each])) for each in rows]
        return cluster_robust(
            x=self.design, residual=self.residual, beta=self.beta, blocks=blocks, kind=kind, level=self.level
        )

    def predict(self, X: ArrayLike) -> Prediction:
        """Effects expected at new rows of moderators (m, p - 1), without the intercept column."""
        new = as_numbers(X, "X")
        new = np.atleast_2d(new if new.ndim == 2 else new[:, None])
        rows = np.column_stack([np.ones(len(new)), new]) if self.intercept else new
        if rows.shape[1] != self.p:
            raise InputError(
                "the new rows have another width than the model", value=rows.shape[1], limit=str(self.p)
            )
        estimate = rows @ self.beta
        variance = np.einsum("mi,ij,mj->m", rows, self.vcov, rows)
        half = quantile(self.level, self.df)
        se, reach = np.sqrt(variance), np.sqrt(variance + self.tau2)
        return Prediction(
            estimate,
            se,
            estimate - half * se,
            estimate + half * se,
            estimate - half * reach,
            estimate + half * reach,
        )


def meta_regression(
    yi: ArrayLike,
    vi: ArrayLike,
    X: ArrayLike,
    *,
    method: str = "REML",
    test: str = "z",
    level: float = 0.95,
    names: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    intercept: bool = True,
) -> Regression:
    """Regress effects on moderators.

    Parameters
    ----------
    yi, vi : (k,) estimates and sampling variances.
    X : (k, m) moderators **without** the intercept column.
    method, test, level, labels : as in ``pool``.
    names : the m moderators' names.
    intercept : False when the columns of X already span a mean for each study, such as one column a group.

    Returns
    -------
    Regression
        ``qm`` tests all moderators together (F under ``t``, ``knha`` and ``adhoc``, chi-square under ``z``),
        ``qe`` is the heterogeneity left, ``r2`` the share of tau2 explained (None for common effects).
    """
    name, kind = check_method(method), check_test(test)
    y, v = check_estimates(yi, vi, labels)
    x = check_design(X, y.size, intercept=intercept)
    k, p = x.shape
    model = RegressionLikelihood(y, v, x)
    t, steps = (0.0, 0) if name in COMMON_METHODS else estimate_tau2(model, name)
    qe = float(model.generalised_q(0.0)[0])
    beta, vcov, residual = weighted_fit(x, y, v + t)
    factor = float((residual**2 / (v + t)).sum() / (k - p))
    if kind in ("knha", "adhoc"):
        vcov = vcov * (factor if kind == "knha" else max(1.0, factor))
    se = np.sqrt(np.diag(vcov))
    df = None if kind == "z" else k - p
    statistic = beta / se
    half = quantile(check_level(level), df)
    qm, qm_p = wald_test(beta, vcov, np.arange(int(intercept), p), df)
    typical = (k - p) / trace_p(model, 0.0)[0]
    random = name not in COMMON_METHODS
    h2 = t / typical + 1 if random else qe / (k - p)
    moderators = tuple(names) if names else tuple(f"x{i + 1}" for i in range(p - intercept))
    return Regression(
        names=("intercept", *moderators) if intercept else moderators,
        beta=beta,
        se=se,
        statistic=statistic,
        p_values=2 * (ndtr(-np.abs(statistic)) if df is None else stdtr(df, -np.abs(statistic))),
        ci_low=beta - half * se,
        ci_high=beta + half * se,
        vcov=vcov,
        df=df,
        tau2=t,
        tau2_se=tau2_standard_error(model, name, t) if random else math.nan,
        i2=100 * t / (t + typical) if random else max(0.0, 100 * (1 - 1 / h2)),
        h2=h2,
        r2=_explained(y, v, name, t) if random else None,
        qm=qm,
        qm_p=qm_p,
        qe=qe,
        qe_p=float(chdtrc(k - p, qe)),
        loglik=float(model.loglik(t, name == "REML")),
        k=k,
        p=p,
        converged=steps < MAX_STEPS,
        method=name,
        test=kind,
        level=level,
        warnings=_doubts(k, p, t, random),
        design=x,
        residual=residual,
        variances=v + t,
        intercept=intercept,
    )


def weighted_fit(x: Floats, y: Floats, variances: Floats) -> tuple[Floats, Floats, Floats]:
    """Weighted least squares by QR: coefficients, their covariance, residuals."""
    root = 1 / np.sqrt(variances)
    q, r = np.linalg.qr(x * root[:, None])
    inverse = np.linalg.inv(r)
    beta = inverse @ (q.T @ (y * root))
    return beta, inverse @ inverse.T, y - x @ beta


def wald_test(beta: Floats, vcov: Floats, which: Any, df: float | None) -> tuple[float, float]:
    """The joint test of some coefficients: chi-square, or F when ``df`` is given."""
    m = len(which)
    if m == 0:
        return 0.0, 1.0
    value = float(beta[which] @ np.linalg.solve(vcov[np.ix_(which, which)], beta[which]))
    if df is None:
        return value, float(chdtrc(m, value))
    return value / m, float(fdtrc(m, df, value / m))


def _explained(y: Floats, v: Floats, method: str, t: float) -> float:
    total, _ = estimate_tau2(MeanLikelihood(y, v), method)
    return max(0.0, 100 * (1 - t / total)) if total > 0 else 0.0


def _doubts(k: int, p: int, t: float, random: bool) -> tuple[Doubt, ...]:
    found = []
    if k < STUDIES_PER_MODERATOR * (p - 1):
        text = f"{k} studies for {p - 1} moderators: fewer than {STUDIES_PER_MODERATOR} each"
        found.append(Doubt("few_studies", text))
    if random and t == 0:
        found.append(Doubt("boundary", "the residual tau2 is estimated as 0"))
    return tuple(found)


@dataclass(frozen=True)
class Subgroups:
    """A pooled effect for each group and the test that they differ (chi-square, or F under knha)."""

    groups: dict[str, Pooled]
    q_between: float
    df: int
    p_value: float
    warnings: tuple[Doubt, ...]


def subgroups(
    yi: ArrayLike,
    vi: ArrayLike,
    group: Sequence[str],
    *,
    method: str = "REML",
    test: str = "z",
    level: float = 0.95,
) -> Subgroups:
    """Pool each group with its own tau2, and test the difference between groups.

    The test compares the groups' estimates by their standard errors (Borenstein 2009, chapter 19). A group
    of one
    study cannot be pooled and is refused.
    """
    y, v = check_estimates(yi, vi)
    names = list(dict.fromkeys(group))
    members = np.asarray(group, dtype=object)
    if members.size != y.size or len(names) < 2:
        raise InputError(
            "groups do not fit",
            value=f"{members.size} labels, {len(names)} groups",
            limit="one label per estimate",
        )
    fits = {}
    for name in names:
        rows = members == name
        if rows.sum() < 2:
            raise InputError(
                "a group has one study",
                value=name,
                limit="at least 2",
                remedy="join it to another or leave it out",
            )
        fits[str(name)] = pool(y[rows], v[rows], method, test, level=level)
    estimates = np.array([fit.estimate for fit in fits.values()])
    w = 1 / np.array([fit.se for fit in fits.values()]) ** 2
    mean = w.dot(estimates) / w.sum()
    q = float(w.dot((estimates - mean) ** 2))
    doubts = tuple(
        Doubt(doubt.code, f"{name}: {doubt.text}") for name, fit in fits.items() for doubt in fit.warnings
    )
    return Subgroups(fits, q, len(names) - 1, float(chdtrc(len(names) - 1, q)), doubts)
