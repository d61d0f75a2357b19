"""Exhibits of durability, safety, who gets through the door, and overrides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from openkap.care.insights import plain, telling
from openkap.care.insights.chart import (
    Axis,
    Band,
    Bar,
    Exhibit,
    Headline,
    Line,
    Mark,
    Point,
    RowChart,
    Series,
    TimeChart,
    percent_axis,
)
from openkap.care.insights.small_numbers import FEW, count, is_small, part, rounded
from openkap.care.outcomes.aggregates import HELD_BACK, held_back
from openkap.registry.definition import Definitions, SurvivalMeasure
from openkap.registry.disclosure import THRESHOLD
from openkap.registry.query import FLOW_STEPS, Rows
from openkap.registry.report import MARKS_DAYS, Durability, RateRow, Report

CAUSE_WORDS = {
    "loss": "response lost",
    "retreatment": "treated again",
    "death": "died",
    "other_treatment": "went to another treatment",
    "withdrawal": "withdrew",
}
STEP_WORDS = {
    "referred": "referred",
    "screened": "screened",
    "eligible": "eligible",
    "consented": "consented",
    "treated": "treated",
    "completed": "completed",
    "followed_due": "due at week 12",
    "followed": "seen at week 12",
}
# One look for each cause, told apart without colour.
LOOKS: tuple[tuple[Mark, Line, str], ...] = (
    ("disc", "step", "ours"),
    ("square", "step", "other"),
    ("triangle", "step", "other"),
    ("cross", "step", "other"),
)
SAFETY = ("severe-blood-pressure", "adverse-events", "serious-adverse-events")
MONTH_DAYS = 30
# A range narrower than this is the line itself.
LEAST_RANGE = 0.005
STEP = "to the nearest five; fewer than 10 are not shown"


def durability(report: Report, definitions: Definitions, spells: dict[str, Rows]) -> Iterator[Exhibit]:
    """How long a response lasts, when treatment is taken up again, what competes, what is not known."""
    for each in report.durability:
        measure = definitions.measure(each.measure)
        assert isinstance(measure, SurvivalMeasure)
        yield _durability(report, each, measure, spells[each.measure])


def _durability(report: Report, each: Durability, measure: SurvivalMeasure, rows: Rows) -> Exhibit:
    words = CAUSE_WORDS[measure.event]
    title = plain.titled(each.measure, each.title)
    if each.people < THRESHOLD:
        return Exhibit(
            each.measure,
            title,
            (Headline(FEW, "people so far: nothing can be shown", "unknown"),),
            (),
            report.words[each.measure],
            f"{FEW} people.",
            ("Day",),
            (),
            plain=(f"Nothing can be shown yet: {FEW} people so far.",),
        )
    days = [day for day in MARKS_DAYS if day <= measure.horizon_days]
    table = [_mark_row(each, measure, rows, day) for day in days]
    watched = 1 - each.censored / each.people
    leading = next((row for row in reversed(table) if row["share"] is not None), None)
    estimate = (
        Headline(
            telling.percent(leading["share"]),
            f"{words} within {leading['day']} days",
            exact="cumulative incidence, other causes competing",
        )
        if leading
        else Headline(FEW, f"{words} so far", "unknown")
    )
    bounds = leading or table[-1]
    few = is_small(each.censored) or is_small(each.people - each.censored)
    seen = f"{each.people - each.censored} of {each.people}" if not few else f"of {each.people}"
    return Exhibit(
        id=each.measure,
        title=title,
        plain=(_lasts(each, words, leading), *_open(each, words, bounds)),
        headlines=(
            estimate,
            Headline(
                telling.percent(watched) if not few else telling.NONE,
                f"known to the end ({seen}); the others are known only so far",
                exact="not censored",
            ),
            Headline(
                f"{100 * bounds['best']:.0f} to {telling.percent(bounds['worst'])}",
                f"within {bounds['day']} days, if none or all of those not known to the end had it",
                exact="bounds",
            ),
        ),
        says=(
            *_between_visits(measure),
            f"Upright strokes are the room that chance leaves (95 % intervals) of: {words}.",
            "A curve starts once 10 people had it and ends where fewer than 10 are still watched.",
        ),
        words=report.words[each.measure],
        counts=f"{each.people} people; followed to an end: {seen}.",
        columns=(
            "By day",
            words.capitalize(),
            "Still free of it, between visits",
            "If those no longer watched never/all had it",
            "Still watched",
        ),
        rows=tuple(
            (
                f"{row['day']}",
                row["cell"],
                row["range"],
                f"{100 * row['best']:.0f} to {telling.percent(row['worst'])}",
                count(row["at_risk"]),
            )
            for row in table
        ),
        chart=_curves(each, measure, rows),
        hidden="Days and causes with fewer than 10 people are held back.",
    )


def _lasts(each: Durability, words: str, leading: dict[str, Any] | None) -> str:
    if leading is None:
        return (
            f"Of {each.people} people {FEW} so far: {words}. That is too few for a share; it does not mean "
            "none, and people who joined lately have had little time."
        )
    return (
        f"About {telling.percent(leading['share'])} of {each.people} people within {leading['day']} days: "
        f"{words}. How sure: chance alone leaves room for {leading['room']}."
    )


def _open(each: Durability, words: str, bounds: dict[str, Any]) -> Iterator[str]:
    if each.censored:
        best, worst = 100 * bounds["best"], telling.percent(bounds["worst"])
        yield (
            f"Not everybody is known that long: depending on the others it is between {best:.0f} and {worst} "
            f"within {bounds['day']} days."
        )


def _between_visits(measure: SurvivalMeasure) -> tuple[str, ...]:
    """What is not known of the day on which a response was lost."""
    if measure.event != "loss":
        return ()
    words = (
        "Between two visits nobody knows the day: the curve counts a loss at the visit that shows it, the "
        "column of those still free of it spreads it over the time between; bars show what stays open."
    )
    return (words,)


def _mark_row(each: Durability, measure: SurvivalMeasure, rows: Rows, day: int) -> dict[str, Any]:
    curve = each.incidence[0]
    at_risk = int(curve.at_risk[0, day]) if day < curve.at_risk.shape[1] else 0
    happened = _happened(rows, measure.event, day)
    unknown = sum(row["people"] for row in rows if row["cause"] == "censored" and _day(row) < day)
    if is_small(unknown):
        # The bounds would count them.
        unknown = THRESHOLD - 1
    place = min(day, curve.value.shape[1] - 1)
    told = happened >= THRESHOLD and at_risk >= THRESHOLD
    low, high = next(
        (
            (a, b)
            for t, a, b in zip(each.range_times, each.range_low, each.range_high, strict=True)
            if t == day
        ),
        (None, None),
    )
    # Fewer than ten who had it: the bounds say only what nine would say.
    least = happened if told or happened == 0 else 0
    most = (happened if told else max(happened, min(THRESHOLD - 1, each.people))) + unknown
    share = float(curve.value[0, place])
    cell = f"{telling.percent(share)} ({100 * curve.low[0, place]:.0f} to {100 * curve.high[0, place]:.0f})"
    return {
        "day": day,
        "share": share if told else None,
        "room": f"{100 * curve.low[0, place]:.0f} to {telling.percent(float(curve.high[0, place]))}",
        "cell": cell if told else FEW if happened < THRESHOLD else f"{FEW} still watched",
        "range": f"{100 * low:.0f} to {telling.percent(high)}" if told and low is not None else telling.NONE,
        "best": least / each.people,
        "worst": min(most / each.people, 1.0),
        "at_risk": at_risk,
    }


def _happened(rows: Rows, cause: str, day: int) -> int:
    return int(sum(row["people"] for row in rows if row["cause"] == cause and _day(row) <= day))


def _day(row: dict[str, Any]) -> float:
    return float(row["lower"] if row["upper"] is None else row["upper"])


def _curves(each: Durability, measure: SurvivalMeasure, rows: Rows) -> TimeChart:
    days = range(0, measure.horizon_days + 1, MONTH_DAYS)
    series = []
    for cause, curve, (mark, line, tone) in zip(each.causes, each.incidence, LOOKS, strict=False):
        points = [
            Point(
                float(day),
                float(curve.value[0, day]),
                float(curve.low[0, day]),
                float(curve.high[0, day]),
                words=f"{CAUSE_WORDS[cause]} by day {day}: {telling.percent(float(curve.value[0, day]))}",
            )
            for day in days
            if day < curve.value.shape[1]
            and curve.at_risk[0, day] >= THRESHOLD
            and _happened(rows, cause, day) >= THRESHOLD
        ]
        if points:
            series.append(Series(CAUSE_WORDS[cause], tuple(points), mark, line, tone))
    ours = [point.x for one in series if one.name == CAUSE_WORDS[measure.event] for point in one.points]
    spans = tuple(
        (day, 1 - high, 1 - low)
        for day, low, high in zip(each.range_times, each.range_low, each.range_high, strict=True)
        if ours and ours[0] <= day <= ours[-1] + MONTH_DAYS and high - low >= LEAST_RANGE
    )
    bands = (
        (Band(f"{CAUSE_WORDS[measure.event]}: what visits leave open", spans, is_joined=False),)
        if spans
        else ()
    )
    step = 90 if measure.horizon_days > 200 else MONTH_DAYS
    ticks = tuple((float(day), f"{day // MONTH_DAYS}") for day in range(0, measure.horizon_days + 1, step))
    return TimeChart(
        each.title,
        " ".join(
            f"{one.name} by day {one.points[-1].x:.0f}: {telling.percent(one.points[-1].y)}."
            for one in series
        )
        or "Too few people for a curve.",
        Axis(f"months (of 30 days) after {measure.time_zero}", 0.0, float(measure.horizon_days), ticks),
        percent_axis("share of people"),
        tuple(series),
        bands,
    )


def safety(report: Report, definitions: Definitions) -> Iterator[Exhibit]:
    """Blood pressure and adverse events, then what was delivered: by session and by person."""
    everybody = [row for row in report.rates if row.stratum == "all"]
    for name in (*SAFETY, *(row.measure for row in everybody if row.measure not in (*SAFETY, "overrides"))):
        rows = [row for row in report.rates if row.measure == name]
        if rows:
            yield _rates(report, definitions, rows)


def _rates(report: Report, definitions: Definitions, rows: Sequence[RateRow]) -> Exhibit:
    whole = rows[0]
    words = {each.id: telling.stratum_words(each.words) for each in definitions.strata.strata}
    entries: list[tuple[str, RateRow | None]] = [("all sessions", whole)]
    for stratum in dict.fromkeys(row.stratum for row in rows if row.stratum != "all"):
        entries.append((words.get(stratum, stratum), None))
        of_stratum = sorted(
            (row for row in rows if row.stratum == stratum), key=lambda row: telling.band_order(row.group)
        )
        entries += [(telling.group_words(row.group), row) for row in of_stratum]
    safe = _safe_groups(rows)
    top = max(
        [row.per_session[2] for row in rows if row.per_session and _may_tell(row) and safe[id(row)]] or [0.1]
    )
    bars = tuple(
        _rate_bar(label, row, told=row is not None and safe[id(row)]) if row else Bar(label, is_head=True)
        for label, row in entries
    )
    chart = RowChart(
        whole.title,
        f"{whole.title}: {_share(whole)} of sessions seen.",
        percent_axis("share of sessions, with the room chance leaves", min(1.0, max(top, 0.02))),
        bars,
    )
    bounds = whole.bounds if _may_tell(whole) else None
    return Exhibit(
        id=whole.measure,
        title=whole.title,
        plain=tuple(_in_sessions(whole)),
        headlines=(
            Headline(_share(whole), f"of sessions that tell of it ({count(whole.hit)} of {whole.seen})"),
            Headline(
                telling.percent(whole.seen / whole.units if whole.units else None),
                f"of sessions tell of it ({whole.seen} of {whole.units})",
                exact="completeness",
            ),
            Headline(
                _span(bounds), "of all sessions, whatever happened in those that do not tell", exact="bounds"
            ),
            Headline(_people(whole), f"of {count(whole.people_seen)} people"),
        ),
        says=(),
        words=report.words[whole.measure],
        counts=f"{whole.seen} of {whole.units} sessions seen, "
        f"{count(whole.people) if is_small(whole.people) else part(whole.people_seen, whole.people)} people.",
        columns=(
            "Group",
            "Sessions with it",
            "of sessions seen",
            "Share (95 % interval)",
            "Sessions not seen",
            "People with it",
            "of people seen",
        ),
        rows=tuple(
            (label, *_rate_cells(row, told=safe[id(row)])) if row else (label, *("",) * 6)
            for label, row in entries
        ),
        chart=chart,
        hidden=f"Groups where {FEW} people, or {FEW} sessions with it, could be told are held back.",
    )


def _in_sessions(row: RateRow) -> Iterator[str]:
    """How often it happened; that it never did proves little where there were few sessions."""
    if row.per_session is None:
        yield "Nothing is known yet: no session tells of it."
        return
    _, low, high = row.per_session
    if row.hit == 0:
        yield (
            f"In none of {row.seen} sessions. How sure: with so many sessions it could still be up to "
            f"{telling.percent(high, 1)} of them."
        )
    elif is_small(row.hit):
        yield f"In {FEW} of {row.seen} sessions; the count is held back, as it would tell of single patients."
    else:
        yield (
            f"In {row.hit} of {row.seen} sessions ({_share(row)}). How sure: chance alone leaves room for "
            f"{100 * low:.1f} to {telling.percent(high, 1)}."
        )
    if row.units > row.seen:
        yield f"{count(row.units - row.seen)} of {row.units} sessions do not tell of it."


def _may_tell(row: RateRow) -> bool:
    without = row.people_seen - row.people_hit
    few = is_small(row.hit) or is_small(row.people_hit) or is_small(without)
    return not few and row.people_seen >= THRESHOLD


def _safe_groups(rows: Sequence[RateRow]) -> dict[int, bool]:
    """Groups that may be told: each by itself, and never all but one of a stratum."""
    safe = {id(row): row.stratum == "all" or _may_tell(row) for row in rows}
    for stratum in {row.stratum for row in rows} - {"all"}:
        groups = sorted(
            (row for row in rows if row.stratum == stratum), key=lambda row: (row.people_seen, row.group)
        )
        if sum(1 for row in groups if not safe[id(row)]) == 1:
            other = next((row for row in groups if safe[id(row)]), None)
            if other is not None:
                safe[id(other)] = False
    return safe


def _span(bounds: tuple[float, float] | None) -> str:
    if bounds is None:
        return telling.NONE
    low, high = (telling.percent(value, 1) for value in bounds)
    return low if low == high else f"{100 * bounds[0]:.1f} to {high}"


def _share(row: RateRow) -> str:
    if row.per_session is None:
        return telling.NONE
    if is_small(row.hit):
        return f"under {telling.percent(THRESHOLD / row.seen, 1)}" if row.seen > THRESHOLD else telling.NONE
    return telling.percent(row.per_session[0], 1)


def _people(row: RateRow) -> str:
    if row.per_person is None or row.people_seen < THRESHOLD:
        return telling.NONE
    told = part(row.people_hit, row.people_seen)
    if told == f"{row.people_hit} of {row.people_seen}":
        return telling.percent(row.per_person[0])
    return FEW if told.startswith(FEW) else telling.NONE


def _rate_bar(label: str, row: RateRow, *, told: bool) -> Bar:
    if not told or row.per_session is None or is_small(row.hit):
        return Bar(label, words=_share(row) if told else "held back")
    share, low, high = row.per_session
    return Bar(label, share, low, high, f"{telling.percent(share, 1)} of {row.seen}")


def _rate_cells(row: RateRow, *, told: bool) -> tuple[str, ...]:
    if not told:
        return ("held back: it would tell of few", *(telling.NONE,) * 5)
    exact = row.per_session is not None and not is_small(row.hit)
    share = telling.exact_share(*row.per_session) if exact and row.per_session else _share(row)
    return (
        count(row.hit),
        f"{row.seen}",
        share,
        count(row.units - row.seen),
        _people_hit(row),
        count(row.people_seen),
    )


def _people_hit(row: RateRow) -> str:
    """People with it; those without are not to be counted either."""
    if is_small(row.people_seen):
        return count(row.people_hit)
    told = part(row.people_hit, row.people_seen)
    return told.removesuffix(f" of {row.people_seen}") if told[0].isdigit() else told


def equity(report: Report, definitions: Definitions) -> Iterator[Exhibit]:
    """From referral to follow-up, for all and by each group; counts to the nearest five."""
    words = {each.id: telling.stratum_words(each.words) for each in definitions.strata.strata}
    whole = [row for row in report.flow if row["stratum"] == "all"]
    if not whole:
        return
    yield _flow(report, whole[0])
    for stratum in dict.fromkeys(row["stratum"] for row in report.flow if row["stratum"] != "all"):
        rows = [row for row in report.flow if row["stratum"] == stratum]
        rows.sort(key=lambda row: telling.band_order(str(row["group"])))
        yield _flow_by_group(report, words.get(stratum, stratum), stratum, [whole[0], *rows])


def _flow(report: Report, row: dict[str, Any]) -> Exhibit:
    steps = [(STEP_WORDS[step], rounded(row[step])) for step in FLOW_STEPS]
    most = max([number or 0 for _, number in steps] + [10])
    nice = next(size for size in (5, 10, 25, 50, 100, 250, 500, 1000, 5000, 10**5, 10**7) if most / size <= 6)
    ticks = tuple((float(at), f"{at}") for at in range(0, most + nice, nice))
    title = "From referral to follow-up"
    due, seen = rounded(row["followed_due"]), rounded(row["followed"])
    return Exhibit(
        id="equity-flow",
        title=title,
        headlines=(
            Headline(_number(rounded(row["referred"])), "people referred"),
            Headline(_of(rounded(row["treated"]), rounded(row["referred"])), "of them began treatment"),
            Headline(
                _of(seen, due), f"of those due were seen at week 12 ({_number(seen)} of {_number(due)})"
            ),
        ),
        says=(
            "Only people who agreed to registry use are counted; who was not asked or said no is not here.",
        ),
        words=report.words["equity-flow"],
        counts=f"{_number(rounded(row['referred']))} people referred; counts {STEP}.",
        columns=("Step", "People", "of those referred"),
        rows=tuple((label, _number(number), _of(number, steps[0][1])) for label, number in steps),
        chart=RowChart(
            title,
            "; ".join(f"{label} {_number(number)}" for label, number in steps) + ".",
            Axis("people, to the nearest five", 0.0, ticks[-1][0], ticks),
            tuple(
                Bar(label, None if number is None else float(number), words=_number(number))
                for label, number in steps
            ),
            is_bars=True,
        ),
        hidden=f"Counts are {STEP}.",
    )


def _flow_by_group(report: Report, words: str, stratum: str, rows: Sequence[dict[str, Any]]) -> Exhibit:
    title = f"Who begins treatment: {words.lower()}"
    entries = [
        ("everybody" if row["stratum"] == "all" else telling.group_words(str(row["group"])), row)
        for row in rows
    ]

    def share(row: dict[str, Any]) -> float | None:
        part, of = rounded(row["treated"]), rounded(row["referred"])
        return None if part is None or not of else min(part / of, 1.0)

    whole = rows[0]
    due, seen = rounded(whole["followed_due"]), rounded(whole["followed"])
    return Exhibit(
        id=f"flow-by-{stratum}",
        title=title,
        headlines=(
            Headline(
                _of(rounded(whole["treated"]), rounded(whole["referred"])),
                "of everybody referred began treatment",
            ),
            Headline(
                _of(seen, due), f"of those due were seen at week 12 ({_number(seen)} of {_number(due)})"
            ),
        ),
        says=(),
        words=report.words["equity-flow"],
        counts=f"{_number(rounded(whole['referred']))} people referred; counts {STEP}.",
        columns=(words, *(STEP_WORDS[step].capitalize() for step in FLOW_STEPS)),
        rows=tuple((label, *(_number(rounded(row[step])) for step in FLOW_STEPS)) for label, row in entries),
        chart=RowChart(
            title,
            "; ".join(
                f"{label} {_of(rounded(row['treated']), rounded(row['referred']))}" for label, row in entries
            )
            + ".",
            percent_axis("share of those referred who began treatment"),
            tuple(
                Bar(
                    label,
                    share(row),
                    words=_of(rounded(row["treated"]), rounded(row["referred"])),
                    is_head=at == 0,
                )
                for at, (label, row) in enumerate(entries)
            ),
            is_bars=True,
        ),
        hidden=f"Counts are {STEP}.",
    )


def _number(value: int | None) -> str:
    return FEW if value is None else f"{value}"


def _of(part: int | None, whole: int | None) -> str:
    return telling.NONE if part is None or not whole else telling.percent(min(part / whole, 1.0))


def overrides(report: Report) -> Iterator[Exhibit]:
    """Where people decided otherwise than proposed, by rule and by reason."""
    rate = next((row for row in report.rates if (row.measure, row.stratum) == ("overrides", "all")), None)
    tally = report.tallies.get("overrides-by-rule", [])
    rules: dict[str, int] = {}
    for row in tally:
        rules[row["rule"]] = rules.get(row["rule"], 0) + _rows_of(row)
    order = sorted(rules, key=lambda rule: (-rules[rule], rule))
    hidden = held_back(rules)
    told = [(rule, HELD_BACK if rule in hidden else count(rules[rule])) for rule in order]
    most = max([*rules.values(), THRESHOLD])
    nice = next(size for size in (2, 5, 10, 25, 50, 100, 1000, 10**5) if most / size <= 6)
    ticks = tuple((float(at), f"{at}") for at in range(0, most + nice, nice))
    rows: list[tuple[str, ...]] = []
    for rule, number in told:
        reasons = sorted((row for row in tally if row["rule"] == rule), key=_rows_of, reverse=True)
        # One of several would follow from the rule's number.
        several = rule in hidden or (len(reasons) > 1 and any(is_small(_rows_of(row)) for row in reasons))
        rows += [
            (rule, row["reason"], HELD_BACK if several else count(_rows_of(row)), number) for row in reasons
        ]
    title = "Overrides by rule"
    yield Exhibit(
        id="overrides-by-rule",
        title=title,
        headlines=(
            Headline(count(sum(rules.values())), "times a person decided otherwise than proposed"),
            *(
                (
                    Headline(_share(rate), f"of sessions had one ({count(rate.hit)} of {rate.seen})"),
                    Headline(
                        telling.percent(rate.seen / rate.units if rate.units else None),
                        f"of sessions were seen ({rate.seen} of {rate.units})",
                    ),
                )
                if rate
                else ()
            ),
        ),
        says=(
            "An override is not a mistake: a rule that is overridden often is a rule to look at.",
            "What people wrote stays in the record; here is only which rule and which act.",
        ),
        words=report.words["overrides-by-rule"],
        counts=f"{count(sum(rules.values()))} overrides"
        + (f" in {rate.seen} of {rate.units} sessions seen." if rate else "."),
        columns=("Rule", "What was decided", "Times", "Times in all"),
        rows=tuple(rows),
        chart=RowChart(
            title,
            "; ".join(f"{rule} {number}" for rule, number in told) + "." if told else "None so far.",
            Axis("times", 0.0, ticks[-1][0], ticks),
            tuple(
                Bar(rule, float(number) if number.isdecimal() else None, words=number)
                for rule, number in told
            ),
            is_bars=True,
        ),
        hidden=f"Counts under 10 are shown as {FEW}, or held back with another that would give them away.",
    )


def _rows_of(row: dict[str, Any]) -> int:
    return int(row["rows_counted"])
