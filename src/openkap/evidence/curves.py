"""Contrasts that follow a curve: one engine for dose-response, time-course and their joint model.

Each study gives estimates with a known covariance; their expectation is linear in some coefficients once a
few
shape parameters (an ED50, a half-time) are fixed. Random effects are a variance for the study's deviation
along
the curve. Shape parameters are profiled on a grid and refined; coefficients and tau2 are fitted inside.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import chdtri

from openkap.core.errors import InputError
from openkap.evidence.estimates import Doubt, Floats
from openkap.evidence.optimum import maximise_variances
from openkap.evidence.pooling import quantile, two_sided

REFINEMENT_ROUNDS = 5
# Step in the logarithm of a shape parameter: wide enough that the likelihood moves by more than its rounding.
SHAPE_STEP = 0.02
REFINEMENT_POINTS = 9


@dataclass(frozen=True)
class Block:
    """One study's estimates (n,), their covariance (n, n), and where they stand: columns of predictors
    (n,).
    """

    name: str
    y: Floats
    covariance: Floats
    at: dict[str, Floats]


@dataclass(frozen=True)
class Curve:
    """A fitted curve: coefficients with errors, tau2 of the deviation along it, and its shape parameters."""

    names: tuple[str, ...]
    beta: Floats
    se: Floats
    p_values: Floats
    ci_low: Floats
    ci_high: Floats
    vcov: Floats
    tau2: Floats
    shape: dict[str, float]
    shape_low: dict[str, float]
    shape_high: dict[str, float]
    loglik: float
    aic: float
    q: float
    df: int
    studies: int
    converged: bool
    method: str
    level: float
    warnings: tuple[Doubt, ...]


Basis = Callable[[dict[str, Floats], dict[str, float]], Any]


def fit_linear(
    blocks: Sequence[Block],
    basis: Basis,
    names: Sequence[str],
    *,
    shape: dict[str, float] | None = None,
    random: str = "diagonal",
    method: str = "REML",
    level: float = 0.95,
) -> Curve:
    """Generalised least squares with random coefficients, the shape parameters being given.

    ``random``: ``diagonal`` (each coefficient varies between studies), ``scale`` (one variance: a study's
    whole
    curve is stretched), ``none``.
    """
    shape = shape or {}
    design = [np.asarray(basis(block.at, shape), float).reshape(block.y.size, -1) for block in blocks]
    x, y = np.vstack(design), np.concatenate([block.y for block in blocks])
    k, p = x.shape
    if np.linalg.matrix_rank(x) < p or k <= p:
        raise InputError(
            "the curve cannot be estimated from these points",
            value=f"{k} points, {p} coefficients",
            remedy="choose a simpler curve, or add studies at other doses or times",
        )
    restricted = method == "REML"
    constant = np.linalg.slogdet(x.T @ x)[1] if restricted else 0.0

    products = _products(blocks, design)

    def loglik(theta: Any) -> Any:
        logdet, matrix = products(theta)
        gram, cross = matrix[:-1, :-1], matrix[:-1, -1]
        twice = -logdet - matrix[-1, -1] + cross @ np.linalg.solve(gram, cross)
        if restricted:
            sign, size = np.linalg.slogdet(gram)
            twice = twice - size - (np.log(sign) if np.iscomplexobj(gram) else 0.0) + constant
        return (twice - (k - p * restricted) * np.log(2 * np.pi)) / 2

    if random == "none":
        theta, value, converged = np.zeros(1), float(loglik(np.zeros(1))), True
    else:
        size = p if random == "diagonal" else 1
        slope = np.linalg.lstsq(x, y, rcond=None)[0]
        scale = float(np.mean(slope**2)) or 1.0
        theta, value, _, converged = maximise_variances(loglik, size, scale)
    _, matrix = products(theta)
    vcov = np.linalg.inv(matrix[:-1, :-1])
    beta = vcov @ matrix[:-1, -1]
    plain = products(np.zeros(1))[1]
    q = float(plain[-1, -1] - plain[:-1, -1] @ np.linalg.solve(plain[:-1, :-1], plain[:-1, -1]))
    se = np.sqrt(np.diag(vcov))
    half = quantile(level, None)
    parameters = (0 if random == "none" else theta.size) + len(shape) + (0 if restricted else p)
    return Curve(
        names=tuple(names),
        beta=beta,
        se=se,
        p_values=np.array([two_sided(float(each), None) for each in beta / se]),
        ci_low=beta - half * se,
        ci_high=beta + half * se,
        vcov=vcov,
        tau2=theta,
        shape=dict(shape),
        shape_low={},
        shape_high={},
        loglik=value,
        aic=2 * parameters - 2 * value,
        q=q,
        df=k - p,
        studies=len(blocks),
        converged=converged,
        method=method,
        level=level,
        warnings=_doubts(len(blocks), theta, random, converged),
    )


def _products(blocks: Sequence[Block], design: Sequence[Floats]) -> Callable[[Any], tuple[Any, Any]]:
    """log|V| and [X y]'V^-1[X y] by the variances; studies of equal size are solved together."""
    sizes: dict[int, list[int]] = {}
    for i, block in enumerate(blocks):
        sizes.setdefault(block.y.size, []).append(i)
    parts = []
    for same in sizes.values():
        data = [np.column_stack([design[i], blocks[i].y]) for i in same]
        parts.append((np.array([blocks[i].covariance for i in same]), np.array(data)))

    def products(theta: Any) -> tuple[Any, Any]:
        logdet: Any = 0.0
        matrix: Any = 0.0
        for base, data in parts:
            own = data[:, :, :-1]
            v = base + (own * theta) @ own.transpose(0, 2, 1)
            sign, size = np.linalg.slogdet(v)
            logdet = logdet + (size + np.log(sign) if np.iscomplexobj(v) else size).sum()
            matrix = matrix + np.einsum("cni,cnj->ij", data, np.linalg.solve(v, data))
        return logdet, matrix

    return products


