"""The linear model of a network: every trial with the inverse of its contrast covariance, and tau2.

tau2 by the method of moments (Jackson 2013, as in netmeta), REML or ML.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from openkap.core.errors import InputError
from openkap.evidence.estimates import Floats
from openkap.evidence.network_trials import Trial
from openkap.evidence.optimum import maximise_variances


class NetworkModel:
    """Trials stacked by arm count, so that the sums over trials are a few batched products."""

    def __init__(self, trials: Sequence[Trial], columns: Floats) -> None:
        sizes: dict[int, list[Trial]] = {}
        for trial in trials:
            sizes.setdefault(len(trial.arms), []).append(trial)
        self.parts = []
        self.k = sum(len(trial.effects) for trial in trials)
        self.p = columns.shape[1]
        for size, same in sizes.items():
            arms = np.array([trial.arms for trial in same])
            x = columns[arms[:, 1:]] - columns[arms[:, :1]]
            y = np.array([trial.effects for trial in same])
            base = np.array([trial.covariance for trial in same])
            # between-trial covariance of contrasts with a common arm: tau2 on, tau2/2 off the diagonal
            shape = (np.eye(size - 1) + 1) / 2
            self.parts.append((np.concatenate([x, y[:, :, None]], axis=2), base, shape))

    def products(self, t: Any) -> tuple[Any, Any]:
        """log|V| and [X y]'V^-1[X y]."""
        logdet: Any = 0.0
        matrix: Any = 0.0
        for data, base, shape in self.parts:
            block = base + t * shape
            if shape.shape[0] == 1:
                block = block[:, :, 0]
                logdet = logdet + np.log(block).sum()
                matrix = matrix + data[:, 0].T @ (data[:, 0] / block)
            else:
                sign, size = np.linalg.slogdet(block)
                logdet = logdet + (size + np.log(sign) if np.iscomplexobj(block) else size).sum()
                matrix = matrix + np.einsum("cni,cnj->ij", data, np.linalg.solve(block, data))
        return logdet, matrix

    def solve(self, t: float) -> tuple[Floats, Floats, float]:
        """Coefficients, their covariance, and Q."""
        _, matrix = self.products(t)
        vcov = np.linalg.inv(matrix[:-1, :-1])
        beta = vcov @ matrix[:-1, -1]
        return beta, vcov, max(0.0, float(matrix[-1, -1] - matrix[:-1, -1] @ beta))

    def moments(self) -> tuple[float, float]:
        """By how much Q exceeds its degrees of freedom, and by how much for each unit of tau2."""
        _, vcov, q = self.solve(0.0)
        trace = 0.0
        gram: Any = 0.0
        for data, base, shape in self.parts:
            x = data[:, :, :-1]
            inverse = np.linalg.inv(base)
            trace += float(np.einsum("cij,ji->", inverse, shape))
            half = inverse @ x
            gram = gram + np.einsum("cni,nm,cmj->ij", half, shape, half)
        return q - (self.k - self.p), float(trace - np.sum(vcov * gram.T))

    def likelihood(self, restricted: bool) -> float:
        """tau2 by (restricted) maximum likelihood."""

        def loglik(theta: Any) -> Any:
            logdet, matrix = self.products(theta[0])
            gram, cross = matrix[:-1, :-1], matrix[:-1, -1]
            rest = matrix[-1, -1] - cross @ np.linalg.solve(gram, cross)
            if not restricted:
                return -(logdet + rest) / 2
            sign, size = np.linalg.slogdet(gram)
            return -(logdet + rest + size + (np.log(sign) if np.iscomplexobj(gram) else 0.0)) / 2

        scale = float(
            np.mean(np.concatenate([np.einsum("cii->ci", base).ravel() for _, base, _ in self.parts]))
        )
        theta, _, _, _ = maximise_variances(loglik, 1, scale, _network_starts)
        return float(theta[0])


def _network_starts(scale: float) -> list[Floats]:
    return [np.array([scale * share]) for share in (0.0, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)]


NETWORK_METHODS = ("DL", "REML", "ML")


def heterogeneity(model: NetworkModel, method: str) -> float:
    """tau2 by the named estimator; 0 without degrees of freedom."""
    if method not in NETWORK_METHODS:
        raise InputError("unknown method", value=method, limit=", ".join(NETWORK_METHODS))
    if model.k <= model.p:
        return 0.0
    if method != "DL":
        return model.likelihood(method == "REML")
    excess, slope = model.moments()
    return max(0.0, excess / slope)


def by_design(trials: Sequence[Trial]) -> dict[tuple[int, ...], list[Trial]]:
    """Trials of the same arms together, in the order they come."""
    groups: dict[tuple[int, ...], list[Trial]] = {}
    for trial in trials:
        groups.setdefault(tuple(sorted(trial.arms)), []).append(trial)
    return groups


def design_model(arms: tuple[int, ...], trials: Sequence[Trial]) -> NetworkModel:
    """A design with effects of its own, each arm against its first."""
    columns = np.zeros((max(arms) + 1, len(arms) - 1))
    columns[list(arms[1:])] = np.eye(len(arms) - 1)
    return NetworkModel(trials, columns)
