"""Survival for many groups at once: Kaplan-Meier, Aalen-Johansen, Turnbull, all from counts by day.

Sources: Kaplan & Meier 1958, doi:10.1080/01621459.1958.10501452; Greenwood 1926; log-log limits,
Kalbfleisch &
Prentice (2002) section 1.4; Aalen & Johansen 1978; its variance as in Marubini & Valsecchi (1995), formula
10.12; Turnbull 1976, doi:10.1111/j.2517-6161.1976.tb01597.x.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Z95 = 1.959963984540054


@dataclass(frozen=True)
class Curves:
    """Curves of G groups at T times. ``value``, ``low``, ``high`` and ``at_risk`` are (G, T)."""

    times: Floats
    value: Floats
    low: Floats
    high: Floats
    at_risk: Floats

    def median(self) -> Floats:
        """First time at which survival is at or below one half, per group; NaN when never."""
        reached = self.value <= 0.5 + 1e-12
        first = np.argmax(reached, axis=1)
        return np.where(reached.any(axis=1), self.times[first], np.nan)


def count_by_day(
    group: Ints, day: Ints, is_event: Any, people: Floats, groups: int, horizon: int
) -> tuple[Floats, Floats]:
    """Events and people at risk, (groups, horizon + 1), from rows of (group, day, event or not, people)."""
    shape = (groups, horizon + 1)
    place = group * (horizon + 1) + np.minimum(day, horizon)
    leaving = np.bincount(place, people, shape[0] * shape[1]).reshape(shape)
    events = np.bincount(place, people * is_event, shape[0] * shape[1]).reshape(shape)
    at_risk = np.cumsum(leaving[:, ::-1], axis=1)[:, ::-1]
    return events.astype(float), at_risk.astype(float)


def kaplan_meier(events: Floats, at_risk: Floats) -> Curves:
    """Survival of every group at every day, with log-log limits.

    Parameters
    ----------
    events, at_risk : (G, T) counts by day 0 .. T-1; people who leave on a day are at risk on it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(at_risk > 0, 1 - events / at_risk, 1.0)
        survival = np.cumprod(step, axis=1)
        greenwood = np.cumsum(
            np.where((at_risk > events) & (events > 0), events / (at_risk * (at_risk - events)), 0.0), axis=1
        )
        centre = np.log(-np.log(survival))
        half = Z95 * np.sqrt(greenwood) / np.abs(np.log(survival))
        low, high = np.exp(-np.exp(centre + half)), np.exp(-np.exp(centre - half))
    flat = survival >= 1
    gone = survival <= 0
    low = np.where(flat, 1.0, np.where(gone, 0.0, low))
    high = np.where(flat, 1.0, np.where(gone, 0.0, high))
    times = np.arange(events.shape[1], dtype=float)
    return Curves(times, np.asarray(survival, float), low, high, at_risk)


