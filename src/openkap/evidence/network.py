"""Network meta-analysis: many treatments compared through whatever trials connect them.

Contrasts of a multi-arm trial are dependent. Their variances determine arm variances by the trial's Laplacian
(Ruecker 2012, doi:10.1002/jrsm.1058); the trial then enters with the inverse of its contrast covariance,
which for two arms is the plain inverse-variance weight. tau2 by the method of moments (Jackson 2013 as in
netmeta) or REML. P-scores: Ruecker & Schwarzer 2015, doi:10.1186/s12874-015-0060-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr, ndtri

from openkap.core.errors import InputError
from openkap.evidence.estimates import Doubt, Floats, check_level
from openkap.evidence.network_model import NetworkModel, by_design, design_model, heterogeneity
from openkap.evidence.network_trials import Trial, read_arms, read_contrasts


@dataclass(frozen=True)
class Network:
    """Effects of all treatments against all: entry (i, j) is treatment i compared with treatment j.

    Matrices are (n, n) in the order of ``treatments``: rows against columns, as netmeta prints TE.random, so
    ``te[i, j] == -te[j, i]``; standard errors are symmetric. ``q_inconsistency`` tests the designs against
    each other with common effects; ``q_inconsistency_random`` with the heterogeneity that trials of one
    design show (``tau2_within``): where trials differ anyway, only the latter says that designs differ.
    """

    treatments: tuple[str, ...]
    te_random: Floats
    se_random: Floats
    te_common: Floats
    se_common: Floats
    lower_random: Floats
    upper_random: Floats
    lower_common: Floats
    upper_common: Floats
    p_random: Floats
    p_common: Floats
    prediction_low: Floats
    prediction_high: Floats
    tau2: float
    tau: float
    q: float
    df: int
    q_p: float
    i2: float
    q_heterogeneity: float
    df_heterogeneity: int
    q_heterogeneity_p: float
    q_inconsistency: float
    df_inconsistency: int
    q_inconsistency_p: float
    tau2_within: float
    q_inconsistency_random: float
    q_inconsistency_random_p: float
    p_scores: dict[str, float]
    p_scores_common: dict[str, float]
    k: int
    m: int
    designs: tuple[str, ...]
    method: str
    level: float
    warnings: tuple[Doubt, ...]
    trials: tuple[Trial, ...] = field(repr=False)

    def effect(self, treat1: str, treat2: str, model: str = "random") -> tuple[float, float]:
        """The effect and standard error of ``treat1`` against ``treat2``."""
        i, j = (self.treatments.index(check_treatment(each, self.treatments)) for each in (treat1, treat2))
        te, se = (self.te_random, self.se_random) if model == "random" else (self.te_common, self.se_common)
        return float(te[i, j]), float(se[i, j])


def check_treatment(name: str, treatments: Sequence[str]) -> str:
    """The treatment's name, or a refusal that lists those of the network."""
    if name not in treatments:
        raise InputError("the network has no such treatment", value=name, limit=", ".join(treatments))
    return name


def network(
    studlab: Sequence[str],
    treat1: Sequence[str],
    treat2: Sequence[str],
    te: ArrayLike,
    se_te: ArrayLike,
    *,
    method: str = "DL",
    level: float = 0.95,
    small_values: str = "good",
) -> Network:
    """Network meta-analysis of contrasts.

    Parameters
    ----------
    studlab, treat1, treat2 : (m,) trial and the two treatments of each contrast. A trial with n arms gives
    all
        n(n-1)/2 contrasts.
    te, se_te : (m,) effect of ``treat1`` against ``treat2`` and its standard error.
    method : DL (moments, as netmeta), REML or ML.
    small_values : ``good`` when a negative effect is a benefit (a symptom scale), ``bad`` otherwise; for
    ranking.

    Raises
    ------
    InputError
        for a bad row, a trial with missing contrasts, contradictory contrasts, or a network in pieces.
    """
    names, trials = read_contrasts(studlab, treat1, treat2, te, se_te)
    return fit_network(names, trials, method=method, level=level, small_values=small_values)


def network_from_arms(
    studlab: Sequence[str],
    treatment: Sequence[str],
    *,
    mean: ArrayLike | None = None,
    sd: ArrayLike | None = None,
    n: ArrayLike,
    events: ArrayLike | None = None,
    measure: str = "MD",
    method: str = "DL",
    level: float = 0.95,
    small_values: str = "good",
) -> Network:
    """Network meta-analysis of arms: mean, SD and n (MD, SMD), or events and n (OR, RR, RD).

    1/2 is added to every cell of a trial that has a zero cell, as metafor does by default.
    """
    names, trials = read_arms(studlab, treatment, mean=mean, sd=sd, n=n, events=events, measure=measure)
    return fit_network(names, trials, method=method, level=level, small_values=small_values)


