"""Network meta-analysis: many treatments compared through whatever trials connect them.

Contrasts of a multi-arm trial are dependent. Their variances determine arm variances by the trial's Laplacian
(Ruecker 2012, doi:10.1002/jrsm.1058); the trial then enters with the inverse of its contrast covariance,
which for two arms is the plain inverse-variance weight. tau2 by the method of moments (Jackson 2013 as in
netmeta) or REML. P-scores: Ruecker & Schwarzer 2015, doi:10.1186/s12874-015-0060-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr, ndtri

from openkap.core.errors import InputError
from openkap.evidence.estimates import Doubt, Floats, as_numbers, check_level
from openkap.evidence.optimum import maximise_variances

# Variances of one trial's contrasts may disagree by rounding of the published numbers, not by more.
CONSISTENCY_TOLERANCE = 1e-2


@dataclass(frozen=True)
class Trial:
    """One trial: its arms (indices), effects against its first arm, and their (m-1, m-1) covariance."""

    name: str
    arms: tuple[int, ...]
    effects: Floats
    covariance: Floats


@dataclass(frozen=True)
class Network:
    """Effects of all treatments against all: entry (i, j) is treatment i compared with treatment j.

    Matrices are (n, n) in the order of ``treatments``: rows against columns, as netmeta prints TE.random, so
    ``te[i, j] == -te[j, i]``; standard errors are symmetric.
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
    """Network meta-analysis of arms: mean, SD and n (MD), or events and n (OR, RR).

    1/2 is added to every cell of a trial that has a zero cell, as metafor does by default.
    """
    estimates, variances = _arm_values(studlab, mean, sd, n, events, measure)
    names, trials = read_arms(studlab, treatment, estimates, variances)
    return fit_network(names, trials, method=method, level=level, small_values=small_values)


def _arm_values(
    studlab: Sequence[str], mean: Any, sd: Any, n: Any, events: Any, measure: str
) -> tuple[Floats, Floats]:
    size = as_numbers(n, "n")
    if measure == "MD" and mean is not None and sd is not None:
        return as_numbers(mean, "mean"), as_numbers(sd, "sd") ** 2 / size
    if measure not in ("OR", "RR") or events is None:
        raise InputError(
            "these columns do not give that measure",
            value=measure,
            limit="MD from mean and sd; OR, RR from events",
        )
    x = as_numbers(events, "events")
    zero = {name for name, a, b in zip(studlab, x, size, strict=True) if a == 0 or a == b}
    add = np.array([0.5 if name in zero else 0.0 for name in studlab])
    a, b = x + add, size - x + add
    if measure == "OR":
        return np.log(a / b), 1 / a + 1 / b
    return np.log(a / (a + b)), 1 / a - 1 / (a + b)


def read_arms(
    studlab: Sequence[str], treatment: Sequence[str], estimates: Floats, variances: Floats
) -> tuple[tuple[str, ...], list[Trial]]:
    """Trials from one row per arm with an independent estimate and variance each."""
    names = tuple(sorted(set(treatment)))
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(studlab):
        rows.setdefault(name, []).append(row)
    trials = []
    for name, own in rows.items():
        arms = [names.index(treatment[row]) for row in own]
        if len(set(arms)) < len(arms) or len(arms) < 2:
            raise InputError(
                "a trial needs at least two arms with different treatments",
                value=", ".join(treatment[row] for row in own),
                where=f"trial {name!r}",
                remedy="merge arms of one treatment before",
            )
        bad = [row for row in own if not (np.isfinite(estimates[row]) and variances[row] > 0)]
        if bad:
            raise InputError(
                "an arm has no usable value",
                where=f"row {bad[0] + 1}",
                remedy="check its mean, SD, n or events",
            )
        y, v = estimates[own], variances[own]
        trials.append(Trial(name, tuple(arms), y[1:] - y[0], np.diag(v[1:]) + v[0]))
    _check_connected(names, trials)
    return names, trials


def read_contrasts(
    studlab: Sequence[str], treat1: Sequence[str], treat2: Sequence[str], te: ArrayLike, se_te: ArrayLike
) -> tuple[tuple[str, ...], list[Trial]]:
    """Trials from one row per contrast."""
    effect, se = as_numbers(te, "te"), as_numbers(se_te, "se_te")
    lengths = {len(studlab), len(treat1), len(treat2), effect.size, se.size}
    if len(lengths) > 1:
        raise InputError("the columns differ in length", value=sorted(lengths), remedy="one row per contrast")
    for row in range(effect.size):
        if not (np.isfinite(effect[row]) and np.isfinite(se[row]) and se[row] > 0):
            raise InputError(
                "the contrast cannot be used",
                value=f"te {effect[row]}, se_te {se[row]}",
                where=f"row {row + 1}",
                limit="numbers, se_te above 0",
            )
        if treat1[row] == treat2[row]:
            raise InputError("a treatment is compared with itself", value=treat1[row], where=f"row {row + 1}")
    names = tuple(sorted(set(treat1) | set(treat2)))
    index = {name: i for i, name in enumerate(names)}
    rows: dict[str, dict[tuple[int, int], tuple[float, float]]] = {}
    for row, name in enumerate(studlab):
        i, j, sign = index[treat1[row]], index[treat2[row]], 1.0
        if i > j:
            i, j, sign = j, i, -1.0
        own = rows.setdefault(name, {})
        if (i, j) in own:
            raise InputError(
                "the same contrast twice in one trial",
                value=f"{treat1[row]} v {treat2[row]}",
                where=f"row {row + 1}, trial {name!r}",
                remedy="leave one out, or name the trials apart",
            )
        own[i, j] = (sign * float(effect[row]), float(se[row]) ** 2)
    trials = [_trial_of(name, own, names) for name, own in rows.items()]
    _check_connected(names, trials)
    return names, trials


