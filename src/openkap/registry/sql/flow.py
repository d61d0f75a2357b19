"""From the door to follow-up, and rows counted by what they say."""

from __future__ import annotations

from openkap.registry.definition import Panel
from openkap.registry.query import FLOW_STEPS, Flow, TallyOf
from openkap.registry.sql.people import add_people, strata
from openkap.registry.sql.plan import Ground
from openkap.registry.sql.scores import add_wide


def ask_flow(ground: Ground, query: Flow) -> str:
    """People at each step they reached by way of all steps before it, by group."""
    measure = query.measure
    window = measure.followed
    wide = add_wide(ground, Panel(scale=measure.scale, cluster=measure.cluster), (window,))
    door = ground.step(
        "door",
        f"SELECT r.*, {strata(ground, 'r.referred_on')}, ROW_NUMBER() OVER "
        "(PARTITION BY r.patient_id ORDER BY r.referred_on, r.referral_id) AS place "
        "FROM referral r JOIN patient p ON p.patient_id = r.patient_id "
        f"WHERE r.referred_on <= {ground.as_of}",
    )
    conditions = {
        "referred": "TRUE",
        "screened": f"d.screened_on <= {ground.as_of}",
        "eligible": "d.eligible = 'yes'",
        "consented": f"d.consented_on <= {ground.as_of}",
        "treated": "w.course_id IS NOT NULL",
        "completed": "w.end_reason = 'completed'",
        "followed_due": f"w.elapsed >= {window.last_day} "
        f"AND (w.died_day IS NULL OR w.died_day >= {window.first_day})",
        "followed": f"w.v_{window.id} IS NOT NULL",
    }
    made: list[str] = []
    sums = []
    for step in FLOW_STEPS:
        made.append(conditions[step])
        sums.append(f"COUNT(CASE WHEN {' AND '.join(made)} THEN 1 END) AS {step}")
    dims = ", ".join(f"d.{each.id}" for each in ground.definitions.strata.strata)
    return (
        f"SELECT {dims}, {', '.join(sums)} FROM {door} d "
        f"LEFT JOIN {wide} w ON w.patient_id = d.patient_id WHERE d.place = 1 GROUP BY {dims}"
    )


def ask_tally(ground: Ground, query: TallyOf) -> str:
    """Rows that still stand, counted by what they say."""
    table, people = query.measure.table, add_people(ground)
    by = ", ".join(f"x.{name}" for name in query.measure.by)
    join, current = ground.current(table, "event_id", "x") if table == "adverse_event" else ("", "TRUE")
    return (
        f"SELECT {by}, COUNT(*) AS rows_counted FROM {table} x "
        f"JOIN {people} p ON p.course_id = x.course_id{join} WHERE {current} GROUP BY {by}"
    )
