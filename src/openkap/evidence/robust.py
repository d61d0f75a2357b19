"""Cluster-robust inference that holds with few clusters: CR2 with Satterthwaite degrees of freedom.

Bell & McCaffrey 2002; Pustejovsky & Tipton 2018, doi:10.1080/07350015.2016.1247004 (as in clubSandwich). The
working covariance of each cluster is also the inverse of its weights, which makes the adjusted residual
covariance of cluster j simply Phi_j - X_j M X_j', with M = (X'WX)^-1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

from openkap.core.errors import InputError
from openkap.evidence.estimates import Doubt, Floats

ROBUST_KINDS = ("CR0", "CR1", "CR2")
# Below four degrees of freedom the p-value is unreliable: Tipton 2015, doi:10.1037/met0000011.
FEWEST_DF = 4.0


@dataclass(frozen=True)
class Robust:
    """Coefficients with cluster-robust errors; arrays have shape (p,), ``vcov`` (p, p)."""

    beta: Floats
    se: Floats
    statistic: Floats
    df: Floats
    p_values: Floats
    ci_low: Floats
    ci_high: Floats
    vcov: Floats
    kind: str
    clusters: int
    warnings: tuple[Doubt, ...]


def cluster_rows(clusters: Sequence[Any], k: int) -> list[Any]:
    """The rows of each cluster, in order of appearance."""
    if len(clusters) != k:
        raise InputError(
            "clusters and estimates differ in number",
            value=f"{len(clusters)} and {k}",
            remedy="one per estimate",
        )
    rows: dict[Any, list[int]] = {}
    for row, name in enumerate(clusters):
        rows.setdefault(name, []).append(row)
    return [np.array(each) for each in rows.values()]


def cluster_robust(
    *,
    x: Floats,
    residual: Floats,
    beta: Floats,
    blocks: Sequence[tuple[Any, Floats]],
    kind: str = "CR2",
    level: float = 0.95,
) -> Robust:
    """The sandwich over ``blocks``: the rows of each cluster and their (n, n) working covariance.

    Raises
    ------
    InputError
        for an unknown kind or fewer than two clusters.
    """
    if kind not in ROBUST_KINDS:
        raise InputError("unknown robust method", value=kind, limit=", ".join(ROBUST_KINDS))
    if len(blocks) < 2:
        raise InputError(
            "too few clusters",
            value=len(blocks),
            limit="at least 2",
            remedy="robust errors need many clusters",
        )
    inverses = [np.linalg.inv(phi) for _, phi in blocks]
    bread = np.linalg.inv(
        sum((x[rows].T @ w @ x[rows] for (rows, _), w in zip(blocks, inverses, strict=True)), np.zeros(()))
    )
    spread, scores = [], []
    for (rows, phi), w in zip(blocks, inverses, strict=True):
        # one (n, p) matrix per cluster: A_j' W_j X_j M
        g = _adjustment(x[rows], phi, bread, kind).T @ w @ x[rows] @ bread
        spread.append(g)
        scores.append(g.T @ residual[rows])
    scale = len(blocks) / (len(blocks) - 1) if kind == "CR1" else 1.0
    meat = np.array(scores)
    vcov = scale * meat.T @ meat
    df = _satterthwaite(x, blocks, spread, bread)
    se = np.sqrt(np.diag(vcov))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = beta / se
    half = stdtrit(df, (1 + level) / 2)
    doubts: tuple[Doubt, ...] = ()
    if df.min() < FEWEST_DF:
        text = f"{df.min():.1f} degrees of freedom: the robust p-value may be far off below {FEWEST_DF:.0f}"
        doubts = (Doubt("few_clusters", text),)
    return Robust(
        beta=beta,
        se=se,
        statistic=statistic,
        df=df,
        p_values=2 * stdtr(df, -np.abs(statistic)),
        ci_low=beta - half * se,
        ci_high=beta + half * se,
        vcov=vcov,
        kind=kind,
        clusters=len(blocks),
        warnings=doubts,
    )


def _adjustment(x: Floats, phi: Floats, bread: Floats, kind: str) -> Floats:
    if kind != "CR2":
        return np.eye(len(x))
    root = np.linalg.cholesky(phi).T
    values, vectors = np.linalg.eigh(root @ (phi - x @ bread @ x.T) @ root.T)
    # a cluster that determines a coefficient alone leaves null directions: the pseudo-inverse root drops them
    keep = values > values.max() * 1e-12
    half = (vectors[:, keep] / np.sqrt(values[keep])) @ vectors[:, keep].T
    adjusted: Floats = root.T @ half @ root
    return adjusted


def _satterthwaite(
    x: Floats, blocks: Sequence[tuple[Any, Floats]], spread: Sequence[Floats], bread: Floats
) -> Floats:
    own = np.array([np.einsum("np,nm,mp->p", g, phi, g) for (_, phi), g in zip(blocks, spread, strict=True)])
    heads = np.array([x[rows].T @ g for (rows, _), g in zip(blocks, spread, strict=True)])
    df = np.empty(x.shape[1])
    for c in range(x.shape[1]):
        pairs = np.diag(own[:, c]) - heads[:, :, c] @ bread @ heads[:, :, c].T
        df[c] = np.trace(pairs) ** 2 / np.sum(pairs**2)
    return df
