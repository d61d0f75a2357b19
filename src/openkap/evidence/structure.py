"""Covariance structures of correlated random effects, each with parameters free of constraints or kept at
0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from openkap.core.errors import InputError
from openkap.evidence.estimates import Floats


@dataclass(frozen=True)
class Structure:
    """``size`` parameters, the matrix (m, m) they give, where to start, and which may not leave 0."""

    size: int
    matrix: Callable[[Any], Any]
    starts: Callable[[float], list[Floats]]
    positive: Any


def structure_of(name: str, m: int) -> Structure:
    """The structure UN, HCS, CS or DIAG for ``m`` outcomes."""
    if name not in _STRUCTURES:
        raise InputError("unknown structure", value=name, limit=", ".join(_STRUCTURES))
    return _STRUCTURES[name](m)


def _unstructured(m: int) -> Structure:
    i, j = np.tril_indices(m)

    def matrix(theta: Any) -> Any:
        root = np.zeros((m, m), dtype=np.asarray(theta).dtype)
        root[i, j] = theta
        return root @ root.T

    def starts(scale: float) -> list[Floats]:
        points = []
        for size in (0.2, 0.5, 1.0):
            for r in (-0.5, 0.0, 0.6):
                floor = -0.9 / (m - 1) if m > 1 else 0.0
                shape = np.full((m, m), max(r, floor)) + np.eye(m) * (1 - max(r, floor))
                points.append(size * np.sqrt(scale) * np.linalg.cholesky(shape)[i, j])
        return points

    return Structure(i.size, matrix, starts, np.zeros(i.size, bool))


def _correlated(m: int, sds: Callable[[Any], Any], size: int) -> Structure:
    """Standard deviations and one correlation, between -1/(m-1) and 1."""
    low = -1 / (m - 1) if m > 1 else -1.0

    def matrix(theta: Any) -> Any:
        rho = low + (1 - low) * (1 + np.tanh(theta[-1])) / 2
        sd = sds(theta)
        return sd[:, None] * sd[None, :] * (rho + (1 - rho) * np.eye(m))

    def starts(scale: float) -> list[Floats]:
        roots = [share * np.sqrt(scale) for share in (0.2, 0.5, 1.0)]
        return [np.r_[np.full(size - 1, root), z] for root in roots for z in (-0.5, 0.3, 1.5)]

    return Structure(size, matrix, starts, np.zeros(size, bool))


def _compound(m: int) -> Structure:
    return _correlated(m, lambda theta: theta[0] * np.ones(m), 2)


def _heterogeneous(m: int) -> Structure:
    return _correlated(m, lambda theta: theta[:-1], m + 1)


def _diagonal(m: int) -> Structure:
    def starts(scale: float) -> list[Floats]:
        return [np.full(m, share * scale) for share in (0.05, 0.25, 1.0)]

    return Structure(m, lambda theta: np.asarray(theta) * np.eye(m), starts, np.ones(m, bool))


_STRUCTURES: dict[str, Callable[[int], Structure]] = {
    "UN": _unstructured,
    "HCS": _heterogeneous,
    "CS": _compound,
    "DIAG": _diagonal,
}
