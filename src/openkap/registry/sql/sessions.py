"""Sessions with something in them: all measures of sessions are one question."""

from __future__ import annotations

from openkap.registry.definition import EventsMeasure
from openkap.registry.query import COUNTED, COUNTED_PEOPLE, Events
from openkap.registry.sql.expressions import MICROSECONDS_AN_HOUR, any_of, total
from openkap.registry.sql.people import add_people, grouped
from openkap.registry.sql.plan import Ground

# A long bucket holds a contact once; a short one makes most contacts stand twice.
BUCKETS_A_WINDOW = 7


def ask_events(ground: Ground, query: Events) -> str:
    """All events measures at once: sessions, those seen, those with something, by groups of people."""
    people, per_course = add_people(ground), _add_per_course(ground, query.measures)
    names = [f"{name}_{each.column}" for each in query.measures for name in COUNTED]
    listed = ", ".join(f"{total(f'c.{name}')} AS {name}" for name in names)
    per_person = (
        f"(SELECT p.patient_id, {listed} FROM {per_course} c "
        f"JOIN {people} p ON p.course_id = c.course_id GROUP BY p.patient_id)"
    )
    sums = {name: total(f"t.{name}") for name in names}
    for each in query.measures:
        for people_who, had in COUNTED_PEOPLE.items():
            sums[f"{people_who}_{each.column}"] = f"COUNT(CASE WHEN t.{had}_{each.column} > 0 THEN 1 END)"
    shown = ", ".join(f"p.{name}" for name in dict.fromkeys([*query.dimensions, "kind"]))
    source = (
        f"(SELECT {shown}, t.* FROM {per_person} t JOIN {people} p "
        "ON p.patient_id = t.patient_id AND p.is_first = 1) t"
    )
    return grouped(ground, query.dimensions, sums, source)


def _add_per_course(ground: Ground, measures: tuple[EventsMeasure, ...]) -> str:
    """Sessions of each course, how many were seen, how many had something, and how much, by measure.

    Counted apart and joined by course: what happened is rare beside the sessions it happened in.
    """
    joins, shown = [], []
    marked = [each for each in measures if each.table not in ("session", "therapy")]
    if marked:
        joins.append(("m", _add_marked(ground, tuple(marked))))
    for i, each in enumerate(measures):
        name, seen, hit, events = each.column, f"u.units_{each.column}", "hit", "events"
        if each.requires:
            joins.append((f"l{i}", _add_looked_at(ground, each)))
            seen = f"COALESCE(l{i}.seen, 0)"
        if each.table == "session":
            hit = events = f"u.hit_{name}"
        elif each.table == "therapy":
            joins.append((f"t{i}", _add_contacts_in_window(ground, each)))
            hit, events = f"COALESCE(t{i}.hit, 0)", f"COALESCE(t{i}.events, 0)"
        else:
            hit, events = f"COALESCE(m.hit_{name}, 0)", f"COALESCE(m.events_{name}, 0)"
        shown += [
            f"u.units_{name}",
            f"{seen} AS seen_{name}",
            f"{hit} AS hit_{name}",
            f"{events} AS events_{name}",
        ]
    joined = "".join(f" LEFT JOIN {step} {alias} ON {alias}.course_id = u.course_id" for alias, step in joins)
    return ground.step(
        "per_course",
        f"SELECT u.course_id, {', '.join(shown)} FROM {_add_units(ground, measures)} u{joined}",
        view=True,
    )


def _add_units(ground: Ground, measures: tuple[EventsMeasure, ...]) -> str:
    """Sessions of each course that count for each measure, and what they say themselves."""
    counts = []
    for each in measures:
        counts.append(f"COUNT(CASE WHEN {_among(ground, each)} THEN 1 END) AS units_{each.column}")
        if each.table == "session":
            met = f"{_among(ground, each)} AND {any_of(each.any_of, 's')}"
            counts.append(f"COUNT(CASE WHEN {met} THEN 1 END) AS hit_{each.column}")
    return ground.step(
        "units",
        f"SELECT s.course_id, {', '.join(counts)} FROM {_add_sessions(ground)} s GROUP BY s.course_id",
    )