def aalen_johansen(events: Floats, at_risk: Floats) -> list[Curves]:
    """Cumulative incidence of each cause.

    Parameters
    ----------
    events : (K, G, T) counts of each cause by day; ``at_risk`` : (G, T).

    Returns
    -------
    list of Curves
        one for each cause; limits are log-log.
    """
    total = events.sum(axis=0)
    safe = np.where(at_risk > 0, at_risk, 1.0)
    survival = np.cumprod(1 - total / safe, axis=1)
    before = np.concatenate([np.ones((survival.shape[0], 1)), survival[:, :-1]], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.where((at_risk > total) & (total > 0), total / (safe * (safe - total)), 0.0)
    curves = []
    for cause in events:
        incidence = np.cumsum(before * cause / safe, axis=1)
        c = before * cause / safe**2
        spread = (
            incidence**2 * np.cumsum(a, axis=1)
            - 2 * incidence * np.cumsum(incidence * a, axis=1)
            + np.cumsum(incidence**2 * a, axis=1)
            + np.cumsum(before**2 * (safe - cause) * cause / safe**3, axis=1)
            - 2 * (incidence * np.cumsum(c, axis=1) - np.cumsum(incidence * c, axis=1))
        )
        se = np.sqrt(np.maximum(spread, 0))
        with np.errstate(divide="ignore", invalid="ignore"):
            half = Z95 * se / np.abs(incidence * np.log(incidence))
            low, high = incidence ** np.exp(half), incidence ** np.exp(-half)
        none = incidence <= 0
        low, high = np.where(none, 0.0, low), np.where(none, 0.0, high)
        times = np.arange(incidence.shape[1], dtype=float)
        curves.append(Curves(times, incidence, low, high, at_risk))
    return curves


@dataclass(frozen=True)
class Turnbull:
    """The interval-censored survival curve: it falls somewhere within each ``(left, right]``."""

    left: Floats
    right: Floats
    mass: Floats
    iterations: int
    converged: bool

    def survival(self, times: Sequence[float] | Floats) -> tuple[Floats, Floats]:
        """Least and greatest survival the data leave open at each time."""
        at = np.asarray(times, float)[:, None]
        surely = (self.right[None, :] <= at) @ self.mass
        perhaps = ((self.left[None, :] < at) | (self.right[None, :] <= at)) @ self.mass
        return 1 - perhaps, 1 - surely


def turnbull(
    lower: Floats, upper: Floats, people: Floats, *, tolerance: float = 1e-9, most: int = 20_000
) -> Turnbull:
    """Nonparametric survival from intervals ``(lower, upper]``; ``upper`` infinite when never seen to happen.

    Self-consistency iterations over Turnbull's innermost intervals, with squared extrapolation (Varadhan &
    Roland 2008, doi:10.1111/j.1467-9469.2007.00585.x) for speed.
    """
    lower, upper = np.asarray(lower, float), np.asarray(upper, float)
    pairs, weight = distinct_pairs(lower, upper, np.asarray(people, float))
    exact = (pairs[:, 0] == pairs[:, 1]) | np.isinf(pairs[:, 1])
    if exact.all():
        return _product_limit(pairs, weight)
    left, right = _innermost(pairs[:, 0], pairs[:, 1])
    covers = (pairs[:, :1] <= left[None, :]) & (right[None, :] <= pairs[:, 1:])
    # (v, b] does not hold the very time v.
    covers &= (left != right)[None, :] | (pairs[:, :1] < left[None, :]) | (pairs[:, :1] == pairs[:, 1:])
    matrix = covers.astype(float)
    total = weight.sum()
    mass = np.full(len(left), 1 / len(left))

    def improve(p: Floats) -> Floats:
        return np.asarray(p * (matrix.T @ (weight / (matrix @ p))) / total)

    for iteration in range(1, most + 1):
        one = improve(mass)
        two = improve(one)
        r, v = one - mass, two - 2 * one + mass
        norm = float(np.linalg.norm(v))
        step = min(-1.0, -float(np.linalg.norm(r)) / norm) if norm > 0 else -1.0
        leap = mass - 2 * step * r + step**2 * v
        if (leap <= 0).any():
            leap = two
        fresh = improve(leap / leap.sum())
        if np.abs(fresh - mass).max() < tolerance:
            return Turnbull(left, right, fresh, iteration, True)
        mass = fresh
    return Turnbull(left, right, mass, most, False)


def distinct_pairs(lower: Floats, upper: Floats, people: Floats) -> tuple[Floats, Floats]:
    """The different intervals in order, (N, 2), and how many people have each."""
    order = np.lexsort((upper, lower))
    pairs = np.column_stack([lower[order], upper[order]])
    first = np.ones(len(pairs), bool)
    first[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    starts = np.flatnonzero(first)
    return pairs[starts], np.add.reduceat(people[order], starts) if len(starts) else np.zeros(0)


def _product_limit(pairs: Floats, weight: Floats) -> Turnbull:
    """The same curve where every time is known exactly or not reached: Kaplan and Meier's, in one step."""
    happened = pairs[:, 0] == pairs[:, 1]
    times = np.unique(pairs[happened, 0])
    events = np.bincount(np.searchsorted(times, pairs[happened, 0]), weight[happened], len(times))
    # Who left on the day of an event was at risk on it.
    left = np.bincount(np.searchsorted(times, pairs[:, 0], side="right"), weight, len(times) + 1)
    at_risk = weight.sum() - np.cumsum(left)[:-1]
    survival = np.cumprod(1 - events / at_risk)
    mass = -np.diff(survival, prepend=1.0)
    # What nobody was watched long enough to see lies beyond the last time.
    rest = np.array([pairs[~happened, 0].max() if (~happened).any() else np.inf])
    ends = np.concatenate([times, np.maximum(rest, times[-1] if len(times) else rest)])
    return Turnbull(
        ends, np.concatenate([times, [np.inf]]), np.append(mass, survival[-1] if len(times) else 1.0), 1, True
    )


def _innermost(lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Intervals that begin at some lower end and stop at the next upper end with no lower end between."""
    marks = sorted({(value, 1) for value in lower} | {(value, 0) for value in upper})
    # An exact time has lower = upper: it is its own innermost interval.
    exact = {value for value, other in zip(lower, upper, strict=True) if value == other}
    found = [(value, value) for value in sorted(exact)]
    for (a, is_lower), (b, other) in itertools.pairwise(marks):
        if is_lower == 1 and other == 0 and a < b:
            found.append((a, b))
    found.sort()
    return np.array([a for a, _ in found]), np.array([b for _, b in found])
