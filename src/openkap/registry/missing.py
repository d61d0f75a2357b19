"""Outcomes with the missing counted in: bounds, weighted estimate, tipping point, on every number.

An ``Estimate`` cannot be made from the people who answered alone: completeness, bounds and the weighted
estimate are part of it, and what was observed is only given inside it. All work is on cells of people who
share their groups, so the cost does not grow with the number of people.

The weighted estimate is Hajek's with a logistic model of who answers, given the groups; its variance takes
into account that the weights were estimated (Robins, Rotnitzky & Zhao 1994,
doi:10.1080/01621459.1994.10476818;
M-estimation as in Stefanski & Boos 2002, doi:10.1198/000313002753631330). It is right when, within the
groups,
answering does not depend on the outcome. The bounds hold whatever the reason (Manski 1989,
doi:10.2307/145818). The tipping point asks how much worse the missing must have done to change the
conclusion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import expit, logit

from openkap.registry.query import Ints, Rows, band_labels, columns_of, level_codes

Floats = np.ndarray[Any, np.dtype[np.float64]]
Z95 = 1.959963984540054
# A level of a group with fewer answers than this joins the most common level: the model could not tell.
FEWEST_ANSWERS = 10
LARGEST_WEIGHT = 20.0


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval; all three ``None`` when it cannot be estimated."""

    value: float | None
    low: float | None
    high: float | None

    def as_dict(self) -> dict[str, float | None]:
        """For ``--json``."""
        return {"value": self.value, "low": self.low, "high": self.high}


NOT_ESTIMABLE = Interval(None, None, None)


@dataclass(frozen=True)
class Estimate:
    """One rate or mean with everything that must stand beside it.

    ``worst`` and ``best`` hold every value the full data could have shown. ``tipping`` is how many points
    worse than expected the missing must have done for the conclusion (people improved on average) to change;
    ``None`` when there is no such conclusion or nobody is missing.
    """

    due: int
    died_before: int
    seen: int
    observed: Interval
    worst: float | None
    best: float | None
    weighted: Interval
    tipping: float | None
    warnings: tuple[str, ...] = ()
    unit: str = "share"

    def __post_init__(self) -> None:
        if not 0 <= self.seen <= self.due:
            raise ValueError("more people seen than due")
        if self.due and (self.worst is None or self.best is None):
            raise ValueError("an estimate about people needs its bounds")
        if self.seen and self.observed.value is None:
            raise ValueError("an estimate with answers needs what they say")

    @property
    def missing(self) -> int:
        """People due without a score."""
        return self.due - self.seen

    @property
    def completeness(self) -> float | None:
        """Share of people due who were seen."""
        return self.seen / self.due if self.due else None

    def as_dict(self) -> dict[str, Any]:
        """Everything, together; there is no way to get one of them alone as data."""
        return {
            "due": self.due,
            "died_before": self.died_before,
            "seen": self.seen,
            "missing": self.missing,
            "completeness": self.completeness,
            "observed": self.observed.as_dict(),
            "bounds": {"worst": self.worst, "best": self.best},
            "weighted": self.weighted.as_dict(),
            "tipping_points": self.tipping,
            "unit": self.unit,
            "warnings": list(self.warnings),
        }

    def sentence(self) -> str:
        """One sentence for a page: weighted estimate first, then what is missing, bounds and tipping
        point.
        """
        if not self.due:
            return "Nobody was due for this outcome."
        if self.weighted.value is None:
            return f"{self.due} due, {self.seen} seen: too few answers to estimate."
        show = _percent if self.unit == "share" else _points
        text = (
            f"{show(self.weighted.value)} ({show(self.weighted.low)} to {show(self.weighted.high)}) "
            "weighted for "
            f"who answered; {self.seen} of {self.due} seen ({_percent(self.completeness)}); "
            "whatever the missing "
            f"did, between {show(self.worst)} and {show(self.best)}"
        )
        if self.tipping is not None:
            text += "; the conclusion that people improved changes if the missing did "
            text += f"{self.tipping:.0f} points worse"
        return text + "."


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.0f} %"


def _points(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.1f}"