def fit_shape(
    blocks: Sequence[Block],
    basis: Basis,
    names: Sequence[str],
    grids: dict[str, Floats],
    *,
    random: str = "scale",
    level: float = 0.95,
) -> Curve:
    """The same with shape parameters chosen by maximum likelihood on ``grids`` refined around the best point.

    ``shape_low`` and ``shape_high`` are profile-likelihood limits on the grid; infinite where the grid
    ends first. Errors of the coefficients carry what the shape leaves open.
    """

    def at(point: Sequence[float]) -> Curve:
        shape = dict(zip(grids, point, strict=True))
        return fit_linear(blocks, basis, names, shape=shape, random=random, method="ML", level=level)

    def profile(point: Sequence[float]) -> float:
        try:
            return at(point).loglik
        except InputError:
            return -np.inf

    table = {
        point: profile(point) for point in itertools.product(*(grid.tolist() for grid in grids.values()))
    }
    best = max(table, key=lambda point: table[point])
    drop = float(chdtri(1, 1 - level)) / 2
    near = [point for point, value in table.items() if value >= table[best] - drop]
    low, high = {}, {}
    for i, (name, grid) in enumerate(grids.items()):
        inside = [point[i] for point in near]
        low[name] = min(inside) if min(inside) > grid[0] else 0.0
        high[name] = max(inside) if max(inside) < grid[-1] else np.inf
    best = _refine(profile, best, grids)
    fit = at(best)
    fit = _with_shape_uncertainty(fit, at, best)
    doubts = list(fit.warnings)
    for name in grids:
        if low[name] == 0 or np.isinf(high[name]):
            text = f"{name} is not determined by these studies on one side or both"
            doubts.append(Doubt("not_identified", text))
    return replace(fit, shape_low=low, shape_high=high, warnings=tuple(doubts))


def _with_shape_uncertainty(
    fit: Curve, at: Callable[[Sequence[float]], Curve], best: Sequence[float]
) -> Curve:
    """Coefficients that also vary with the shape: their errors at a known shape are too small.

    The shape's own covariance is the inverse curvature of the profile likelihood, over the logarithms of the
    shape parameters; the coefficients follow it along their path (a first-order expansion).
    """
    size, centre = len(best), np.log(best)

    def moved(*steps: tuple[int, float]) -> Curve:
        point = centre.copy()
        for i, step in steps:
            point[i] += step * SHAPE_STEP
        return at(np.exp(point).tolist())

    hessian, path = np.empty((size, size)), np.empty((fit.beta.size, size))
    for i in range(size):
        up, down = moved((i, 1.0)), moved((i, -1.0))
        hessian[i, i] = (up.loglik - 2 * fit.loglik + down.loglik) / SHAPE_STEP**2
        path[:, i] = (up.beta - down.beta) / (2 * SHAPE_STEP)
        for j in range(i):
            corners = [moved((i, a), (j, b)).loglik for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            hessian[i, j] = hessian[j, i] = (corners[0] - corners[1] - corners[2] + corners[3]) / (
                4 * SHAPE_STEP**2
            )
    if np.linalg.eigvalsh(hessian).max() >= 0:
        text = "the shape is so uncertain that the errors of the coefficients are too small"
        return replace(fit, warnings=(*fit.warnings, Doubt("shape_uncertain", text)))
    vcov = fit.vcov - path @ np.linalg.inv(hessian) @ path.T
    text = (
        "the errors of the coefficients allow for the estimated shape to first order only: where the shape "
        "is poorly determined they are too small and their intervals too narrow"
    )
    se, half = np.sqrt(np.diag(vcov)), quantile(fit.level, None)
    return replace(
        fit,
        vcov=vcov,
        se=se,
        p_values=np.array([two_sided(float(each), None) for each in fit.beta / se]),
        ci_low=fit.beta - half * se,
        ci_high=fit.beta + half * se,
        warnings=(*fit.warnings, Doubt("first_order", text)),
    )


def _refine(
    profile: Callable[[Sequence[float]], float], best: Sequence[float], grids: dict[str, Floats]
) -> tuple[float, ...]:
    point = list(best)
    ratios = [float(grid[1] / grid[0]) for grid in grids.values()]
    for _ in range(REFINEMENT_ROUNDS):
        for i, ratio in enumerate(ratios):
            around = (point[i] * np.geomspace(1 / ratio, ratio, REFINEMENT_POINTS)).tolist()
            values = [profile([*point[:i], each, *point[i + 1 :]]) for each in around]
            point[i] = around[int(np.argmax(values))]
        ratios = [ratio ** (2 / (REFINEMENT_POINTS - 1)) for ratio in ratios]
    return tuple(point)


def _doubts(studies: int, theta: Floats, random: str, converged: bool) -> tuple[Doubt, ...]:
    found = []
    if studies < 5:
        found.append(Doubt("few_studies", f"{studies} studies: a curve between studies is barely estimable"))
    if random != "none" and (theta == 0).any():
        found.append(Doubt("boundary", "a variance between studies is estimated as 0"))
    if not converged:
        found.append(Doubt("not_converged", "the likelihood was still rising when the search stopped"))
    return tuple(found)
