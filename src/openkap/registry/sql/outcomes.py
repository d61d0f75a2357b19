"""What became of people: counts and sums by window, and moments of the repeated scores."""

from __future__ import annotations

from openkap.registry.definition import Panel
from openkap.registry.query import RULES, Cells, Moments
from openkap.registry.sql.expressions import meets, span_of
from openkap.registry.sql.people import grouped
from openkap.registry.sql.plan import Ground
from openkap.registry.sql.scores import add_wide


def ask_cells(ground: Ground, query: Cells) -> str:
    """People due, gone, seen and meeting each rule at each window, with sums of change, by group."""
    wide = add_wide(ground, query.panel, query.windows)
    inner, sums = [], {"people": "COUNT(*)"}
    for window in query.windows:
        name, span = window.id, span_of(window)
        # A score that does not count becomes NULL here, and so do all tests of it below.
        inner += [
            f"due_{span} AS due_{name}",
            f"gone_{span} AS gone_{name}",
            f"CASE WHEN due_{span} = 1 AND baseline IS NOT NULL THEN v_{name} END AS value_{name}",
            f"CASE WHEN due_{span} = 1 THEN v_{name} - baseline END AS change_{name}",
        ]
        sums |= {f"{column}_{name}": f"COUNT({column}_{name})" for column in ("due", "gone")}
        sums[f"seen_{name}"] = f"COUNT(change_{name})"
        sums |= {f"{rule}_{name}": _successes(ground, rule, query.panel, name) for rule in RULES}
        sums[f"change_{name}"] = f"COALESCE(SUM(change_{name}), 0)"
        sums[f"square_{name}"] = f"COALESCE(SUM(change_{name} * change_{name}), 0)"
    dims = [*query.dimensions, *(["kind"] if set(ground.strata) <= set(query.dimensions) else [])]
    source = f"(SELECT {', '.join([*dims, 'baseline', *inner])} FROM {wide}) w"
    return grouped(ground, query.dimensions, sums, source)


def _successes(ground: Ground, rule: str, panel: Panel, window: str) -> str:
    limit = ground.rule(rule, panel)
    if limit is None:
        return "CAST(0 AS BIGINT)"
    return f"COUNT(CASE WHEN {meets(limit, f'value_{window}', 'baseline')} THEN 1 END)"


def ask_moments(ground: Ground, query: Moments) -> str:
    """Sums and cross-products of the scores, by pattern of what was seen."""
    wide = add_wide(ground, query.panel, query.windows)
    values = ["baseline", *(f"v_{window.id}" for window in query.windows)]
    pattern = ", ".join(f"CASE WHEN {value} IS NULL THEN '0' ELSE '1' END" for value in values)
    filled = ", ".join(f"COALESCE({value}, 0) AS y{i}" for i, value in enumerate(values))
    sums = [f"SUM(y{i}) AS s_{i}" for i in range(len(values))]
    sums += [f"SUM(y{i} * y{j}) AS p_{i}_{j}" for i in range(len(values)) for j in range(i, len(values))]
    return (
        f"SELECT pattern, COUNT(*) AS people, {', '.join(sums)} "
        f"FROM (SELECT concat({pattern}) AS pattern, {filled} FROM {wide}) m GROUP BY pattern"
    )
