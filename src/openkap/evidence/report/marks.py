"""Figures as numbers: what is drawn where, in data units. Drawing is ``svg.py``'s; a test can read these."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from openkap.evidence.answers import Answer, Answers
from openkap.evidence.base import Base
from openkap.evidence.beside import Beside
from openkap.evidence.contrasts import controlled_effect
from openkap.evidence.report.addresses import address_of
from openkap.evidence.study import Window
from openkap.evidence.syntheses import Syntheses


@dataclass(frozen=True)
class ForestRow:
    """One line of a forest plot; ``kind`` decides its mark, ``weight`` (0 to 1) its size."""

    label: str
    note: str
    kind: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    weight: float | None = None
    prediction: tuple[float, float] | None = None
    url: str | None = None
    study_id: str | None = None


@dataclass(frozen=True)
class Forest:
    """A forest plot. Rows without numbers are drawn as empty lines with their reason, never dropped."""

    id: str
    title: str
    axis: str
    left: str
    right: str
    ratio: bool
    low: float
    high: float
    rows: tuple[ForestRow, ...]
    no_effect: float = 0.0


def forest_of(
    answer: Answer,
    limits: tuple[float, float] | None = None,
    addresses: Mapping[str, str | None] | None = None,
) -> Forest:
    """Effects with weights, the pool with its prediction interval, then every silent trial by name.

    ``addresses`` say where a study is found, by its id, for a figure that can hold links.
    """
    found = addresses or {}
    weights = answer.pooled.weights if answer.pooled else [1.0] * len(answer.effects)
    rows = [
        ForestRow(
            each.study,
            f"{each.instrument}, {each.time}; n = {each.people if each.people is not None else 'not found'}; "
            f"source tier {each.tier.value}",
            "study",
            each.yi,
            *each.interval,
            float(weight),
            url=found.get(each.study_id),
            study_id=each.study_id,
        )
        for each, weight in zip(answer.effects, weights, strict=True)
    ]
    if answer.pooled:
        pooled = answer.pooled
        rows.append(
            ForestRow(
                "Pooled, Knapp-Hartung",
                f"REML, tau² {pooled.tau2:.2f}, I² {pooled.i2:.0f}%",
                "pool",
                pooled.estimate,
                pooled.ci_low,
                pooled.ci_high,
                # With two studies it has no degree of freedom that means anything.
                prediction=(pooled.prediction_low, pooled.prediction_high) if pooled.k > 2 else None,
            )
        )
    rows += _silent_rows(answer, found)
    measure = answer.analysis.measure
    low, high = limits or _limits(rows)
    harm = "RR"
    return Forest(
        answer.analysis.id,
        answer.analysis.question,
        {"SMD": "Hedges g", "MD": "difference in points", "RR": "risk ratio", "change": "points fallen"}[
            measure
        ],
        "fewer on ketamine" if measure == harm else "favours control" if measure != "change" else "rose",
        "more on ketamine" if measure == harm else "favours ketamine" if measure != "change" else "fell",
        measure == "RR",
        low,
        high,
        tuple(rows),
    )


def _silent_rows(answer: Answer, found: Mapping[str, str | None]) -> list[ForestRow]:
    """A line for every trial that said something in words, and one that names all the others."""
    rows = [
        ForestRow(
            each.study,
            f"n = {each.people if each.people is not None else 'not found'}: {each.said}",
            "silent",
            url=found.get(each.study_id),
            study_id=each.study_id,
        )
        for each in answer.silent
        if each.reading
    ]
    others = [f"{each.study} ({each.people or '?'})" for each in answer.silent if not each.reading]
    if others:
        noun = "study" if len(others) == 1 else "studies"
        more = "more " if rows or answer.effects else ""
        rows.append(
            ForestRow(
                f"{len(others)} {more}{noun}", f"{', '.join(others)}: nothing usable was read", "silent"
            )
        )
    return rows


def published_forest(syntheses: Syntheses, ids: tuple[str, ...], flagged: frozenset[str]) -> Forest:
    """Published standardised pools on one axis, turned so that right favours ketamine."""
    rows = []
    for each in ids:
        review, value = syntheses.estimate(each)
        note = f"{value.timepoint}; {value.comparison}"
        if value.estimate is None or value.ci_low is None or value.ci_high is None:
            rows.append(ForestRow(review.name, f"{note}: value not read", "silent"))
            continue
        kind = "flagged" if value.id in flagged else "study"
        sign = 1.0 if review.favours_ketamine == "positive" else -1.0
        ends = sorted(sign * float(x) for x in (value.ci_low, value.ci_high))
        rows.append(
            ForestRow(
                review.name,
                note,
                kind,
                sign * float(value.estimate),
                ends[0],
                ends[1],
                url=address_of(review),
            )
        )
    low, high = _limits(rows)
    return Forest(
        "published",
        "Published pooled effects",
        "Hedges g",
        "favours control",
        "favours ketamine",
        False,
        low,
        high,
        tuple(rows),
    )


def beside_forest(answers: Answers, besides: list[Beside], syntheses: Syntheses) -> Forest:
    """Ketamine, psychotherapy and MDMA on one axis, side by side; nothing joins them."""
    rows = []
    review, value = syntheses.estimate("borgogna2024_all")
    if value.estimate is not None and value.ci_low is not None and value.ci_high is not None:
        rows.append(
            ForestRow(
                "Ketamine, published pool",
                f"{review.name}, {review.scope.studies} trials, against placebo or active placebo",
                "study",
                float(value.estimate),
                float(value.ci_low),
                float(value.ci_high),
            )
        )
    ours = answers.get("severity_end")
    if ours.pooled:
        p = ours.pooled
        rows.append(
            ForestRow(
                "Ketamine, ours",
                f"{p.k} trials with numbers, end of course",
                "pool",
                p.estimate,
                p.ci_low,
                p.ci_high,
            )
        )
    for each in besides:
        p = each.pooled
        rows.append(
            ForestRow(
                each.comparator.label,
                f"{p.k} trials",
                "pool",
                p.estimate,
                p.ci_low,
                p.ci_high,
                prediction=(p.prediction_low, p.prediction_high),
            )
        )
        rows += [
            ForestRow(
                f"against {CONTROL_WORDS.get(control, control)}",
                f"{split.k} trials",
                "part",
                split.estimate,
                split.ci_low,
                split.ci_high,
            )
            for control, split in each.by_control.items()
        ]
    return Forest(
        "beside",
        "Ketamine beside psychotherapy and MDMA",
        "Hedges g",
        "favours control",
        "favours treatment",
        False,
        -1.0,
        3.0,
        tuple(rows),
    )


# How the psychotherapy file names its control groups.
CONTROL_WORDS = {"TAU": "treatment as usual", "Waitlist": "a waiting list", "Other": "another control"}


def _limits(rows: list[ForestRow]) -> tuple[float, float]:
    """Wide enough for the studies; a pool of two may run off the edge, and is drawn with an arrow."""
    ends = [
        end
        for row in rows
        if row.kind in ("study", "flagged")
        for end in (row.low, row.high)
        if end is not None
    ]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    pad = 0.15 * (high - low or 1.0)
    return low - pad, high + pad


@dataclass(frozen=True)
class FunnelPoint:
    """One effect against its standard error."""

    label: str
    x: float
    se: float


@dataclass(frozen=True)
class Funnel:
    """A funnel plot: the centre line and the pseudo interval follow from ``centre``."""

    id: str
    title: str
    centre: float
    largest_se: float
    points: tuple[FunnelPoint, ...]
    caution: str


def funnel_of(answer: Answer) -> Funnel | None:
    """A funnel where there is more than one effect; below ten it carries its caution."""
    if len(answer.effects) < 2 or answer.estimate is None:
        return None
    points = tuple(FunnelPoint(each.study, each.yi, each.se) for each in answer.effects)
    k = len(points)
    caution = (
        f"{k} studies: asymmetry cannot be judged below about ten, and no test is run." if k < 10 else ""
    )
    return Funnel(
        f"funnel_{answer.analysis.id}",
        f"Funnel: {answer.analysis.question}",
        answer.normal.estimate if answer.normal else answer.estimate,
        max(point.se for point in points),
        points,
        caution,
    )


@dataclass(frozen=True)
class TimePoint:
    """One contrast at one time; ``day`` places it, the window's words name it."""

    label: str
    day: float
    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class TimeCourse:
    """Standardised differences over time, one line a trial, and the trials that say nothing."""

    title: str
    lines: tuple[tuple[str, tuple[TimePoint, ...]], ...]
    silent: tuple[str, ...]