def _trial_of(name: str, own: dict[tuple[int, int], tuple[float, float]], names: Sequence[str]) -> Trial:
    arms = tuple(sorted({arm for pair in own for arm in pair}))
    n = len(arms)
    if len(own) != n * (n - 1) // 2:
        raise InputError(
            "a trial with several arms needs all its contrasts",
            value=f"{len(own)} of {n * (n - 1) // 2}",
            where=f"trial {name!r} ({', '.join(names[arm] for arm in arms)})",
            remedy="add the missing ones, or give the arms instead",
        )
    if n == 2:
        effect, variance = own[arms[0], arms[1]]
        return Trial(name, arms, np.array([-effect]), np.array([[variance]]))
    te, r = np.zeros((n, n)), np.zeros((n, n))
    for (i, j), (effect, variance) in own.items():
        a, b = arms.index(i), arms.index(j)
        te[a, b], te[b, a] = effect, -effect
        r[a, b] = r[b, a] = variance
    # effects the contrasts agree on, against the first arm
    fitted = te.mean(axis=1)
    residual = np.abs(te - (fitted[:, None] - fitted[None, :])).max()
    if residual > CONSISTENCY_TOLERANCE * max(np.sqrt(r.max()), np.abs(te).max()):
        raise InputError(
            "the contrasts of a trial contradict each other",
            value=f"off by {residual:.3g}",
            where=f"trial {name!r}",
            remedy="A v B plus B v C must be A v C: check signs and the columns' order",
        )
    gram = (r[0, 1:, None] + r[0, None, 1:] - r[1:, 1:]) / 2
    if np.linalg.eigvalsh(gram)[0] <= 0:
        raise InputError(
            "the standard errors of a trial are impossible together",
            where=f"trial {name!r}",
            remedy="no set of arms has such contrasts: check them against the paper",
        )
    return Trial(name, arms, (fitted - fitted[0])[1:], gram)


def _check_connected(names: Sequence[str], trials: Sequence[Trial]) -> None:
    parts = [{i} for i in range(len(names))]
    for trial in trials:
        joined = [part for part in parts if part & set(trial.arms)]
        parts = [part for part in parts if not part & set(trial.arms)] + [set().union(*joined)]
    if len(parts) > 1:
        groups = "; ".join(
            ", ".join(names[i] for i in sorted(part))
            for part in sorted(parts, key=lambda part: (-len(part), min(part)))
        )
        raise InputError(
            "the network is in pieces",
            value=groups,
            limit="one connected network",
            remedy="analyse each piece, or show them side by side; nothing compares them indirectly",
        )


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

    def moments(self) -> float:
        """tau2 by equating Q with its expectation."""
        _, vcov, q = self.solve(0.0)
        trace = 0.0
        gram: Any = 0.0
        for data, base, shape in self.parts:
            x = data[:, :, :-1]
            inverse = np.linalg.inv(base)
            trace += float(np.einsum("cij,ji->", inverse, shape))
            half = inverse @ x
            gram = gram + np.einsum("cni,nm,cmj->ij", half, shape, half)
        return float(max(0.0, (q - (self.k - self.p)) / (trace - np.sum(vcov * gram.T))))

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
    return model.moments() if method == "DL" else model.likelihood(method == "REML")


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
    designs, q_within, df_within = _within_designs(names, trials)
    q_between, df_between = max(0.0, q - q_within), df - df_within
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
        p_scores=p_scores(names, te_random, se_random, small_values),
        p_scores_common=p_scores(names, te_common, se_common, small_values),
        k=len(trials),
        m=sum(len(trial.arms) * (len(trial.arms) - 1) // 2 for trial in trials),
        designs=designs,
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


def _within_designs(names: Sequence[str], trials: Sequence[Trial]) -> tuple[tuple[str, ...], float, int]:
    """Q within designs (trials of the same arms), its degrees of freedom, and the designs."""
    groups: dict[tuple[int, ...], list[Trial]] = {}
    for trial in trials:
        groups.setdefault(tuple(sorted(trial.arms)), []).append(trial)
    q, df = 0.0, 0
    for arms, same in groups.items():
        if len(same) > 1:
            columns = np.zeros((len(names), len(arms) - 1))
            columns[list(arms[1:])] = np.eye(len(arms) - 1)
            model = NetworkModel(same, columns)
            q += model.solve(0.0)[2]
            df += model.k - model.p
    return tuple(sorted(":".join(names[i] for i in arms) for arms in groups)), q, df


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
