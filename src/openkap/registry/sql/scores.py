"""Scores that stand, the one picked for each window, and a row with all of them for each person."""

from __future__ import annotations

from openkap.registry.definition import Panel, SurvivalMeasure, Window
from openkap.registry.query import severity_cuts
from openkap.registry.sql.expressions import MICROSECONDS_AN_HOUR, banded
from openkap.registry.sql.people import add_people
from openkap.registry.sql.plan import Ground

# Order of recording fits below this; a pick's key is distance first, then the latest recorded.
SEQUENCE_LIMIT = 2**40


def add_live(ground: Ground, panel: Panel) -> str:
    """Scores of a panel that stand, with day and microseconds since the first dose."""
    people = add_people(ground)
    join, current = ground.current("score", "score_id", "s")
    return ground.step(
        "live",
        "SELECT s.course_id, CAST(days_between(p.index_on, s.assessed_on) AS BIGINT) AS day, "
        "micros_between(p.index_at, s.assessed_at) AS us, s.value, s.sequence "
        f"FROM score s JOIN {people} p ON p.course_id = s.course_id{join} "
        f"WHERE p.is_first = 1 AND s.scale = '{panel.scale}' AND s.cluster = '{panel.cluster}' "
        f"AND s.value IS NOT NULL AND s.assessed_on <= {ground.as_of} AND {current}",
        view=panel not in _followed_panels(ground),
    )


def _followed_panels(ground: Ground) -> set[Panel]:
    """Panels whose single scores are read more than once, for times to an event."""
    return {
        Panel(scale=each.scale, cluster=each.cluster)
        for each in ground.definitions.measures
        if isinstance(each, SurvivalMeasure)
    }


def add_picked(ground: Ground, panel: Panel, windows: tuple[Window, ...]) -> str:
    """Baseline and the score of each window, by course.

    All windows that the measures name for a panel are picked in one pass, so that every question about
    the panel shares it.
    """
    named = ground.definitions.windows(panel)
    if set(windows) <= set(named):
        windows = named
    picks = ", ".join([_baseline_pick(ground), *(_window_pick(window) for window in windows)])
    return ground.step(
        "picked", f"SELECT course_id, {picks} FROM {add_live(ground, panel)} GROUP BY course_id"
    )


def add_wide(ground: Ground, panel: Panel, windows: tuple[Window, ...]) -> str:
    """One row for each person's first course: baseline and the score picked for each window."""
    picked, people = add_picked(ground, panel, windows), add_people(ground)
    values = ", ".join(["k.baseline", *(f"k.v_{window.id}" for window in windows)])
    band = banded("k.baseline", severity_cuts(ground.definitions, panel))
    return ground.step(
        "wide",
        f"SELECT p.*, {values}, {band} AS severity FROM {people} p "
        f"LEFT JOIN {picked} k ON k.course_id = p.course_id WHERE p.is_first = 1",
        view=True,
    )


def _baseline_pick(ground: Ground) -> str:
    days = ground.definitions.scales.baseline.days
    return (
        f"min_by(value, -day * {SEQUENCE_LIMIT} - sequence) "
        f"FILTER (WHERE day >= -{days} AND us <= 0) AS baseline"
    )


def _window_pick(window: Window) -> str:
    """The value nearest the target; of two as near the earlier; on a tie the one recorded last."""
    if window.unit == "d":
        inside = f"day BETWEEN {window.start} AND {window.end} AND us > 0"
        distance = f"abs(day - {window.target}) * 2 + CASE WHEN day > {window.target} THEN 1 ELSE 0 END"
    else:
        start, end, target = (
            hours * MICROSECONDS_AN_HOUR for hours in (window.start, window.end, window.target)
        )
        inside = f"us BETWEEN {start} AND {end} AND us > 0"
        distance = (
            f"CAST(FLOOR(abs(us - {target}) / 60000000) AS BIGINT) * 2 "
            f"+ CASE WHEN us > {target} THEN 1 ELSE 0 END"
        )
    return (
        # Within CASE the key is worked out for the few rows inside; as a FILTER's, for all of them.
        f"min_by(value, CASE WHEN {inside} THEN ({distance}) * {SEQUENCE_LIMIT} - sequence END) "
        f"AS v_{window.id}"
    )
