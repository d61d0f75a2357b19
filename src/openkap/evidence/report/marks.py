"""Figures as numbers: what is drawn where, in data units. Drawing is ``svg.py``'s; a test can read these."""

from __future__ import annotations

import math
from dataclasses import dataclass

from openkap.evidence.answers import Answer, Answers
from openkap.evidence.base import Base
from openkap.evidence.beside import Beside
from openkap.evidence.contrasts import controlled_effect
from openkap.evidence.study import Group, Study, Window
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


def forest_of(answer: Answer, limits: tuple[float, float] | None = None) -> Forest:
    """Effects with weights, the pool with its prediction interval, then every silent trial by name."""
    weights = answer.pooled.weights if answer.pooled else [1.0] * len(answer.effects)
    rows = [
        ForestRow(
            each.study,
            f"{each.instrument}, {each.time}; n = {each.people if each.people is not None else 'not found'}",
            "study",
            each.yi,
            each.yi - 1.96 * each.se,
            each.yi + 1.96 * each.se,
            float(weight),
            url=each.urls[0] if each.urls else None,
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
                prediction=(pooled.prediction_low, pooled.prediction_high),
            )
        )
    rows += [
        ForestRow(
            each.study,
            f"n = {each.people if each.people is not None else 'not found'}: {each.said}",
            "silent",
            url=each.urls[0] if each.urls else None,
        )
        for each in answer.silent
    ]
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


def published_forest(syntheses: Syntheses, ids: tuple[str, ...], flagged: frozenset[str]) -> Forest:
    """Published standardised pools on one axis, turned so that right favours ketamine; flagged ones say so."""
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
            ForestRow(review.name, note, kind, sign * float(value.estimate), ends[0], ends[1], 0.5,
                      url=next((review.places[key].url for key in value.sources), None))
        )  # fmt: skip
    low, high = _limits(rows)
    return Forest("published", "Published pooled effects", "Hedges g", "favours control", "favours ketamine", False,
                  low, high, tuple(rows))  # fmt: skip


def beside_forest(answers: Answers, besides: list[Beside], syntheses: Syntheses) -> Forest:
    """Ketamine, psychotherapy and MDMA on one axis, side by side; nothing joins them."""
    rows = []
    review, value = syntheses.estimate("borgogna2024_all")
    if value.estimate is not None and value.ci_low is not None and value.ci_high is not None:
        rows.append(
            ForestRow("Ketamine, published pool", f"{review.name}, {review.scope.studies} trials, against placebo or "
                      "active placebo", "study", float(value.estimate), float(value.ci_low), float(value.ci_high), 0.5)
        )  # fmt: skip
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
            ForestRow(each.comparator.label, f"{p.k} trials", "pool", p.estimate, p.ci_low, p.ci_high,
                      prediction=(p.prediction_low, p.prediction_high))
        )  # fmt: skip
        rows += [
            ForestRow(
                f"against {control}", f"{split.k} trials", "part", split.estimate, split.ci_low, split.ci_high
            )
            for control, split in each.by_control.items()
        ]
    return Forest("beside", "Ketamine beside psychotherapy and MDMA", "Hedges g", "favours control",
                  "favours treatment", False, -1.0, 3.0, tuple(rows))  # fmt: skip


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
                    effect.yi - 1.96 * effect.se,
                    effect.yi + 1.96 * effect.se,
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


@dataclass(frozen=True)
class GapCell:
    """One cell of an evidence map."""

    row: str
    column: str
    studies: tuple[str, ...]
    people: int


@dataclass(frozen=True)
class GapMap:
    """Rows and columns in order; a cell that is missing is a gap."""

    id: str
    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[GapCell, ...]

    def cell(self, row: str, column: str) -> GapCell | None:
        """The cell, or ``None`` for a gap."""
        return next((each for each in self.cells if (each.row, each.column) == (row, column)), None)


