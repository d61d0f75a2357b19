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
from openkap.evidence.estimates import Floats, as_numbers

# Variances of one trial's contrasts may disagree by rounding of the published numbers, not by more.
CONSISTENCY_TOLERANCE = 1e-2


@dataclass(frozen=True)
class Trial:
    """One trial: its arms (indices), effects against its first arm, and their (m-1, m-1) covariance."""

    name: str
    arms: tuple[int, ...]
    effects: Floats
    covariance: Floats


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


def arm_values(
    studlab: Sequence[str], mean: Any, sd: Any, n: Any, events: Any, measure: str
) -> tuple[Floats, Floats]:
    """An estimate for each arm and its variance: a mean, or the logarithm of odds or risk."""
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
