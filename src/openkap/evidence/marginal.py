"""The marginal likelihood of dependent effects, and its highest point.

The marginal covariance is block-diagonal. With nested effects and independent sampling errors each block is a
diagonal plus matrices of ones, inverted level by level (Sherman-Morrison), so that one likelihood costs O(k).
Otherwise blocks of equal size are solved together. Derivatives are complex-step, exact to rounding; a coarse
grid chooses where Newton's method starts, and variances that would leave 0 are held there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from openkap.core.errors import InputError
from openkap.evidence.estimates import Floats
from openkap.evidence.optimum import maximise_variances


class NestedProducts:
    """log|V| and [X y]'V^-1[X y] for nested effects and independent errors, level by level."""

    def __init__(self, data: Floats, v: Floats, levels: Sequence[Any]) -> None:
        order = np.lexsort(tuple(reversed(levels)))
        rows = np.column_stack([np.ones(len(data)), data])[order]
        w = 1 / v[order]
        # what no variance between groups can change
        self.sums = rows * w[:, None]
        self.total = self.sums[:, 1:].T @ rows[:, 1:]
        self.logdet = float(np.log(v).sum())
        self.starts = []
        below = np.arange(len(data))
        for level in reversed(levels):
            first = np.flatnonzero(np.r_[True, np.diff(below) != 0])
            here = level[order][first]
            self.starts.append(np.flatnonzero(np.r_[True, np.diff(here) != 0]))
            below = level[order]

    def __call__(self, theta: Any) -> tuple[Any, Any]:
        """At these variances; ``theta`` may carry a complex step."""
        sums, total, logdet = self.sums, self.total, self.logdet
        for sigma2, start in zip(theta[::-1], self.starts, strict=True):
            if start.size < len(sums):
                sums = np.add.reduceat(sums, start, axis=0)
            gain = 1 + sigma2 * sums[:, 0]
            shrunk = sums * (1 / gain)[:, None]
            total = total - sigma2 * (shrunk[:, 1:].T @ sums[:, 1:])
            logdet = logdet + np.log(gain).sum()
            sums = shrunk
        return logdet, total


class DenseProducts:
    """log|V| and [X y]'V^-1[X y] for any structure: clusters of equal size are solved together."""

    def __init__(
        self, data: Floats, covariance: Floats, rows: Sequence[Any], add: Callable[[Any, Any], Any]
    ) -> None:
        sizes: dict[int, list[Any]] = {}
        for each in rows:
            sizes.setdefault(len(each), []).append(each)
        self.add = add
        self.parts = []
        for same in sizes.values():
            index = np.array(same)
            self.parts.append((index, covariance[index[:, :, None], index[:, None, :]], data[index]))

    def __call__(self, theta: Any) -> tuple[Any, Any]:
        """At these variances; ``theta`` may carry a complex step."""
        logdet: Any = 0.0
        matrix: Any = 0.0
        for index, base, data in self.parts:
            block = base + self.add(theta, index)
            logdet = logdet + log_determinant(block).sum()
            matrix = matrix + np.einsum("cni,cnj->ij", data, np.linalg.solve(block, data))
        return logdet, matrix


def log_determinant(matrix: Any) -> Any:
    """Log det, also where the matrix carries a complex step."""
    sign, size = np.linalg.slogdet(matrix)
    return size + np.log(sign) if np.iscomplexobj(matrix) else size


def nested_structure(levels: Sequence[Any]) -> Callable[[Any, Any], Any]:
    """What nested effects add to the covariance of the rows at ``index``."""

    def add(theta: Any, index: Any) -> Any:
        return sum(
            theta[i] * (level[index][:, :, None] == level[index][:, None, :])
            for i, level in enumerate(levels)
        )

    return add


@dataclass(frozen=True)
class VarianceFit:
    """Variances at the highest likelihood; ``error`` is nan for those held at 0."""

    theta: Floats
    loglik: float
    error: Floats
    converged: bool


def maximise(
    products: Callable[[Any], tuple[Any, Any]],
    data: Floats,
    size: int,
    method: str,
    scale: float,
    starts: Callable[[float], list[Floats]] | None = None,
    positive: Any = None,
) -> VarianceFit:
    """The variances that maximise the (restricted) likelihood of ``data``, its last column the estimates."""
    if method not in ("REML", "ML"):
        raise InputError("unknown method", value=method, limit="REML, ML", remedy="REML is the default")
    x = data[:, :-1]
    k, p = x.shape
    restricted = method == "REML"
    constant = float(np.linalg.slogdet(x.T @ x)[1]) if restricted else 0.0

    def loglik(theta: Any) -> Any:
        logdet, matrix = products(theta)
        gram, cross, square = matrix[:-1, :-1], matrix[:-1, -1], matrix[-1, -1]
        rest = square - cross @ np.linalg.solve(gram, cross)
        twice = -logdet - rest - (k - p * restricted) * np.log(2 * np.pi) + constant
        return (twice - (log_determinant(gram) if restricted else 0.0)) / 2

    theta, value, hessian, converged = maximise_variances(loglik, size, scale, starts, positive)
    free = theta > 0 if positive is None else np.ones(size, bool)
    error = np.full(size, np.nan)
    if free.any():
        with np.errstate(invalid="ignore"):
            error[free] = np.sqrt(np.diag(np.linalg.pinv(-hessian[np.ix_(free, free)])))
    return VarianceFit(theta, value, error, converged)
