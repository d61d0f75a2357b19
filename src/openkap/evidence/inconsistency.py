"""Does direct evidence agree with indirect evidence, and can a combination be added up from its components?

Nodes are split by back-calculation (Koenig 2013, doi:10.1002/sim.6001): what the network adds to the direct
estimate is the indirect one. A trial of several arms is in both, so that a comparison which only such trials
hold is marked: its two halves are not independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtr

from openkap.core.errors import InputError
from openkap.evidence.estimates import Floats
from openkap.evidence.network import Network, check_treatment
from openkap.evidence.network_model import NetworkModel, heterogeneity
from openkap.evidence.network_trials import Trial


@dataclass(frozen=True)
class Split:
    """Direct and indirect evidence on one comparison; ``difference`` is direct minus indirect.

    ``multi_arm`` of the ``k`` direct trials have further arms, through which they also speak indirectly.
    """

    treat1: str
    treat2: str
    k: int
    direct: float
    direct_se: float
    indirect: float
    indirect_se: float
    difference: float
    difference_se: float
    p_value: float
    proportion: float
    multi_arm: int


def split_nodes(net: Network, model: str = "random") -> list[Split]:
    """Every comparison that has both direct and indirect evidence, by back-calculation.

    The direct estimate comes from the trials with both treatments, at the network's tau2 (as netmeta's
    ``netsplit`` does by default).
    """
    t = net.tau2 if model == "random" else 0.0
    te, se = (net.te_random, net.se_random) if model == "random" else (net.te_common, net.se_common)
    splits = []
    for i in range(len(net.treatments)):
        for j in range(i + 1, len(net.treatments)):
            direct_trials = [trial for trial in net.trials if {i, j} <= set(trial.arms)]
            if not direct_trials:
                continue
            own = [_pair(trial, i, j) for trial in direct_trials]
            w = 1 / (np.array([variance for _, variance in own]) + t)
            direct, variance = float(w @ [effect for effect, _ in own] / w.sum()), float(1 / w.sum())
            share = float(se[i, j] ** 2 / variance)
            if share > 1 - 1e-8:
                continue
            indirect = float((te[i, j] - share * direct) / (1 - share))
            indirect_se = float(np.sqrt(se[i, j] ** 2 / (1 - share)))
            difference, error = direct - indirect, float(np.sqrt(variance + indirect_se**2))
            splits.append(
                Split(
                    treat1=net.treatments[i],
                    treat2=net.treatments[j],
                    k=len(own),
                    direct=direct,
                    direct_se=float(np.sqrt(variance)),
                    indirect=indirect,
                    indirect_se=indirect_se,
                    difference=difference,
                    difference_se=error,
                    p_value=float(2 * ndtr(-abs(difference) / error)),
                    proportion=share,
                    multi_arm=sum(len(trial.arms) > 2 for trial in direct_trials),
                )
            )
    return splits


def _pair(trial: Trial, i: int, j: int) -> tuple[float, float]:
    """The effect of arm i against arm j in one trial and its variance."""
    contrast = np.zeros(len(trial.arms) - 1)
    for arm, sign in ((i, 1.0), (j, -1.0)):
        at = trial.arms.index(arm)
        if at:
            contrast[at - 1] += sign
    return float(contrast @ trial.effects), float(contrast @ trial.covariance @ contrast)


@dataclass(frozen=True)
class Components:
    """An additive model: each component's own effect, and what additivity costs in fit."""

    components: tuple[str, ...]
    effect: Floats
    se: Floats
    p_values: Floats
    tau2: float
    q: float
    df: int
    q_difference: float
    df_difference: int
    q_difference_p: float


def network_components(
    net: Network, *, separator: str = "+", inactive: str | None = None, model: str = "random"
) -> Components:
    """Component network meta-analysis: a combination works as the sum of its parts.

    Parameters
    ----------
    separator : what joins components in a treatment's name, ``ketamine+exposure``.
    inactive : the treatment that is no component, such as placebo.

    Notes
    -----
    Ruecker 2020, doi:10.1002/bimj.201800167. ``q_difference`` tests additivity (common effects).
    """
    if inactive is not None:
        check_treatment(inactive, net.treatments)
    parts = [
        [] if name == inactive else [part.strip() for part in name.split(separator)]
        for name in net.treatments
    ]
    names = tuple(sorted({part for each in parts for part in each}))
    columns = np.array([[float(name in each) for name in names] for each in parts])
    additive = NetworkModel(net.trials, columns)
    gram = additive.products(0.0)[1][:-1, :-1]
    if np.linalg.matrix_rank(gram) < len(names):
        raise InputError(
            "the components cannot be told apart",
            value=", ".join(names),
            limit="each component varies between some arms independently",
            remedy="name the inactive treatment, or join components that always come together",
        )
    t = heterogeneity(additive, net.method) if model == "random" else 0.0
    beta, vcov, _ = additive.solve(t)
    q = additive.solve(0.0)[2]
    df = additive.k - additive.p
    se = np.sqrt(np.diag(vcov))
    extra = df - net.df
    return Components(
        components=names,
        effect=beta,
        se=se,
        p_values=2 * ndtr(-np.abs(beta / se)),
        tau2=t,
        q=q,
        df=df,
        q_difference=max(0.0, q - net.q),
        df_difference=extra,
        q_difference_p=float(chdtrc(extra, max(0.0, q - net.q))) if extra > 0 else float("nan"),
    )