def fit_network(
    names: tuple[str, ...],
    trials: Sequence[Trial],
    *,
    method: str = "DL",
    level: float = 0.95,
    small_values: str = "good",
) -> Network:
    """Fit the network of ``trials`` over ``names`` (see ``network``)."""
    if small_values not in ("good", "bad"):
        raise InputError("unknown direction", value=small_values, limit="good, bad")
    half = float(ndtri((1 + check_level(level)) / 2))
    columns = np.eye(len(names))[:, 1:]
    model = NetworkModel(trials, columns)
    t = heterogeneity(model, method)
    beta, vcov, q = model.solve(0.0)
    te_common, se_common = all_pairs(columns, beta, vcov)
    te_random, se_random = all_pairs(columns, *model.solve(t)[:2])
    df = model.k - model.p
    designs = {arms: design_model(arms, same) for arms, same in by_design(trials).items()}
    df_within = sum(each.k - each.p for each in designs.values())
    q_within = sum(each.solve(0.0)[2] for each in designs.values() if each.k > each.p)
    q_between, df_between = max(0.0, q - q_within), df - df_within
    t_within = _tau2_within(list(designs.values()))
    q_random = model.solve(t_within)[2] - sum(each.solve(t_within)[2] for each in designs.values())
    reach = half * np.sqrt(se_random**2 + t)
    np.fill_diagonal(reach, 0.0)
    return Network(
        treatments=names,
        te_random=te_random,
        se_random=se_random,
        te_common=te_common,
        se_common=se_common,
        lower_random=te_random - half * se_random,
        upper_random=te_random + half * se_random,
        lower_common=te_common - half * se_common,
        upper_common=te_common + half * se_common,
        p_random=_p_values(te_random, se_random),
        p_common=_p_values(te_common, se_common),
        prediction_low=te_random - reach,
        prediction_high=te_random + reach,
        tau2=t,
        tau=float(np.sqrt(t)),
        q=q,
        df=df,
        q_p=_upper_tail(q, df),
        i2=100 * max(0.0, 1 - df / q) if q > 0 else 0.0,
        q_heterogeneity=q_within,
        df_heterogeneity=df_within,
        q_heterogeneity_p=_upper_tail(q_within, df_within),
        q_inconsistency=q_between,
        df_inconsistency=df_between,
        q_inconsistency_p=_upper_tail(q_between, df_between),
        tau2_within=t_within,
        q_inconsistency_random=max(0.0, q_random),
        q_inconsistency_random_p=_upper_tail(max(0.0, q_random), df_between),
        p_scores=p_scores(names, te_random, se_random, small_values),
        p_scores_common=p_scores(names, te_common, se_common, small_values),
        k=len(trials),
        m=sum(len(trial.arms) * (len(trial.arms) - 1) // 2 for trial in trials),
        designs=tuple(sorted(":".join(names[i] for i in arms) for arms in designs)),
        method=method,
        level=level,
        warnings=_doubts(df, df_between, t),
        trials=tuple(trials),
    )


def all_pairs(columns: Floats, beta: Floats, vcov: Floats) -> tuple[Floats, Floats]:
    """Effects and standard errors of every treatment against every other."""
    level = columns @ beta
    v = columns @ vcov @ columns.T
    own = np.diag(v)
    se = np.sqrt(np.maximum(own[:, None] + own[None, :] - 2 * v, 0.0))
    np.fill_diagonal(se, 0.0)
    return level[:, None] - level[None, :], se


def _tau2_within(designs: Sequence[NetworkModel]) -> float:
    """tau2 by moments when every design may have effects of its own (Higgins 2012, doi:10.1002/jrsm.1044)."""
    parts = [each.moments() for each in designs if each.k > each.p]
    slope = sum(slope for _, slope in parts)
    return max(0.0, sum(excess for excess, _ in parts) / slope) if slope > 0 else 0.0


def _p_values(te: Floats, se: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * ndtr(-np.abs(te / se))
    np.fill_diagonal(p, np.nan)
    return np.asarray(p)


def _upper_tail(q: float, df: int) -> float:
    return float(chdtrc(df, q)) if df > 0 else float("nan")


def p_scores(names: Sequence[str], te: Floats, se: Floats, small_values: str) -> dict[str, float]:
    """The mean certainty that a treatment beats another one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        beats = ndtr((-te if small_values == "good" else te) / se)
    np.fill_diagonal(beats, 0.0)
    return dict(zip(names, (beats.sum(axis=1) / (len(names) - 1)).tolist(), strict=True))


def _doubts(df: int, df_between: int, t: float) -> tuple[Doubt, ...]:
    found = []
    if df < 1:
        found.append(Doubt("few_studies", "no two trials share a comparison: heterogeneity cannot be seen"))
    elif t == 0:
        found.append(Doubt("boundary", "tau2 is estimated as 0: this does not show that the trials agree"))
    if df_between < 1:
        found.append(
            Doubt("no_loops", "direct and indirect evidence never meet: inconsistency cannot be seen")
        )
    return tuple(found)