@dataclass
class CellTable:
    """The columns of a ``Cells`` answer as arrays, with the score's range and the limits of severity
    bands.
    """

    columns: dict[str, Any]
    dimensions: tuple[str, ...]
    score_range: tuple[float, float]
    severity_cuts: tuple[float, ...] = ()
    _levels: dict[str, tuple[list[str], Ints]] = field(default_factory=dict, repr=False)
    _limits: tuple[Floats, Floats] | None = field(default=None, repr=False)
    _floats: dict[str, Floats] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        rows: Rows,
        dimensions: Sequence[str],
        score_range: tuple[float, float],
        severity_cuts: tuple[float, ...] = (),
    ) -> CellTable:
        """From an engine's rows."""
        return cls(columns_of(rows), tuple(dimensions), score_range, severity_cuts)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def levels(self, name: str) -> tuple[list[str], Ints]:
        """The levels of a dimension and each cell's place among them; worked out once."""
        if name not in self._levels:
            self._levels[name] = level_codes(self.columns.get(name, ()))
        return self._levels[name]

    def within(self, name: str, level: str) -> Ints:
        """The places of the cells that lie at a level of a dimension."""
        levels, code = self.levels(name)
        return np.flatnonzero(code == levels.index(level))

    def score_limits(self) -> tuple[Floats, Floats]:
        """Least and greatest baseline of each cell: its severity band, else the score's range."""
        if self._limits is None:
            low, high = self.score_range
            floor, ceiling = np.full(len(self), low, float), np.full(len(self), high, float)
            if "severity" in self.columns and self.severity_cuts:
                edges = [low, *self.severity_cuts, high]
                for label, start, stop in zip(
                    band_labels(self.severity_cuts), edges, edges[1:], strict=False
                ):
                    here = self.columns["severity"] == label
                    floor[here], ceiling[here] = start, stop
            self._limits = floor, ceiling
        return self._limits

    def get(self, kind: str, window: str, within: Ints | None = None) -> Floats:
        """One column of counts or sums for a window, of all cells or of some; zeros when there are no people
        at all.
        """
        name = f"{kind}_{window}"
        if name not in self._floats:
            self._floats[name] = np.asarray(self.columns.get(name, np.zeros(len(self))), float)
        return self._floats[name] if within is None else self._floats[name][within]


@dataclass(frozen=True)
class AnswerModel:
    """A logistic model of who answers, on cells: design matrix, probabilities, inverse information."""

    design: Floats
    probability: Floats
    inverse: Floats
    warnings: tuple[str, ...]

    def of(self, within: Ints | None) -> AnswerModel:
        """The same model, looked at in some cells only."""
        if within is None:
            return self
        return replace(self, design=self.design[within], probability=self.probability[within])


def model_answers(table: CellTable, window: str, covariates: Sequence[str] | None = None) -> AnswerModel:
    """Fit who answers at a window given the groups, by maximum likelihood on cells.

    A level with fewer than ``FEWEST_ANSWERS`` answers, or with everybody answering, joins the commonest
    level of its group, and a warning says so.
    """
    names = table.dimensions if covariates is None else tuple(covariates)
    due, seen = table.get("due", window), table.get("seen", window)
    columns, warnings = [np.ones(len(table))], []
    for name in names if len(table) else ():
        levels, code = table.levels(name)
        asked = np.bincount(code, due, len(levels))
        answered = np.bincount(code, seen, len(levels))
        common = int(np.argmax(answered))
        for place, level in enumerate(levels):
            n, m = asked[place], answered[place]
            if place == common or n == 0:
                continue
            if m < FEWEST_ANSWERS or n - m < 1:
                warnings.append(f"{name} {level}: {int(m)} of {int(n)} seen, weighted like {levels[common]}")
                continue
            columns.append((code == place).astype(float))
    design = np.column_stack(columns) if len(table) else np.zeros((0, 1))
    probability, inverse = fit_logistic(design, due, seen)
    return AnswerModel(design, probability, inverse, tuple(warnings))


def fit_logistic(x: Floats, n: Floats, hits: Floats) -> tuple[Floats, Floats]:
    """Newton's method for a binomial logistic model on cells; a whisper of ridge for collinear columns."""
    beta = np.zeros(x.shape[1])
    total, yes = n.sum(), hits.sum()
    ridge = 1e-8 * np.eye(x.shape[1])
    if total == 0 or yes == 0 or yes == total:
        p = np.full(len(n), yes / total if total else 1.0)
        return p, np.zeros((x.shape[1], x.shape[1]))
    beta[0] = logit(yes / total)
    for _ in range(50):
        p = expit(x @ beta)
        information = (x * (n * p * (1 - p))[:, None]).T @ x + ridge
        step = np.linalg.solve(information, x.T @ (hits - n * p))
        beta += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    p = expit(x @ beta)
    return p, np.linalg.inv((x * (n * p * (1 - p))[:, None]).T @ x + ridge)


