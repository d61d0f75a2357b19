"""Trials of a network, from contrasts or from arms: checked, complete, and in one piece.

The variances of a multi-arm trial's contrasts determine those of its arms by the trial's Laplacian (Ruecker
2012, doi:10.1002/jrsm.1058), so that it can enter with the covariance of its contrasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from openkap.core.errors import InputError
from openkap.evidence.effect_size import hedges_correction
from openkap.evidence.estimates import Floats, as_numbers

# Variances of one trial's contrasts may disagree by rounding of the published numbers, not by more.
CONSISTENCY_TOLERANCE = 1e-2

_MEANS, _COUNTS = ("MD", "SMD"), ("OR", "RR", "RD")


@dataclass(frozen=True)
class Trial:
    """One trial: its arms (indices), effects against its first arm, and their (m-1, m-1) covariance."""

    name: str
    arms: tuple[int, ...]
    effects: Floats
    covariance: Floats


def read_arms(
    studlab: Sequence[str],
    treatment: Sequence[str],
    *,
    mean: Any,
    sd: Any,
    n: Any,
    events: Any,
    measure: str,
) -> tuple[tuple[str, ...], list[Trial]]:
    """Trials from one row per arm: mean, sd and n for MD and SMD; events and n for OR, RR and RD."""
    needed = {"mean": mean, "sd": sd} if measure in _MEANS else {"events": events}
    if measure not in (*_MEANS, *_COUNTS) or any(column is None for column in needed.values()):
        raise InputError(
            "these columns do not give that measure",
            value=measure,
            limit="MD or SMD from mean, sd and n; OR, RR or RD from events and n",
        )
    columns = {name: as_numbers(values, name) for name, values in (needed | {"n": n}).items()}
    names = tuple(sorted(set(treatment)))
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(studlab):
        rows.setdefault(name, []).append(row)
    trials = []
    for name, own in rows.items():
        _check_arms(name, [treatment[row] for row in own])
        arms = {key: values[own] for key, values in columns.items()}
        _check_rows(arms, own)
        effects, covariance = (_of_means if measure in _MEANS else _of_counts)(measure, **arms)
        trials.append(Trial(name, tuple(names.index(treatment[row]) for row in own), effects, covariance))
    _check_connected(names, trials)
    return names, trials


def _check_arms(trial: str, treatments: list[str]) -> None:
    if len(set(treatments)) < len(treatments) or len(treatments) < 2:
        raise InputError(
            "a trial needs at least two arms with different treatments",
            value=", ".join(treatments),
            where=f"trial {trial!r}",
            remedy="merge arms of one treatment before",
        )


def _check_rows(arms: dict[str, Floats], own: list[int]) -> None:
    good = np.logical_and.reduce([np.isfinite(values) for values in arms.values()]) & (arms["n"] > 0)
    if "sd" in arms:
        good &= (arms["sd"] > 0) & (arms["n"] > 1)
    if "events" in arms:
        good &= (arms["events"] >= 0) & (arms["events"] <= arms["n"])
    if not good.all():
        row = own[int(np.flatnonzero(~good)[0])]
        remedy = "check its mean, SD, n or events"
        raise InputError("an arm has no usable value", where=f"row {row + 1}", remedy=remedy)


def _of_means(measure: str, *, mean: Floats, sd: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Differences from the first arm, in points or in SDs within all arms of the trial.

    Standardised differences share the first arm and the SD: Gleser & Olkin 2009, with Hedges' factor of the
    trial. The covariance is the same whichever arm is called the first.
    """
    if measure == "MD":
        v = sd**2 / n
        return mean[1:] - mean[0], np.diag(v[1:]) + v[0]
    df = float(n.sum() - n.size)
    within = np.sqrt(((n - 1) @ sd**2) / df)
    g = hedges_correction(df) * (mean[1:] - mean[0]) / within
    return g, np.diag(1 / n[1:]) + 1 / n[0] + np.outer(g, g) / (2 * n.sum())


def _of_counts(measure: str, *, events: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Differences of log odds, log risks or risks; 1/2 is added to every cell of a trial that has a zero."""
    add = 0.5 if ((events == 0) | (events == n)).any() else 0.0
    a, b = events + add, n - events + add
    total = a + b
    match measure:
        case "OR":
            y, v = np.log(a / b), 1 / a + 1 / b
        case "RR":
            y, v = np.log(a / total), 1 / a - 1 / total
        case _:
            y, v = a / total, a * b / total**3
    return y[1:] - y[0], np.diag(v[1:]) + v[0]


def read_contrasts(
    studlab: Sequence[str], treat1: Sequence[str], treat2: Sequence[str], te: ArrayLike, se_te: ArrayLike
) -> tuple[tuple[str, ...], list[Trial]]:
    """Trials from one row per contrast."""
    effect, se = as_numbers(te, "te"), as_numbers(se_te, "se_te")
    if not effect.size:
        raise InputError("a network needs contrasts", remedy="give study, two treatments, te and se_te")
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
                remedy="check the row against the paper, or take it out and name it as missing",
            )
        if treat1[row] == treat2[row]:
            raise InputError(
                "a treatment is compared with itself",
                value=treat1[row],
                where=f"row {row + 1}",
                remedy="name two treatments, or take the row out",
            )
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
