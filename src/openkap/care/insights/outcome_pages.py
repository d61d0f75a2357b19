"""Exhibits of results and completeness: every number with its missing counted in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from openkap.care.insights import plain, telling
from openkap.care.insights.chart import (
    Axis,
    Bar,
    Exhibit,
    Headline,
    Point,
    RowChart,
    Series,
    TimeChart,
    percent_axis,
    points_axis,
)
from openkap.care.insights.small_numbers import NOTHING, Shown, count, protect, visible_groups
from openkap.registry.definition import Definitions, Scale
from openkap.registry.report import OutcomeRow, Report

CHANGE, OBSERVED = "change", "observed"
TITLE_TIME = "time after the first dose (steps not to scale)"
# The time the page leads with, where it has an answer; else the latest that has.
LEADING = "w12"
OVERLAP = (
    "Each stroke is the room that chance alone leaves: where the strokes of two groups overlap, they may "
    "well not differ."
)
CLUSTER_WORDS = {"negative_cognition_mood": "negative cognition and mood"}


def results(report: Report, definitions: Definitions) -> Iterator[Exhibit]:
    """Change, response, remission and deterioration over time; then by cluster and by group."""
    order = [CHANGE, "response", "remission", "deterioration", "onset"]
    known = {row.measure for row in report.outcomes if row.rule != OBSERVED}
    for measure in sorted(known, key=lambda name: (order.index(name) if name in order else 99, name)):
        for scale in _scales(report.outcomes, measure):
            rows = [
                row
                for row in report.outcomes
                if (row.measure, row.scale, row.cluster) == (measure, scale, "total")
            ]
            if rows:
                yield over_time(report, definitions, rows)
    yield from by_cluster(report, definitions)
    yield from by_group(report, definitions, "response", "Who got better (response)")


def completeness(report: Report, definitions: Definitions) -> Iterator[Exhibit]:
    """Who was seen of those due, over time for each scale; then by group."""
    for scale in _scales(report.outcomes, "completeness"):
        rows = [row for row in report.outcomes if (row.measure, row.scale) == ("completeness", scale)]
        yield seen_over_time(report, definitions, rows)


def _scales(rows: Iterable[OutcomeRow], measure: str) -> list[str]:
    return list(dict.fromkeys(row.scale for row in rows if row.measure == measure))


def span_of(row: OutcomeRow, scale: Scale) -> float:
    """How far one person can move the sum of this estimate."""
    low, high = scale.clusters[row.cluster]
    return 1.0 if row.estimate.unit == "share" else float(high - low)


def over_time(report: Report, definitions: Definitions, rows: Sequence[OutcomeRow]) -> Exhibit:
    """One outcome of one score along time, with bounds, weighted and seen-only estimates."""
    scale = definitions.scales.scale(rows[0].scale)
    everybody = [row for row in rows if row.stratum == "all"]
    shown = [protect(row.estimate, span=span_of(row, scale)) for row in everybody]
    unit = everybody[0].estimate.unit
    measure = rows[0].measure
    title = f"{plain.titled(measure, everybody[0].title)}: {scale.name}"
    leading = _leading(everybody, shown)
    when = f"{everybody[leading].time.lower()} after the first dose"
    did = plain.did_words(measure, everybody[0].title)
    label = (
        f"of patients {did} at {when}" if unit == "share" else f"on average at {when}; below zero is better"
    )
    rule = scale.rule(everybody[leading].rule, everybody[leading].cluster)
    chart = TimeChart(
        title,
        _summary(everybody, shown, unit),
        _time_axis(everybody),
        _value_axis(shown, unit),
        tuple(_series(shown, unit)),
        level=0.0,
    )
    return Exhibit(
        id=f"{measure}-{rows[0].scale}",
        title=title,
        plain=plain.outcome(shown[leading], unit, did, when, rule.words if rule else ""),
        headlines=telling.headlines(shown[leading], unit, label),
        says=(plain.COMPARED,),
        words=report.words[measure],
        counts=_counts(everybody, shown),
        columns=("Time", *telling.COLUMNS, "Note"),
        rows=tuple(
            (row.time, *telling.cells(each, unit), "; ".join((*filter(None, [each.hidden]), *each.warnings)))
            for row, each in zip(everybody, shown, strict=True)
        ),
        chart=chart,
        hidden=_hidden(shown),
    )


def _leading(rows: Sequence[OutcomeRow], shown: Sequence[Shown]) -> int:
    answered = [number for number, each in enumerate(shown) if each.weighted.value is not None]
    wanted = [number for number, row in enumerate(rows) if row.window == LEADING]
    told = [number for number in wanted if number in answered]
    return (told or answered[-1:] or wanted or [0])[0]


def _time_axis(rows: Sequence[OutcomeRow]) -> Axis:
    ticks = tuple((float(place), row.time) for place, row in enumerate(rows))
    return Axis(TITLE_TIME, -0.4, len(rows) - 0.6, ticks)


def _value_axis(shown: Sequence[Shown], unit: str) -> Axis:
    if unit == "share":
        return percent_axis("share of people due")
    values = [
        value
        for each in shown
        for value in (each.worst, each.best, each.weighted.low, each.weighted.high)
        if value is not None
    ]
    return points_axis("points of change; below zero is better", values)


def _series(shown: Sequence[Shown], unit: str) -> Iterator[Series]:
    def point(place: int, each: Shown, *, weighted: bool) -> Point:
        span = each.weighted if weighted else each.observed
        words = f"{telling.interval(span, unit)}; {telling.seen_of_due(each)} seen"
        if not weighted:
            return Point(place + 0.14, span.value, words=f"only those with a score: {words}")
        least, most = each.range
        return Point(float(place), span.value, span.low, span.high, least, most, words)

    yield Series(
        "estimate, with the room chance leaves",
        tuple(point(place, each, weighted=True) for place, each in enumerate(shown)),
        "disc",
        "solid",
    )
    yield Series(
        "only those with a score",
        tuple(point(place, each, weighted=False) for place, each in enumerate(shown)),
        "ring",
        tone="other",
    )


def _summary(rows: Sequence[OutcomeRow], shown: Sequence[Shown], unit: str) -> str:
    return " ".join(
        f"{row.time}: {telling.cells(each, unit)[0]}, seen {telling.seen_of_due(each)}."
        for row, each in zip(rows, shown, strict=True)
    )


def _counts(rows: Sequence[OutcomeRow], shown: Sequence[Shown]) -> str:
    parts = [f"{row.time.lower()} {telling.seen_of_due(each)}" for row, each in zip(rows, shown, strict=True)]
    return f"With a score, of those due: {'; '.join(parts)}."


def _hidden(shown: Iterable[Shown]) -> str:
    number = sum(1 for each in shown if each.hidden)
    return f"In {number} rows small numbers are held back." if number else ""


def seen_over_time(report: Report, definitions: Definitions, rows: Sequence[OutcomeRow]) -> Exhibit:
    """Completeness of one scale along time."""
    scale = definitions.scales.scale(rows[0].scale)
    everybody = [row for row in rows if row.stratum == "all"]
    shown = [protect(row.estimate, span=span_of(row, scale)) for row in everybody]
    title = f"{plain.titled('completeness', 'completeness')}: {scale.name}"
    points = tuple(
        Point(float(place), each.completeness, words=telling.seen_of_due(each))
        for place, each in enumerate(shown)
    )
    chart = TimeChart(
        title,
        " ".join(
            f"{row.time}: {telling.seen_of_due(each)}." for row, each in zip(everybody, shown, strict=True)
        ),
        _time_axis(everybody),
        percent_axis("share of those due who have a score"),
        (Series("with a score, of those due", points, "disc", "solid"),),
        level=0.5,
    )
    told = [(row, each) for row, each in zip(everybody, shown, strict=True) if each.completeness is not None]
    return Exhibit(
        id=f"completeness-{rows[0].scale}",
        title=title,
        headlines=tuple(
            Headline(
                telling.percent(each.completeness),
                f"{row.time.lower()}: {each.seen} of {each.due}",
                "watch" if (each.completeness or 0) < 0.5 else "plain",
            )
            for row, each in told[-4:]
        ),
        says=("Below the line at one half, more is missing than known: read first the worst and the best.",),
        words=report.words["completeness"],
        counts=_counts(everybody, shown),
        columns=("Time", "Seen of due", "Missing", "Died before it opened"),
        rows=tuple(
            (row.time, telling.seen_of_due(each), _missing(each), count(row.estimate.died_before))
            for row, each in zip(everybody, shown, strict=True)
        ),
        chart=chart,
        hidden=_hidden(shown),
    )


def _missing(shown: Shown) -> str:
    if shown.due is None or shown.seen is None:
        return telling.NONE if shown.due is None else telling.seen_of_due(shown)
    return f"{shown.due - shown.seen}"


def by_cluster(report: Report, definitions: Definitions) -> Iterator[Exhibit]:
    """Response of each PTSD cluster at the leading time."""
    rows = [
        row
        for row in report.outcomes
        if (row.measure, row.stratum, row.window) == ("response", "all", LEADING) and row.scale == "pcl5"
    ]
    if len(rows) < 2:
        return
    scale = definitions.scales.scale("pcl5")
    shown = [protect(row.estimate, span=1.0) for row in rows]
    names = [CLUSTER_WORDS.get(row.cluster, row.cluster).replace("total", "whole scale") for row in rows]
    title = (
        f"Who got better, by group of symptoms (PTSD cluster), {rows[0].time.lower()} after the first dose"
    )
    yield _group_exhibit(
        report,
        "response-clusters",
        title,
        list(zip(names, shown, strict=True)),
        (
            "Each cluster has its own rule; see the table of scales for its grade.",
            *(
                f"{name.capitalize()}: {rule.words}."
                for row, name in zip(rows, names, strict=True)
                if (rule := scale.rule("response", row.cluster))
            ),
        ),
    )


def by_group(report: Report, definitions: Definitions, measure: str, title: str) -> Iterator[Exhibit]:
    """One outcome of the main score at the leading time by stratum; groups that would tell are hidden."""
    rows = [
        row
        for row in report.outcomes
        if (row.measure, row.scale, row.cluster, row.window) == (measure, "pcl5", "total", LEADING)
    ]
    words = {each.id: telling.stratum_words(each.words) for each in definitions.strata.strata}
    held_back = []
    for stratum in dict.fromkeys(row.stratum for row in rows if row.stratum != "all"):
        groups = {row.group: row.estimate for row in rows if row.stratum == stratum}
        visible = visible_groups(groups)
        if not any(visible.values()):
            held_back.append(words.get(stratum, stratum))
            continue
        entries = [("everybody", protect(row.estimate, span=1.0)) for row in rows if row.stratum == "all"]
        for name, estimate in sorted(groups.items(), key=lambda each: telling.band_order(each[0])):
            shown = protect(estimate, span=1.0)
            if not visible[name]:
                shown = Shown(**{**vars(NOTHING), "hidden": "held back: it would tell of few"})
            entries.append((telling.group_words(name), shown))
        heading = (
            f"{title}: {words.get(stratum, stratum).lower()}, {rows[0].time.lower()} after the first dose"
        )
        yield _group_exhibit(report, f"{measure}-by-{stratum}", heading, entries, ())
    if held_back:
        whole = [("everybody", protect(row.estimate, span=1.0)) for row in rows if row.stratum == "all"]
        says = (f"Held back, because each would tell of few people: {'; '.join(held_back).lower()}.",)
        yield _group_exhibit(report, f"{measure}-by-others", f"{title}: what cannot be shown", whole, says)


def _group_exhibit(
    report: Report, name: str, title: str, entries: Sequence[tuple[str, Shown]], says: tuple[str, ...]
) -> Exhibit:
    bars = tuple(
        Bar(
            label,
            each.weighted.value,
            each.weighted.low,
            each.weighted.high,
            f"{telling.completeness(each)} with a score"
            if each.weighted.value is not None
            else (each.hidden or telling.NONE),
            is_head=number == 0,
        )
        for number, (label, each) in enumerate(entries)
    )
    chart = RowChart(
        title,
        " ".join(f"{label}: {telling.cells(each, 'share')[0]}." for label, each in entries),
        percent_axis("share of those due; right: how many have a score"),
        bars,
    )
    whole = entries[0][1]
    return Exhibit(
        id=name,
        title=title,
        plain=(OVERLAP,),
        headlines=telling.headlines(whole, "share", f"of patients had got better ({entries[0][0]})"),
        says=says,
        words=report.words["response"],
        counts=f"With a score, of those due: {telling.seen_of_due(whole)}.",
        columns=("Group", *telling.COLUMNS),
        rows=tuple((label, *_group_cells(each)) for label, each in entries),
        chart=chart,
        hidden=_hidden(each for _, each in entries),
    )


def _group_cells(shown: Shown) -> tuple[str, ...]:
    if shown.hidden.startswith("held back"):
        return shown.hidden, *(telling.NONE,) * 4
    return telling.cells(shown, "share")