def estimate_rate(
    table: CellTable,
    window: str,
    rule: str,
    model: AnswerModel | None = None,
    within: Ints | None = None,
    *,
    change: Estimate | None = None,
) -> Estimate:
    """The share of people due who meet a rule at a window.

    Parameters
    ----------
    table : cells of one panel.
    rule : ``response``, ``remission`` or ``deterioration``.
    model : who answers; fitted on all cells when ``None``.
    within : cells of the group to estimate; all by default. The model of answering stays the common one.
    change : the mean change of the same people, where it is known already; it holds the tipping point.
    """
    model = model or model_answers(table, window)
    own = model.of(within)
    due, seen = table.get("due", window, within), table.get("seen", window, within)
    hits = table.get(rule, window, within)
    n, m, h = due.sum(), seen.sum(), hits.sum()
    weighted = _hajek(own, due, seen, hits, hits, share=True)
    change = change or estimate_change(table, window, model, within)
    observed = Interval(h / m, *wilson(h, m)) if m else NOT_ESTIMABLE
    worst, best = (h / n, (h + n - m) / n) if n else (None, None)
    if rule == "deterioration" and n:
        worst, best = best, worst
    return Estimate(
        int(n),
        int(table.get("gone", window, within).sum()),
        int(m),
        observed,
        worst,
        best,
        weighted,
        change.tipping,
        _warn(own, seen, n, m),
    )


def estimate_change(
    table: CellTable, window: str, model: AnswerModel | None = None, within: Ints | None = None
) -> Estimate:
    """The mean change from baseline at a window, in points; negative is better. Arguments as above."""
    model = (model or model_answers(table, window)).of(within)
    due, seen = table.get("due", window, within), table.get("seen", window, within)
    total, square = table.get("change", window, within), table.get("square", window, within)
    n, m = due.sum(), seen.sum()
    weighted = _hajek(model, due, seen, total, square, share=False)
    observed = NOT_ESTIMABLE
    if m:
        mean = total.sum() / m
        spread = max(square.sum() / m - mean**2, 0.0) * (m / (m - 1) if m > 1 else 1)
        half = Z95 * math.sqrt(spread / m) if m > 1 else math.inf
        observed = Interval(mean, mean - half, mean + half)
    worst, best = _change_bounds(table, within, due - seen, total.sum(), n)
    tipping = None
    if n > m and weighted.high is not None and weighted.high < 0:
        tipping = -weighted.high / ((n - m) / n)
    return Estimate(
        int(n),
        int(table.get("gone", window, within).sum()),
        int(m),
        observed,
        worst,
        best,
        weighted,
        tipping,
        _warn(model, seen, n, m),
        unit="points",
    )


def _hajek(
    model: AnswerModel, due: Floats, seen: Floats, total: Floats, square: Floats, *, share: bool
) -> Interval:
    """Weighted mean over cells, with the variance of estimated weights; logit interval for a share."""
    if seen.sum() < 2 or due.sum() == 0:
        return NOT_ESTIMABLE
    p = model.probability
    weights = seen / p
    mu = float((total / p).sum() / weights.sum())
    # d(estimating equation)/d(coefficients of the answer model), over the cells of this group.
    slope = ((1 - p) / p * (total - mu * seen)) @ model.design
    g = model.design @ (model.inverse @ slope)
    residual = total - mu * seen
    squares = square - 2 * mu * total + mu**2 * seen
    answered = squares / p**2 - 2 * g * (1 - p) / p * residual + seen * (g * (1 - p)) ** 2
    influence = answered.sum() + ((due - seen) * (g * p) ** 2).sum()
    se = math.sqrt(max(float(influence), 0.0)) / float(weights.sum())
    if not share:
        return Interval(mu, mu - Z95 * se, mu + Z95 * se)
    if not 0 < mu < 1 or se == 0:
        low, high = wilson(mu * seen.sum(), seen.sum())
        return Interval(mu, low, high)
    half = Z95 * se / (mu * (1 - mu))
    return Interval(mu, float(expit(logit(mu) - half)), float(expit(logit(mu) + half)))


def _change_bounds(
    table: CellTable, within: Ints | None, missing: Floats, total: float, n: float
) -> tuple[float | None, float | None]:
    """Mean change if every missing person ended at the worst, or best, score their baseline band allows."""
    if n == 0:
        return None, None
    low, high = table.score_range
    floor, ceiling = (each if within is None else each[within] for each in table.score_limits())
    worst = total + float((missing * (high - floor)).sum())
    best = total + float((missing * (low - ceiling)).sum())
    return worst / n, best / n


def _warn(model: AnswerModel, seen: Floats, n: float, m: float) -> tuple[str, ...]:
    warnings = list(model.warnings)
    if m and (1 / model.probability[seen > 0]).max() > LARGEST_WEIGHT:
        warnings.append(
            f"some answers stand for more than {LARGEST_WEIGHT:.0f} people: the estimate leans on few"
        )
    if n and m / n < 0.5:
        warnings.append("more than half are missing: read the bounds first")
    return tuple(warnings)


def wilson(hits: float, n: float) -> tuple[float, float]:
    """Score interval of a proportion at 95 % (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    p = hits / n
    centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)