# Where a window stands on the axis when the record gives no day: its name's own time.
_WINDOW_DAYS = {Window.DAY_1: 1.0, Window.END_OF_COURSE: 14.0, Window.MONTH_1: 30.0, Window.MONTH_3: 90.0}


def time_course(base: Base, answers: Answers) -> TimeCourse:
    """Every standardised severity contrast of a randomised trial, by time."""
    lines = []
    for study in base.studies:
        if not study.is_controlled:
            continue
        points: dict[float, TimePoint] = {}
        for outcome in study.outcomes:
            if outcome.domain != "ptsd" or outcome.cluster != "total" or outcome.statistic == "change":
                continue
            effect = (
                controlled_effect(study, outcome, "SMD")
                if outcome.kind in ("arm_level", "between_group")
                else None
            )
            if effect is None or outcome.time.window is Window.UNCLEAR:
                continue
            given = outcome.time.days_from_first_dose
            day = (
                0.0
                if outcome.time.window is Window.BASELINE
                else float(given)
                if given is not None
                else _WINDOW_DAYS.get(outcome.time.window, 180.0)
            )
            points.setdefault(
                day,
                TimePoint(
                    outcome.time.label,
                    day,
                    effect.yi,
                    *effect.interval,
                ),
            )
        if points:
            lines.append((study.name, tuple(points[day] for day in sorted(points))))
    heard = {name for name, _ in lines}
    silent = tuple(
        f"{each.study} ({each.people or '?'})"
        for each in answers.get("severity_end").silent
        if each.study not in heard
    )
    return TimeCourse("Standardised difference from control over time", tuple(lines), silent)


def axis_ticks(marks: Forest) -> list[float]:
    """Ticks in axis units; a ratio axis is marked at the ratios a reader expects."""
    if not marks.ratio:
        return nice_ticks(marks.low, marks.high)
    ratios = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 50, 100)
    inside = [math.log(each) for each in ratios if marks.low <= math.log(each) <= marks.high]
    return (
        inside
        if len(inside) <= 6
        else [each for each in inside if round(math.exp(each), 2) in (0.01, 0.1, 0.5, 1, 2, 10, 100)]
    )


def nice_ticks(low: float, high: float, at_most: int = 6) -> list[float]:
    """Round axis values inside the limits."""
    span = high - low
    step = 10 ** math.floor(math.log10(span / at_most))
    for factor in (1, 2, 2.5, 5, 10):
        if span / (step * factor) <= at_most:
            step *= factor
            break
    first = math.ceil(low / step - 1e-9)
    return [round(step * (first + at), 10) for at in range(math.floor(high / step + 1e-9) - first + 1)]
