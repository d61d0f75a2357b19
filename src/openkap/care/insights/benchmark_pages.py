"""Exhibits of the benchmark: our curve over the trials' active arms, the randomised contrast beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from openkap.care.insights import plain, telling
from openkap.care.insights.chart import (
    Axis,
    Band,
    Bar,
    Exhibit,
    Headline,
    Mark,
    Point,
    RowChart,
    Series,
    TimeChart,
    points_axis,
    signed,
)
from openkap.care.insights.outcome_pages import LEADING, TITLE_TIME
from openkap.care.insights.small_numbers import Shown, protect
from openkap.registry.benchmark import ActiveArm, Benchmark, Contrast
from openkap.registry.definition import Definitions
from openkap.registry.missing import Z95
from openkap.registry.report import PRIMARY, Report

CANNOT = (
    "This cannot say what the treatment caused: here and in the trials' arms people also change with time, "
    "with hope, with other care, and because they came when they were at their worst (regression to the "
    "mean); only the randomised contrast answers that."
)
VERDICTS = {
    "inside": "about as the trials' treated groups (active arms) would lead us to expect",
    "better": "better than the trials' treated groups (active arms) would lead us to expect",
    "worse": "worse than the trials' treated groups (active arms) would lead us to expect",
    "cannot say": "too few comparable groups in the trials to call ours better or worse",
}
PLACED = {
    "inside": "inside it",
    "better": "better than it",
    "worse": "worse than it",
    "cannot say": "not called better or worse",
}
WORDS = {
    "title": "Benchmark",
    "words": "The clinic's mean change beside the change in the active arms of the trials, on the same scale "
    "and at the same time, set to the clinic's baseline severity. The band is where one more group of "
    "patients like those of the arms would be expected (95 % prediction interval).",
    "numerator": "change from baseline, weighted for who answered",
    "denominator": "people due at that time",
    "time_zero": "ours: the first dose of the person's first course; the trials': as each trial counts",
}
LOOKS: dict[str, tuple[str, Mark]] = {
    "randomised": ("arm of a randomised trial", "square"),
    "open-label": ("open-label study", "triangle"),
    "real-world": ("published real-world series", "cross"),
}


def benchmarks(report: Report, definitions: Definitions) -> Iterator[Exhibit]:
    """The curve and the arms; then the randomised contrasts."""
    found = report.benchmarks
    if not found:
        return
    low, high = definitions.scales.scale(PRIMARY.scale).clusters[PRIMARY.cluster]
    shown = [protect(each.clinic, span=float(high - low)) for each in found]
    yield _curve(report, found, shown)
    yield _contrasts(report, found, shown)


def _words(report: Report) -> dict[str, str]:
    change = report.words.get("change", {})
    return {**change, **WORDS}


def _leading(found: Sequence[Benchmark], shown: Sequence[Shown]) -> int:
    """The time with a verdict, the latest of them; else the leading time of the results."""
    told = [
        number
        for number, each in enumerate(found)
        if each.verdict != "cannot say" and shown[number].weighted.value
    ]
    usual = [number for number, each in enumerate(found) if each.window == LEADING]
    return (told[-1:] or usual or [0])[0]


def _curve(report: Report, found: Sequence[Benchmark], shown: Sequence[Shown]) -> Exhibit:
    at = _leading(found, shown)
    lead, ours = found[at], shown[at]
    label = f"{lead.instrument} on average at {lead.title.lower()}; below zero is better"
    expected = (
        f"{signed(lead.pooled.prediction_low, 1)} to {signed(lead.pooled.prediction_high, 1)}"
        if lead.pooled
        else telling.NONE
    )
    title = f"Our {lead.instrument} beside the trials' active arms"
    arms = (
        f"{lead.pooled.k} treated groups of trials, {lead.pooled.people} people"
        if lead.pooled
        else "too few treated groups of trials"
    )
    placed = f": ours is {PLACED[lead.verdict]}" if ours.weighted.value is not None and lead.pooled else ""
    estimate, *others = telling.headlines(ours, "points", label)
    return Exhibit(
        id="benchmark",
        title=title,
        headlines=(
            estimate,
            Headline(
                expected,
                f"expected of one more group like those at {lead.title.lower()} ({arms}){placed}",
                exact="95 % prediction interval",
            ),
            *others,
        ),
        plain=tuple(_first(lead, ours)),
        says=tuple(_sentences(found, shown)),
        caution=CANNOT,
        words=_words(report),
        counts="With a score, of those due: "
        + "; ".join(
            f"{each.title.lower()} {telling.seen_of_due(own)}" for each, own in zip(found, shown, strict=True)
        )
        + ".",
        columns=(
            "Time",
            "Who",
            "Kind",
            "Change at our baseline",
            "People",
            "Baseline",
            "How the number was made",
        ),
        rows=tuple(_rows(found, shown)),
        chart=TimeChart(
            title,
            " ".join(
                f"{each.title}: ours {telling.interval(own.weighted, 'points')}, {VERDICTS[each.verdict]}."
                for each, own in zip(found, shown, strict=True)
            ),
            Axis(
                TITLE_TIME,
                -0.5,
                len(found) - 0.5,
                tuple((float(place), each.title) for place, each in enumerate(found)),
            ),
            points_axis("points of change; below zero is better", _values(found, shown)),
            tuple(_series(found, shown)),
            tuple(_bands(found)),
            level=0.0,
        ),
        sources={number: urls for number, urls in enumerate(_urls(found)) if urls},
    )


def _first(lead: Benchmark, ours: Shown) -> Iterator[str]:
    """How ours compares at the leading time, in one sentence each."""
    when = f"{lead.title.lower()} after the first dose"
    yield from plain.outcome(ours, "points", "", when)
    if ours.weighted.value is not None:
        yield f"Beside the trials: {VERDICTS[lead.verdict]}."


def _sentences(found: Sequence[Benchmark], shown: Sequence[Shown]) -> Iterator[str]:
    for each, own in zip(found, shown, strict=True):
        if own.weighted.value is None:
            yield f"{each.title}: ours is not shown ({own.hidden or 'too few answers'})."
            continue
        text = (
            f"{each.title}: ours {telling.interval(own.weighted, 'points')}, "
            f"with a score {telling.seen_of_due(own)}, at the worst and at the best "
            f"{telling.bounds(own, 'points')}; {VERDICTS[each.verdict]}."
        )
        if own.tipping is not None and own.can_tip:
            text += (
                f" That people got better falls if those without a score did {own.tipping:.0f} points worse."
            )
        elif own.tipping is not None:
            text += " No score of those without one could change that people got better on average."
        yield text
    for each in found:
        if each.pooled and each.pooled.warnings:
            yield f"{each.title}, about the arms: {'; '.join(each.pooled.warnings)}."


def _values(found: Sequence[Benchmark], shown: Sequence[Shown]) -> list[float]:
    values = [
        arm.adjusted for each in found for arm in (*each.arms, *each.real_world) if arm.adjusted is not None
    ]
    for each in found:
        if each.pooled:
            values += [each.pooled.prediction_low, each.pooled.prediction_high]
    for own in shown:
        values += [
            value for value in (own.worst, own.best, own.weighted.low, own.weighted.high) if value is not None
        ]
    return values


def _bands(found: Sequence[Benchmark]) -> Iterator[Band]:
    spans = [
        (float(place), each.pooled.prediction_low, each.pooled.prediction_high)
        for place, each in enumerate(found)
        if each.pooled
    ]
    if spans:
        # Joined only between neighbours: between others the trials say nothing.
        joined = all(b[0] - a[0] == 1 for a, b in pairwise(spans))
        yield Band("expected of one more group (95 % prediction)", tuple(spans), is_joined=joined)


def _series(found: Sequence[Benchmark], shown: Sequence[Shown]) -> Iterator[Series]:
    pooled = [
        Point(
            place - 0.12,
            each.pooled.estimate,
            each.pooled.low,
            each.pooled.high,
            words=f"active arms together: {signed(each.pooled.estimate, 1)}",
        )
        for place, each in enumerate(found)
        if each.pooled
    ]
    if pooled:
        yield Series("trials' treated groups together", tuple(pooled), "diamond", tone="theirs")
    for design, (name, mark) in LOOKS.items():
        points = [
            Point(
                place + 0.12 + 0.08 * turn,
                arm.adjusted,
                words=f"{arm.study}, {arm.arm}: {signed(arm.adjusted, 1)}",
            )
            for place, each in enumerate(found)
            for turn, arm in enumerate((*each.arms, *each.real_world))
            if arm.design == design and arm.adjusted is not None
        ]
        if points:
            yield Series(name, tuple(points), mark, tone="theirs")
    ours: list[Point] = []
    for place, own in enumerate(shown):
        least, most = own.range
        ours.append(
            Point(
                float(place),
                own.weighted.value,
                own.weighted.low,
                own.weighted.high,
                least,
                most,
                f"ours: {telling.interval(own.weighted, 'points')}; seen {telling.seen_of_due(own)}",
            )
        )
    yield Series("ours, with the room chance leaves", tuple(ours), "disc", "solid")


def _rows(found: Sequence[Benchmark], shown: Sequence[Shown]) -> Iterator[tuple[str, ...]]:
    for each, own in zip(found, shown, strict=True):
        yield (
            each.title,
            "our patients",
            "this clinic",
            telling.interval(own.weighted, "points"),
            telling.seen_of_due(own),
            f"{each.clinic_baseline:.0f}",
            f"weighted for who answered; whatever the missing did {telling.bounds(own, 'points')}",
        )
        if each.pooled:
            yield (
                each.title,
                f"{each.pooled.k} active arms together",
                "pooled",
                f"{signed(each.pooled.estimate, 1)} ({_range(each.pooled.low, each.pooled.high)})",
                f"{each.pooled.people}",
                "set to ours",
                f"one more group: {_range(each.pooled.prediction_low, each.pooled.prediction_high)}",
            )
        for arm in (*each.arms, *each.real_world):
            yield _arm_row(each, arm)


def _range(low: float, high: float) -> str:
    return f"{signed(low, 1)} to {signed(high, 1)}"


def _urls(found: Sequence[Benchmark]) -> Iterator[tuple[str, ...]]:
    """The sources of each row, in the order of ``_rows``."""
    for each in found:
        yield ()
        if each.pooled:
            yield ()
        for arm in (*each.arms, *each.real_world):
            yield arm.urls


def _arm_row(each: Benchmark, arm: ActiveArm) -> tuple[str, ...]:
    se = f" (SE {arm.se:.1f})" if arm.se is not None else ""
    return (
        each.title,
        f"{arm.study}: {arm.arm}",
        LOOKS[arm.design][0],
        "not known" if arm.adjusted is None else f"{signed(arm.adjusted, 1)}{se}",
        "not known" if arm.n is None else f"{arm.n}",
        "not known" if arm.baseline is None else f"{arm.baseline:.0f}",
        f"{arm.how}; {arm.time}; source {arm.tier}",
    )


def _not_drawn(number: int) -> Iterator[str]:
    if number:
        yield f"Given in standard deviations, so in the table and not in the drawing: {number}."


def _added(contrasts: Sequence[Contrast]) -> str:
    """How often ketamine did more than chance alone could: a difference that is none is counted as well."""
    better = sum(1 for one in contrasts if one.estimate - Z95 * one.se > 0)
    worse = sum(1 for one in contrasts if one.estimate + Z95 * one.se < 0)
    neither = len(contrasts) - better - worse
    return (
        f"Of {len(contrasts)} comparisons where lots were drawn, ketamine did clearly better than control in "
        f"{better} and clearly worse in {worse}; in {neither} chance alone could explain "
        "the difference."
    )


def _contrasts(report: Report, found: Sequence[Benchmark], shown: Sequence[Shown]) -> Exhibit:
    at = _leading(found, shown)
    pairs: list[tuple[Benchmark, Contrast]] = []
    for each in found:
        for contrast in each.contrasts:
            # One reading of a trial may stand beside two of our times; it is one number.
            if contrast not in [known for _, known in pairs]:
                pairs.append((each, contrast))
    points = [(each, one) for each, one in pairs if one.measure == "MD"]
    bars = tuple(
        Bar(
            f"{one.study}, {each.title.lower()}",
            one.estimate,
            one.estimate - Z95 * one.se,
            one.estimate + Z95 * one.se,
            signed(one.estimate, 1),
            "diamond",
        )
        for each, one in points
    )
    limits = [value for bar in bars for value in (bar.low, bar.high) if value is not None]
    title = "What ketamine added beyond control, where lots were drawn (randomised contrast)"
    return Exhibit(
        id="randomised-contrast",
        title=title,
        headlines=(
            Headline(f"{len(pairs)}", "randomised contrasts at our times"),
            Headline(telling.completeness(shown[at]), f"of ours have a score at {found[at].title.lower()}"),
        ),
        plain=(_added([one for _, one in pairs]),) if pairs else (),
        says=(
            "Each is a difference between arms at one time; positive favours ketamine.",
            "It is never set beside our before-after change on one axis: it answers another question.",
            *_not_drawn(len(pairs) - len(points)),
        ),
        words={
            **_words(report),
            "words": "Difference between the ketamine arm and the control arm of a randomised "
            "trial, in the trial's own measure: points (MD), else standard deviations (SMD).",
            "numerator": "ketamine arm minus control, turned so that positive is better",
            "denominator": "people randomised",
            "time_zero": "as each trial counts",
        },
        counts=f"{len(pairs)} contrasts from {len({one.study for _, one in pairs})} trials.",
        columns=(
            "Time",
            "Trial",
            "Scale",
            "Measure",
            "Difference (standard error)",
            "How the number was made",
        ),
        rows=tuple(
            (
                one.time,
                one.study,
                one.instrument,
                one.measure,
                f"{signed(one.estimate, 2)} ({one.se:.2f})",
                one.how,
            )
            for _, one in pairs
        ),
        chart=RowChart(
            title,
            "; ".join(f"{one.study} {signed(one.estimate, 1)} points" for _, one in points) + "."
            if points
            else "No contrast in points at our times.",
            points_axis(
                "points; above zero favours ketamine", limits, 5 if max(map(abs, limits or [0])) < 25 else 10
            ),
            bars,
            level=0.0,
        )
        if bars
        else None,
        sources={number: one.urls for number, (_, one) in enumerate(pairs) if one.urls},
    )
