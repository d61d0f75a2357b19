"""Pieces of SQL that several steps say: bands, rules, totals, conditions, causes."""

from __future__ import annotations

from openkap.registry.definition import Condition, ScaleRule, Window
from openkap.registry.query import band_labels

MICROSECONDS_AN_HOUR = 3_600_000_000
# Of two events of one day the lower counts: a death ends the watch for everything else.
RANK = {"death": 1, "other_treatment": 2, "withdrawal": 3, "retreatment": 4}


def banded(column: str, bands: tuple[float, ...]) -> str:
    """The label of the band a number lies in; ``unknown`` without a number."""
    labels = band_labels(bands)
    steps = " ".join(
        f"WHEN {column} < {band!r} THEN '{label}'" for band, label in zip(bands, labels, strict=False)
    )
    return f"CASE WHEN {column} IS NULL THEN 'unknown' {steps} ELSE '{labels[-1]}' END"


def span_of(window: Window) -> str:
    """The days of a window as part of a column's name; windows of the same days share it."""
    return f"{window.first_day}_{window.last_day}"


def meets(rule: ScaleRule, value: str, baseline: str = "baseline") -> str:
    """The condition that a value meets a rule, seen from the baseline where the rule needs it."""
    if rule.at_most is not None:
        return f"{value} <= {rule.at_most}"
    if rule.fall_points is not None:
        return f"{baseline} - {value} >= {rule.fall_points}"
    if rule.rise_points is not None:
        return f"{value} - {baseline} >= {rule.rise_points}"
    if rule.fall_percent is not None:
        return f"({baseline} > 0 AND ({baseline} - {value}) * 100 >= {rule.fall_percent} * {baseline})"
    return f"({baseline} > 0 AND ({value} - {baseline}) * 100 >= {rule.rise_percent} * {baseline})"


def total(expression: str) -> str:
    """A sum of counts that ends as a 64-bit integer in every engine.

    Counts are added up as floats, which is exact to 2**53 and spares DuckDB its 128-bit sums.
    """
    return f"CAST(SUM(CAST({expression} AS DOUBLE)) AS BIGINT)"


def any_of(conditions: tuple[Condition, ...], alias: str) -> str:
    """The condition that a row meets at least one of these; no conditions are met by every row."""
    if not conditions:
        return "TRUE"
    tests = [
        f"{alias}.{each.column} >= {each.at_least}"
        if each.equals is None
        else f"{alias}.{each.column} = '{each.equals}'"
        for each in conditions
    ]
    return "(" + " OR ".join(tests) + ")"


def causes(code: str) -> str:
    """The branches of a CASE that name the cause in the last digit of a code."""
    return " ".join(f"WHEN {code} % 10 = {rank} THEN '{kind}'" for kind, rank in RANK.items())