def _add_marked(ground: Ground, measures: tuple[EventsMeasure, ...]) -> str:
    """Sessions of each course that rows of other tables tell something of, by measure.

    The few rows that tell something are gathered first, so that the sessions are gone through once.
    """
    gathered = []
    for table in dict.fromkeys(each.table for each in measures):
        own = [each for each in measures if each.table == table]
        marks = ", ".join(
            f"CASE WHEN {_tells(each)} THEN 1 ELSE 0 END AS e_{each.column}"
            if each in own
            else f"0 AS e_{each.column}"
            for each in measures
        )
        some = " OR ".join(f"({_tells(each)})" for each in own)
        gathered.append(f"SELECT x.session_id, {marks} FROM {_standing(ground, table)} AND ({some})")
    sums = ", ".join(f"{total(f'g.e_{each.column}')} AS e_{each.column}" for each in measures)
    by_session = (
        f"(SELECT g.session_id, {sums} FROM ({' UNION ALL '.join(gathered)}) g GROUP BY g.session_id)"
    )
    counts = ", ".join(
        f"COUNT(CASE WHEN {_among(ground, each)} AND e.e_{each.column} > 0 THEN 1 END) "
        f"AS hit_{each.column}, "
        + total(f"CASE WHEN {_among(ground, each)} THEN e.e_{each.column} ELSE 0 END")
        + f" AS events_{each.column}"
        for each in measures
    )
    return ground.step(
        "marked",
        f"SELECT s.course_id, {counts} FROM {by_session} e JOIN {_add_sessions(ground)} s "
        "ON s.session_id = e.session_id GROUP BY s.course_id",
    )


def _add_looked_at(ground: Ground, measure: EventsMeasure) -> str:
    """Sessions of each course in which what the measure requires was recorded at all."""
    present = ", ".join(f"x.{name}" for name in measure.requires)
    return ground.step(
        "looked_at",
        f"SELECT s.course_id, COUNT(*) AS seen FROM {_add_sessions(ground)} s "
        f"WHERE {_among(ground, measure)} AND s.session_id IN "
        f"(SELECT x.session_id FROM {_standing(ground, measure.table)} "
        f"AND COALESCE({present}) IS NOT NULL) GROUP BY s.course_id",
    )


def _add_contacts_in_window(ground: Ground, measure: EventsMeasure) -> str:
    """Sessions of each course with a contact inside the window after them, and such contacts.

    Days are counted in buckets much longer than the window: a contact lies in the bucket of its session,
    or early in the one after it. So two equalities take the place of a search; then comes the exact hour.
    """
    assert measure.after_h is not None
    low, high = (hours * MICROSECONDS_AN_HOUR for hours in measure.after_h)
    days = -(-measure.after_h[1] // 24)
    size = BUCKETS_A_WINDOW * days
    bucket = f"CAST(FLOOR(utc_day({{}}) / {size}) AS BIGINT)"
    own = bucket.format("x.started_at")
    contacts = ground.step(
        "contacts",
        f"SELECT x.course_id, x.started_at, {own} - k.shift AS bucket "
        "FROM therapy x CROSS JOIN (SELECT 0 AS shift UNION ALL SELECT 1 AS shift) k "
        f"WHERE {any_of(measure.any_of, 'x')} "
        f"AND (k.shift = 0 OR utc_day(x.started_at) - {own} * {size} < {days})",
        view=True,
    )
    gap = "micros_between(s.started_at, x.started_at)"
    by_session = (
        f"SELECT s.session_id, s.course_id, COUNT(*) AS events FROM {_add_sessions(ground)} s "
        f"JOIN {contacts} x ON x.course_id = s.course_id AND x.bucket = {bucket.format('s.started_at')} "
        f"WHERE {_among(ground, measure)} AND {gap} >= {low} AND {gap} <= {high} "
        "GROUP BY s.session_id, s.course_id"
    )
    return ground.step(
        "met",
        f"SELECT h.course_id, COUNT(*) AS hit, {total('h.events')} AS events FROM ({by_session}) h "
        "GROUP BY h.course_id",
    )


def _add_sessions(ground: Ground) -> str:
    return ground.step(
        "sessions",
        "SELECT s.session_id, s.course_id, s.started_at, s.started_on, s.status FROM session s "
        f"WHERE s.started_on <= {ground.as_of}",
        view=True,
    )


def _among(ground: Ground, measure: EventsMeasure) -> str:
    """The condition that a session ``s`` belongs to the denominator."""
    listed = ", ".join(f"'{status}'" for status in measure.among)
    closed = ""
    if measure.after_h:
        closed = f" AND days_between(s.started_on, {ground.as_of}) >= {-(-measure.after_h[1] // 24)}"
    return f"s.status IN ({listed}){closed}"


def _tells(measure: EventsMeasure) -> str:
    """The condition that a row ``x`` is what the measure looks for."""
    present = ", ".join(f"x.{name}" for name in measure.requires)
    return any_of(measure.any_of, "x") + (f" AND COALESCE({present}) IS NOT NULL" if present else "")


def _standing(ground: Ground, table: str) -> str:
    """The rows ``x`` of a table that belong to a session and still stand, up to further conditions."""
    key = {"vital": "vital_id", "adverse_event": "event_id"}.get(table)
    join, current = ground.current(table, key, "x") if key else ("", "TRUE")
    return f"{table} x{join} WHERE x.session_id IS NOT NULL AND {current}"