DESIGNS = ("randomised", "no control group", "registered, no results")
ROUTES = ("IV", "IM", "intranasal", "sublingual", "oral", "SC")


def _design(study: Study) -> str | None:
    if study.is_prevention or study.record == "companion":
        return None
    if study.is_controlled:
        return DESIGNS[0]
    if study.group is Group.REGISTERED:
        return DESIGNS[2]
    if study.group in (Group.EFFICACY_UNCONTROLLED, Group.OBSERVATIONAL, Group.CASE_SERIES):
        return DESIGNS[1]
    return None


def route_map(base: Base) -> GapMap:
    """Studies and people by route and design."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for study in base.studies:
        design = _design(study)
        for arm in study.arms:
            if design and arm.role == "intervention" and arm.route:
                for route in ROUTES:
                    if route in arm.route:
                        found.setdefault((route, design), {})[study.name] = study.sample.largest or 0
    return GapMap("routes", "Studies and people by route", ROUTES, DESIGNS, _cells(found))


def gap_map(base: Base) -> GapMap:
    """Randomised trials by outcome and time, in numbers or in words."""
    domains = ("ptsd", "depression", "dissociation", "acceptability", "durability", "imaging")
    windows = (
        Window.ACUTE,
        Window.DAY_1,
        Window.END_OF_COURSE,
        Window.MONTH_1,
        Window.MONTH_3,
        Window.LATER,
        Window.UNCLEAR,
    )
    found: dict[tuple[str, str], dict[str, int]] = {}
    for study in base.studies:
        if study.is_controlled:
            for outcome in study.outcomes:
                if outcome.kind == "qualitative" or outcome.domain not in domains:
                    continue
                for window in {outcome.time.window, *outcome.time.covers} & set(windows):
                    found.setdefault((outcome.domain, window.words), {})[study.name] = (
                        study.sample.largest or 0
                    )
    return GapMap(
        "gaps",
        "Randomised trials with numbers, by outcome and time",
        domains,
        tuple(window.words for window in windows),
        _cells(found),
    )


def _cells(found: dict[tuple[str, str], dict[str, int]]) -> tuple[GapCell, ...]:
    return tuple(
        GapCell(row, column, tuple(sorted(names)), sum(names.values()))
        for (row, column), names in sorted(found.items())
    )


@dataclass(frozen=True)
class FlowBox:
    """A box of the flow diagram; ``aside`` is what left there."""

    text: str
    count: int
    aside: str = ""


def prisma_flow(base: Base, answers: Answers) -> tuple[FlowBox, ...]:
    """From all records held to those in the main pool. Searching and screening counts are not held."""
    records = base.records
    stubs = [r for r in records if r.record == "stub"]
    companions = [r for r in records if r.companion_of]
    studies = [r for r in base.studies if r.record == "study"]
    registered = [r for r in base.studies if r.record == "registration"]
    prevention = [r for r in studies if r.is_prevention]
    treatment = [r for r in studies if not r.is_prevention]
    randomised = [r for r in treatment if r.is_controlled]
    main = answers.get("severity_end")
    return (
        FlowBox(
            "records held",
            len(records),
            f"{len(stubs)} known by name only; {len(companions)} companion reports",
        ),
        FlowBox(
            "studies and registrations",
            len(studies) + len(registered),
            f"{len(registered)} registered, no results",
        ),
        FlowBox("studies with a report", len(studies), f"{len(prevention)} on prevention, kept apart"),
        FlowBox(
            "treatment studies",
            len(treatment),
            f"{len(treatment) - len(randomised)} without randomised control, kept apart",
        ),
        FlowBox(
            "randomised trials",
            len(randomised),
            f"{len(main.silent)} gave no usable severity number at the end of the course",
        ),
        FlowBox("in the main pool", len(main.effects)),
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
    return [round(step * (first + at), 10) for at in range(int(math.floor(high / step + 1e-9)) - first + 1)]
