"""Dependent effects: nested random effects (three levels and more) and several outcomes a study.

Here is what a person asks and gets; the likelihood behind it stands in ``marginal``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr, stdtr

from openkap.core.errors import InputError
from openkap.evidence.estimates import (
    Doubt,
    Floats,
    as_numbers,
    check_design,
    check_estimates,
    check_level,
)
from openkap.evidence.marginal import DenseProducts, NestedProducts, VarianceFit, maximise, nested_structure
from openkap.evidence.pooling import quantile
from openkap.evidence.regression import wald_test
from openkap.evidence.robust import Robust, cluster_robust, cluster_rows
from openkap.evidence.structure import structure_of

# Fewer groups than this carry hardly any information on the variance between them.
FEW_CLUSTERS = 10


@dataclass(frozen=True)
class Multilevel:
    """A fitted model. ``sigma2`` are the variances of the levels, outer first (or the structure's
    parameters).
    """

    names: tuple[str, ...]
    beta: Floats
    se: Floats
    statistic: Floats
    p_values: Floats
    ci_low: Floats
    ci_high: Floats
    vcov: Floats
    df: int | None
    sigma2: Floats
    sigma2_se: Floats
    rho: float | None
    i2: Floats
    loglik: float
    qe: float
    qe_p: float
    qm: float
    qm_p: float
    k: int
    groups: tuple[int, ...]
    prediction_low: float
    prediction_high: float
    converged: bool
    method: str
    test: str
    level: float
    warnings: tuple[Doubt, ...]
    design: Floats = field(repr=False)
    residual: Floats = field(repr=False)
    blocks: tuple[tuple[Any, Floats], ...] = field(repr=False)

    def robust(self, kind: str = "CR2") -> Robust:
        """The same coefficients with errors that hold if the working covariance is wrong within outer
        clusters.
        """
        return cluster_robust(
            x=self.design,
            residual=self.residual,
            beta=self.beta,
            blocks=self.blocks,
            kind=kind,
            level=self.level,
        )


def multilevel(
    yi: ArrayLike,
    vi: ArrayLike,
    clusters: Sequence[Sequence[Any]],
    X: ArrayLike | None = None,
    *,
    V: ArrayLike | None = None,
    method: str = "REML",
    test: str = "z",
    level: float = 0.95,
    names: Sequence[str] | None = None,
) -> Multilevel:
    """Nested random effects.

    Parameters
    ----------
    yi, vi : (k,) estimates and sampling variances.
    clusters : group labels for each level, outer first, each (k,): ``[study, effect]`` for the three-level
    model.
        Inner labels are read within their outer group.
    X : (k, m) moderators without the intercept column.
    V : (k, k) covariance of the sampling errors where they are dependent; block-diagonal by outer cluster
        (see ``impute_covariance``). Its diagonal takes the place of ``vi``.
    method : REML or ML.
    test : ``z`` or ``t`` (k - p degrees of freedom).
    """
    y, v = check_estimates(yi, vi)
    x = np.ones((y.size, 1)) if X is None else check_design(X, y.size)
    levels = _nested(clusters, y.size)
    groups = tuple(int(level.max()) + 1 for level in levels)
    if groups[0] < 2:
        raise InputError(
            "all estimates come from one outer group",
            value=f"{y.size} estimates",
            limit="at least 2 groups",
            remedy="one study cannot show how studies differ: report its estimates side by side",
        )
    rows = cluster_rows(levels[0].tolist(), y.size)
    covariance = None if V is None else _check_covariance(V, rows, y.size)
    data = np.column_stack([x, y])
    if covariance is None:
        products: Callable[[Any], tuple[Any, Any]] = NestedProducts(data, v, levels)
    else:
        products = DenseProducts(data, covariance, rows, nested_structure(levels))
    fit = maximise(products, data, len(levels), method, float(np.var(y)))

    def block(theta: Floats, each: Any) -> Floats:
        base = np.diag(v[each]) if covariance is None else covariance[np.ix_(each, each)]
        same = [theta[i] * (level[each][:, None] == level[each][None, :]) for i, level in enumerate(levels)]
        return np.asarray(base + sum(same))

    blocks = tuple((each, block(fit.theta, each)) for each in rows)
    doubts = _doubts(fit.theta, groups, fit.converged)
    return _summary(
        data,
        blocks,
        products,
        fit,
        method,
        test,
        level,
        names,
        groups,
        doubts,
        v,
        fit.theta,
        float(fit.theta.sum()),
    )


def multivariate(
    yi: ArrayLike,
    V: ArrayLike,
    clusters: Sequence[Any],
    outcomes: Sequence[Any],
    X: ArrayLike | None = None,
    *,
    struct: str = "UN",
    method: str = "REML",
    test: str = "z",
    level: float = 0.95,
) -> Multilevel:
    """Several outcomes a study, with random effects correlated within the study.

    Parameters
    ----------
    yi, V : (k,) estimates and their (k, k) sampling covariance, block-diagonal by cluster.
    clusters, outcomes : (k,) study and outcome of each estimate.
    X : moderators; by default a mean for each outcome. Given with no intercept column added.
    struct : ``UN`` (a variance for each outcome, all correlations), ``HCS`` (a variance each, one
        correlation), ``CS`` (one variance, one correlation), ``DIAG`` (a variance each, no correlation).

    Returns
    -------
    Multilevel
        ``sigma2`` holds the variances of the random effects by outcome and ``rho`` their (first) correlation.
    """
    y = as_numbers(yi, "yi")
    rows = cluster_rows(clusters, y.size)
    covariance = _check_covariance(V, rows, y.size)
    check_estimates(y, np.diag(covariance))
    kinds = list(dict.fromkeys(outcomes))
    index = np.array([kinds.index(each) for each in outcomes])
    names = tuple(str(each) for each in kinds)
    x = np.eye(len(kinds))[index] if X is None else check_design(X, y.size, intercept=False)
    structure = structure_of(struct, len(kinds))
    data = np.column_stack([x, y])
    products = DenseProducts(
        data, covariance, rows, lambda theta, each: _pick(structure.matrix(theta), index[each])
    )
    fit = maximise(
        products, data, structure.size, method, float(np.var(y)), structure.starts, structure.positive
    )
    g = structure.matrix(fit.theta)
    blocks = tuple((each, covariance[np.ix_(each, each)] + _pick(g, index[each])) for each in rows)
    doubts = _doubts(np.diag(g), (len(rows),), fit.converged)
    variances = np.diag(g).copy()
    scale = np.sqrt(np.prod(variances[:2])) if len(kinds) > 1 else 0.0
    result = _summary(
        data,
        blocks,
        products,
        fit,
        method,
        test,
        level,
        names if X is None else None,
        (len(rows),),
        doubts,
        np.diag(covariance),
        variances,
        float(variances[0]),
    )
    # the errors belong to the structure's own parameters, not to the variances
    unknown = np.full(variances.size, np.nan)
    return replace(result, rho=float(g[0, 1] / scale) if scale > 0 else None, sigma2_se=unknown)


def impute_covariance(vi: ArrayLike, clusters: Sequence[Any], r: float) -> Floats:
    """The (k, k) sampling covariance when estimates of one cluster correlate by ``r``, assumed, not known."""
    v = as_numbers(vi, "vi")
    if not -1 < r < 1:
        raise InputError("the correlation is impossible", value=r, limit="between -1 and 1")
    sd = np.sqrt(v)
    names = np.asarray(clusters, dtype=object)
    same = names[:, None] == names[None, :]
    covariance = np.where(same, r * np.outer(sd, sd), 0.0)
    np.fill_diagonal(covariance, v)
    return np.asarray(covariance)


def _pick(g: Any, index: Any) -> Any:
    return g[..., index[..., :, None], index[..., None, :]]


def _nested(clusters: Sequence[Sequence[Any]], k: int) -> list[Any]:
    """Each level's labels as integers, read within the level above; a level that splits nothing is
    refused.
    """
    if not clusters:
        raise InputError("no clusters", remedy="give at least the study of each estimate")
    levels: list[Any] = []
    above: list[Any] = [()] * k
    for depth, labels in enumerate(clusters):
        if len(labels) != k:
            raise InputError(
                "clusters and estimates differ in number",
                value=f"{len(labels)} and {k}",
                where=f"level {depth + 1}",
            )
        above = [(*outer, inner) for outer, inner in zip(above, labels, strict=True)]
        codes = {name: code for code, name in enumerate(dict.fromkeys(above))}
        level = np.array([codes[each] for each in above])
        if levels and level.max() == levels[-1].max():
            raise InputError(
                "two levels have the same groups",
                where=f"level {depth + 1}",
                remedy="leave one out: their variances cannot be told apart",
            )
        levels.append(level)
    return levels


def _check_covariance(V: ArrayLike, rows: Sequence[Any], k: int) -> Floats:
    covariance = as_numbers(V, "V")
    if covariance.shape != (k, k) or not np.allclose(covariance, covariance.T, rtol=1e-8, atol=0):
        raise InputError(
            "V is not a symmetric matrix over the estimates", value=covariance.shape, limit=f"{k} x {k}"
        )
    inside = np.zeros((k, k), bool)
    for each in rows:
        inside[np.ix_(each, each)] = True
        if np.linalg.eigvalsh(covariance[np.ix_(each, each)])[0] <= 0:
            raise InputError(
                "V is not positive definite",
                where=f"the cluster of row {each[0] + 1}",
                remedy="check variances and assumed correlations of this study",
            )
    if np.any(covariance[~inside] != 0):
        raise InputError(
            "V links estimates of different outer clusters",
            remedy="put estimates that share people in one cluster",
        )
    return covariance


def _summary(
    data: Floats,
    blocks: tuple[tuple[Any, Floats], ...],
    products: Callable[[Any], tuple[Any, Any]],
    fit: VarianceFit,
    method: str,
    test: str,
    level: float,
    names: Sequence[str] | None,
    groups: tuple[int, ...],
    doubts: tuple[Doubt, ...],
    sampling: Floats,
    variances: Floats,
    ahead: float,
) -> Multilevel:
    if test not in ("z", "t"):
        raise InputError("unknown test", value=test, limit="z, t", remedy="robust('CR2') has its own degrees")
    x, y = data[:, :-1], data[:, -1]
    k, p = x.shape
    _, matrix = products(fit.theta)
    vcov = np.linalg.inv(matrix[:-1, :-1])
    beta = vcov @ matrix[:-1, -1]
    _, plain = products(np.zeros(fit.theta.size))
    gram, cross = plain[:-1, :-1], plain[:-1, -1]
    qe = float(plain[-1, -1] - cross @ np.linalg.solve(gram, cross))
    se = np.sqrt(np.diag(vcov))
    df = None if test == "z" else k - p
    statistic = beta / se
    half = quantile(check_level(level), df)
    intercept = bool(np.all(x[:, 0] == 1))
    qm, qm_p = wald_test(beta, vcov, np.arange(int(intercept), p), df)
    reach = half * np.sqrt(vcov[0, 0] + ahead)
    return Multilevel(
        names=tuple(names) if names else ("intercept", *(f"x{i}" for i in range(1, p))),
        beta=beta,
        se=se,
        statistic=statistic,
        p_values=2 * (ndtr(-np.abs(statistic)) if df is None else stdtr(df, -np.abs(statistic))),
        ci_low=beta - half * se,
        ci_high=beta + half * se,
        vcov=vcov,
        df=df,
        sigma2=variances,
        sigma2_se=fit.error,
        rho=None,
        i2=_shares(variances, x, sampling),
        loglik=fit.loglik,
        qe=qe,
        qe_p=float(chdtrc(k - p, qe)),
        qm=qm,
        qm_p=qm_p,
        k=k,
        groups=groups,
        prediction_low=float(beta[0] - reach),
        prediction_high=float(beta[0] + reach),
        converged=fit.converged,
        method=method,
        test=test,
        level=level,
        warnings=doubts,
        design=x,
        residual=y - x @ beta,
        blocks=blocks,
    )


def _shares(theta: Floats, x: Floats, v: Floats) -> Floats:
    """The percentage of variance at each level beside the typical sampling variance."""
    w = 1 / v
    gram = x.T @ (w[:, None] * x)
    trace = w.sum() - np.trace(np.linalg.solve(gram, x.T @ ((w * w)[:, None] * x)))
    typical = (x.shape[0] - x.shape[1]) / trace
    return np.asarray(100 * theta / (theta.sum() + typical))


def _doubts(theta: Floats, groups: tuple[int, ...], converged: bool) -> tuple[Doubt, ...]:
    found = []
    if groups[0] < FEW_CLUSTERS:
        found.append(
            Doubt("few_clusters", f"{groups[0]} clusters: the variance between them is barely estimable")
        )
    if (theta == 0).any():
        found.append(Doubt("boundary", "a variance component is estimated as 0"))
    if not converged:
        found.append(Doubt("not_converged", "the likelihood was still rising when the search stopped"))
    return tuple(found)
