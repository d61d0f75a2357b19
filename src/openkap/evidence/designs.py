"""Which designs of a network disagree: Cochran's Q taken apart by the sets of arms that trials compare.

Q within a design is what its own trials disagree about; Q between designs is what is left over. A design is
detached when it may have effects of its own: how far Q between designs falls then shows where they disagree.
Krahn, Binder & Koenig 2013, doi:10.1186/1471-2288-13-35, table 1; common effects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from openkap.evidence.estimates import Floats
from openkap.evidence.network import Network
from openkap.evidence.network_model import NetworkModel, by_design, design_model
from openkap.evidence.network_trials import Trial


@dataclass(frozen=True)
class Design:
    """One set of arms: ``q_detached`` is Q between designs once this one may disagree with the others."""

    arms: tuple[str, ...]
    k: int
    q_within: float
    df_within: int
    p_within: float
    q_detached: float
    df_detached: int
    p_detached: float


def decompose_designs(net: Network) -> list[Design]:
    """Every design with its share of Q, in the order of the trials.

    A test on no degrees of freedom has no p-value (nan): a design of one trial has nothing within, and
    detaching the only design that closes a loop leaves nothing between.
    """
    return [_design(net, arms, own) for arms, own in by_design(net.trials).items()]


def _design(net: Network, arms: tuple[int, ...], own: Sequence[Trial]) -> Design:
    free = len(arms) - 1
    q_own = design_model(arms, own).solve(0.0)[2]
    rest = [trial for trial in net.trials if trial not in own]
    detached_total = q_own + (_q(rest, np.eye(len(net.treatments))[:, 1:]) if rest else 0.0)
    q_detached = max(0.0, detached_total - net.q_heterogeneity)
    df_within = (len(own) - 1) * free
    # A design that nothing else can contradict (a spur of the network) gives no freedom back.
    df_detached = net.df_inconsistency - (free - _freedom_lost(net, rest, arms))
    return Design(
        arms=tuple(net.treatments[i] for i in arms),
        k=len(own),
        q_within=q_own,
        df_within=df_within,
        p_within=float(chdtrc(df_within, q_own)) if df_within else float("nan"),
        q_detached=q_detached,
        df_detached=df_detached,
        p_detached=float(chdtrc(df_detached, q_detached)) if df_detached else float("nan"),
    )


def _freedom_lost(net: Network, rest: Sequence[Trial], arms: tuple[int, ...]) -> int:
    """How many contrasts of the design no other trial can tell: its arms' separate pieces, less one."""
    piece = list(range(len(net.treatments)))
    for trial in rest:
        joined = {piece[arm] for arm in trial.arms}
        piece = [min(joined) if each in joined else each for each in piece]
    return len({piece[arm] for arm in arms}) - 1


def _q(trials: Sequence[Trial], columns: Floats) -> float:
    matrix = NetworkModel(trials, columns).products(0.0)[1]
    cross = matrix[:-1, -1]
    # A network that falls into pieces leaves some contrasts undetermined, but Q is not affected.
    q = float(matrix[-1, -1] - cross @ np.linalg.pinv(matrix[:-1, :-1]) @ cross)
    return max(0.0, q)
