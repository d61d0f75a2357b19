"""Times to an event: from response to its loss, from the first dose to the next course."""

from __future__ import annotations

from openkap.registry.definition import Panel, SurvivalMeasure
from openkap.registry.sql.expressions import RANK, causes, meets
from openkap.registry.sql.people import add_people
from openkap.registry.sql.plan import Ground
from openkap.registry.sql.scores import add_live, add_picked


def ask_spells(ground: Ground, measure: SurvivalMeasure) -> str:
    """People by site, cause and interval of days, looked at up to the horizon."""
    spans = (
        _add_loss_spans(ground, measure)
        if measure.event == "loss"
        else _add_retreatment_spans(ground, measure)
    )
    h = measure.horizon_days
    # What happens after the horizon was not seen within it.
    late = f"(upper > {h} OR (upper IS NULL AND lower > {h}))"
    return (
        "SELECT site_id, cause, lower, upper, COUNT(*) AS people FROM ("
        f"SELECT site_id, CASE WHEN {late} THEN 'censored' ELSE cause END AS cause, "
        f"CASE WHEN {late} AND cause = 'loss' AND lower < {h} THEN lower "
        f"WHEN {late} THEN {h} ELSE lower END AS lower, "
        f"CASE WHEN {late} THEN NULL ELSE upper END AS upper FROM {spans}) t "
        "GROUP BY site_id, cause, lower, upper"
    )


def _add_loss_spans(ground: Ground, measure: SurvivalMeasure) -> str:
    panel = Panel(scale=measure.scale, cluster=measure.cluster)
    live, people = add_live(ground, panel), add_people(ground)
    limit = ground.rule("response", panel)
    assert limit is not None
    daily = ground.step(
        "daily",
        f"SELECT course_id, day, max_by(value, sequence) AS value FROM {live} WHERE day > 0 "
        "GROUP BY course_id, day",
    )
    base = add_picked(ground, panel, ())
    flag = ground.step(
        "flag",
        f"SELECT d.course_id, d.day, CASE WHEN {meets(limit, 'd.value', 'b.baseline')} THEN 1 "
        "ELSE 0 END "
        f"AS holds FROM {daily} d JOIN {base} b ON b.course_id = d.course_id "
        "WHERE b.baseline IS NOT NULL",
    )
    begun = ground.step(
        "begun", f"SELECT course_id, MIN(day) AS day0 FROM {flag} WHERE holds = 1 GROUP BY course_id"
    )
    lost = ground.step(
        "lost",
        f"SELECT f.course_id, MIN(f.day) AS day1 FROM {flag} f JOIN {begun} b ON b.course_id = "
        "f.course_id "
        "WHERE f.holds = 0 AND f.day > b.day0 GROUP BY f.course_id",
    )
    span = ground.step(
        "span",
        "SELECT b.course_id, b.day0, MIN(l.day1) AS day1, MAX(f.day) AS held "
        f"FROM {begun} b LEFT JOIN {lost} l ON l.course_id = b.course_id "
        f"JOIN {flag} f ON f.course_id = b.course_id AND f.holds = 1 AND f.day >= b.day0 "
        "AND (l.day1 IS NULL OR f.day < l.day1) GROUP BY b.course_id, b.day0",
    )
    other = _add_other_events(ground, measure.competing)
    first = ground.step(
        "first",
        f"SELECT o.course_id, MIN(o.day * 10 + o.code) AS code FROM {other} o "
        f"JOIN {span} s ON s.course_id = o.course_id JOIN {people} p ON p.course_id = o.course_id "
        "WHERE o.day >= s.day0 AND o.day <= p.elapsed GROUP BY o.course_id",
    )
    wins = "s.day1 IS NOT NULL AND (f.code IS NULL OR s.day1 * 10 <= f.code)"
    return ground.step(
        "spans",
        f"SELECT p.site_id, CASE WHEN {wins} THEN 'loss' {causes('f.code')} ELSE 'censored' "
        "END AS cause, "
        f"CASE WHEN {wins} OR f.code IS NULL THEN s.held - s.day0 "
        "ELSE CAST(FLOOR(f.code / 10) AS BIGINT) - s.day0 END AS lower, "
        f"CASE WHEN {wins} THEN s.day1 - s.day0 WHEN f.code IS NULL THEN NULL "
        "ELSE CAST(FLOOR(f.code / 10) AS BIGINT) - s.day0 END AS upper "
        f"FROM {span} s JOIN {people} p ON p.course_id = s.course_id "
        f"LEFT JOIN {first} f ON f.course_id = s.course_id",
    )


def _add_retreatment_spans(ground: Ground, measure: SurvivalMeasure) -> str:
    people = add_people(ground)
    other = _add_other_events(ground, (*measure.competing, "retreatment"))
    first = ground.step(
        "first",
        f"SELECT o.course_id, MIN(o.day * 10 + o.code) AS code FROM {other} o "
        f"JOIN {people} p ON p.course_id = o.course_id WHERE o.day >= 0 AND o.day <= p.elapsed "
        "GROUP BY o.course_id",
    )
    return ground.step(
        "spans",
        f"SELECT p.site_id, CASE {causes('f.code')} ELSE 'censored' END AS cause, "
        "CASE WHEN f.code IS NULL THEN CAST(p.elapsed AS BIGINT) "
        "ELSE CAST(FLOOR(f.code / 10) AS BIGINT) END AS lower, "
        "CASE WHEN f.code IS NULL THEN NULL ELSE CAST(FLOOR(f.code / 10) AS BIGINT) END AS upper "
        f"FROM {people} p LEFT JOIN {first} f ON f.course_id = p.course_id WHERE p.is_first = 1",
    )


def _add_other_events(ground: Ground, kinds: tuple[str, ...]) -> str:
    """The first day and kind of what competes, per first course; a death is also read from the person."""
    people = add_people(ground)
    rank = " ".join(f"WHEN '{kind}' THEN {RANK[kind]}" for kind in kinds)
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    parts = [
        (
            f"SELECT e.course_id, CAST(days_between(p.index_on, e.occurred_on) AS BIGINT) AS day, "
            f"CASE e.kind {rank} END AS code FROM course_event e "
            f"JOIN {people} p ON p.course_id = e.course_id WHERE p.is_first = 1 AND e.kind IN ({listed})"
        )
    ]
    if "death" in kinds:
        parts.append(
            f"SELECT course_id, CAST(died_day AS BIGINT) AS day, {RANK['death']} AS code "
            f"FROM {people} WHERE is_first = 1 AND died_day IS NOT NULL"
        )
    if "retreatment" in kinds:
        parts.append(
            f"SELECT f.course_id, CAST(days_between(f.index_on, p.index_on) AS BIGINT) AS day, "
            f"{RANK['retreatment']} AS code FROM {people} p "
            f"JOIN {people} f ON f.patient_id = p.patient_id AND f.is_first = 1 WHERE p.is_first = 0"
        )
    return ground.step("other", " UNION ALL ".join(parts))
