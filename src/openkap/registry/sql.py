"""Queries as portable SQL: one text that DuckDB and Spark both read as it stands.

The text keeps to what both engines share; the few things they spell differently (days and microseconds
between two times) are functions that each engine defines under one name. A plan is a chain of named
steps; a step's name holds the hash of its text, so that queries which share a step share its result.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date

from openkap.registry.definition import (
    Condition,
    Definitions,
    EventsMeasure,
    Panel,
    ScaleRule,
    Stratum,
    SurvivalMeasure,
    Window,
)
from openkap.registry.query import (
    COUNTED,
    COUNTED_PEOPLE,
    FLOW_STEPS,
    RULES,
    Cells,
    Events,
    Flow,
    Moments,
    Query,
    Spells,
    TallyOf,
    band_labels,
    severity_cuts,
)

# Order of recording fits below this; a pick's key is distance first, then the latest recorded.
SEQUENCE_LIMIT = 2**40
MICROSECONDS_AN_HOUR = 3_600_000_000
# A long bucket holds a contact once; a short one makes most contacts stand twice.
BUCKETS_A_WINDOW = 7
_RANK = {"death": 1, "other_treatment": 2, "withdrawal": 3, "retreatment": 4}


@dataclass
class Plan:
    """Named steps in the order in which they are made, and the last question."""

    steps: dict[str, str] = field(default_factory=dict)
    views: set[str] = field(default_factory=set)
    final: str = ""

    def step(self, stem: str, sql: str, *, view: bool = False) -> str:
        """Add a step; its name is the stem with the hash of its text. A view is cheap enough to run again."""
        name = f"{stem}_{hashlib.sha256(sql.encode()).hexdigest()[:10]}"
        self.steps[name] = sql
        if view:
            self.views.add(name)
        return name


def compile_query(
    query: Query, definitions: Definitions, as_of: date, corrected: frozenset[str] | None = None
) -> Plan:
    """The portable SQL of a query, over views named after the tables of the schema.

    ``corrected`` names the tables in which a row replaces another; elsewhere the search for replaced rows
    is left out. ``None`` leaves it in everywhere.
    """
    return _Compiler(definitions, as_of, corrected).compile(query)


class _Compiler:
    def __init__(self, definitions: Definitions, as_of: date, corrected: frozenset[str] | None) -> None:
        self.definitions, self.as_of = definitions, f"DATE '{as_of.isoformat()}'"
        self.corrected = corrected
        self.strata = tuple(each.id for each in definitions.strata.strata)
        self.plan = Plan()

    def compile(self, query: Query) -> Plan:
        match query:
            case Cells():
                self.plan.final = self._cells(query)
            case Moments():
                self.plan.final = self._moments(query)
            case Spells():
                self.plan.final = self._spells(query.measure)
            case Events():
                self.plan.final = self._events(query)
            case TallyOf():
                self.plan.final = self._tally(query)
            case Flow():
                self.plan.final = self._flow(query)
        return self.plan

    # People and their scores

    def _stratum(self, stratum: Stratum, day: str) -> str:
        column = {"age": f"(year({day}) - p.birth_year)"}.get(stratum.column, f"p.{stratum.column}")
        if not stratum.bands:
            return f"COALESCE({column}, 'unknown') AS {stratum.id}"
        return f"{_banded(column, stratum.bands)} AS {stratum.id}"

    def _strata(self, day: str) -> str:
        return ", ".join(self._stratum(each, day) for each in self.definitions.strata.strata)

    def _people(self) -> str:
        """Every course that has begun, with the number of the person's group of strata."""
        begun, kinds = self._begun(), self._kinds()
        same = " AND ".join(f"k.{name} = b.{name}" for name in self.strata)
        return self.plan.step("people", f"SELECT b.*, k.kind FROM {begun} b JOIN {kinds} k ON {same}")

    def _kinds(self) -> str:
        """The groups of people there are, numbered: one number is quicker to group by than six names."""
        names = ", ".join(self.strata)
        return self.plan.step(
            "kinds",
            f"SELECT {names}, ROW_NUMBER() OVER (ORDER BY {names}) AS kind "
            f"FROM (SELECT DISTINCT {names} FROM {self._begun()}) g",
        )

    def _begun(self) -> str:
        """Courses with whether the person is due at each window, or died before it, as 1 or NULL.

        That is the same for every score, so it is settled here once.
        """
        marks = []
        for window in self.definitions.all_windows():
            closed = f"c.elapsed >= {window.last_day}"
            alive = f"(c.died_day IS NULL OR c.died_day >= {window.first_day})"
            marks += [
                f"CASE WHEN {closed} AND {alive} THEN 1 END AS due_{_span(window)}",
                f"CASE WHEN {closed} AND NOT {alive} THEN 1 END AS gone_{_span(window)}",
            ]
        return self.plan.step(
            "begun", f"SELECT c.*, {', '.join(dict.fromkeys(marks))} FROM {self._courses()} c"
        )

    def _courses(self) -> str:
        """Every course that has begun, with the person's groups; the first course of each is marked."""
        return self.plan.step(
            "courses",
            f"SELECT c.course_id, c.patient_id, c.site_id, COALESCE(c.therapist_id, 0) AS therapist_id, "
            f"c.index_at, c.index_on, c.end_reason, days_between(c.index_on, {self.as_of}) AS elapsed, "
            f"days_between(c.index_on, p.died_on) AS died_day, {self._strata('c.index_on')}, "
            "year(c.index_on) * 4 + quarter(c.index_on) - 1 AS period, "
            "CASE WHEN ROW_NUMBER() OVER (PARTITION BY c.patient_id ORDER BY c.index_at, c.course_id) = 1 "
            "THEN 1 ELSE 0 END AS is_first "
            "FROM course c JOIN patient p ON p.patient_id = c.patient_id "
            f"WHERE c.index_on IS NOT NULL AND c.index_at IS NOT NULL AND c.index_on <= {self.as_of}",
            view=True,
        )

    def _grouped(self, dimensions: tuple[str, ...], sums: dict[str, str], source: str) -> str:
        """Sums by groups of people; a group goes by its number and gets its names back at the end."""
        listed = ", ".join(f"{sql} AS {name}" for name, sql in sums.items())
        if not set(self.strata) <= set(dimensions):
            by = ", ".join(dimensions)
            return f"SELECT {by}, {listed} FROM {source} GROUP BY {by}"
        by = ", ".join(["kind", *(name for name in dimensions if name not in self.strata)])
        shown = [f"{'k' if name in self.strata else 'g'}.{name}" for name in dimensions]
        shown += [f"g.{name}" for name in sums]
        return (
            f"SELECT {', '.join(shown)} FROM (SELECT {by}, {listed} FROM {source} GROUP BY {by}) g "
            f"JOIN {self._kinds()} k ON k.kind = g.kind"
        )

    def _current(self, table: str, key: str, alias: str) -> tuple[str, str]:
        """The join and the condition that leave out rows that were voided or replaced."""
        valid = f"{alias}.status <> 'entered-in-error'"
        if self.corrected is not None and table not in self.corrected:
            return "", valid
        replaced = self.plan.step(
            f"replaced_{table}", f"SELECT DISTINCT replaces AS name FROM {table} WHERE replaces IS NOT NULL"
        )
        # Both engines search much longer for NOT EXISTS than for a row that found no partner.
        return f" LEFT JOIN {replaced} v ON v.name = {alias}.{key}", f"{valid} AND v.name IS NULL"

    def _live(self, panel: Panel) -> str:
        people = self._people()
        join, current = self._current("score", "score_id", "s")
        return self.plan.step(
            "live",
            "SELECT s.course_id, CAST(days_between(p.index_on, s.assessed_on) AS BIGINT) AS day, "
            "micros_between(p.index_at, s.assessed_at) AS us, s.value, s.sequence "
            f"FROM score s JOIN {people} p ON p.course_id = s.course_id{join} "
            f"WHERE p.is_first = 1 AND s.scale = '{panel.scale}' AND s.cluster = '{panel.cluster}' "
            f"AND s.value IS NOT NULL AND s.assessed_on <= {self.as_of} AND {current}",
            view=panel not in self._followed_panels(),
        )

    def _followed_panels(self) -> set[Panel]:
        """Panels whose single scores are read more than once, for times to an event."""
        return {
            Panel(scale=each.scale, cluster=each.cluster)
            for each in self.definitions.measures
            if isinstance(each, SurvivalMeasure)
        }

    def _baseline_pick(self) -> str:
        days = self.definitions.scales.baseline.days
        return (
            f"min_by(value, -day * {SEQUENCE_LIMIT} - sequence) "
            f"FILTER (WHERE day >= -{days} AND us <= 0) AS baseline"
        )

    def _picked(self, panel: Panel, windows: tuple[Window, ...]) -> str:
        """Baseline and the score of each window, by course.

        All windows that the measures name for a panel are picked in one pass, so that every question about
        the panel shares it.
        """
        named = self.definitions.windows(panel)
        if set(windows) <= set(named):
            windows = named
        picks = ", ".join([self._baseline_pick(), *(_window_pick(window) for window in windows)])
        return self.plan.step(
            "picked", f"SELECT course_id, {picks} FROM {self._live(panel)} GROUP BY course_id"
        )

    def _wide(self, panel: Panel, windows: tuple[Window, ...]) -> str:
        """One row for each person's first course: baseline and the score picked for each window."""
        picked, people = self._picked(panel, windows), self._people()
        values = ", ".join(["k.baseline", *(f"k.v_{window.id}" for window in windows)])
        band = _banded("k.baseline", severity_cuts(self.definitions, panel))
        return self.plan.step(
            "wide",
            f"SELECT p.*, {values}, {band} AS severity FROM {people} p "
            f"LEFT JOIN {picked} k ON k.course_id = p.course_id WHERE p.is_first = 1",
            view=True,
        )

    def _rule(self, rule: str, panel: Panel) -> ScaleRule | None:
        return self.definitions.scales.scale(panel.scale).rule(rule, panel.cluster)

    # Outcomes

    def _cells(self, query: Cells) -> str:
        wide = self._wide(query.panel, query.windows)
        inner, sums = [], {"people": "COUNT(*)"}
        for window in query.windows:
            name, span = window.id, _span(window)
            # A score that does not count becomes NULL here, and so do all tests of it below.
            inner += [
                f"due_{span} AS due_{name}",
                f"gone_{span} AS gone_{name}",
                f"CASE WHEN due_{span} = 1 AND baseline IS NOT NULL THEN v_{name} END AS value_{name}",
                f"CASE WHEN due_{span} = 1 THEN v_{name} - baseline END AS change_{name}",
            ]
            sums |= {f"{column}_{name}": f"COUNT({column}_{name})" for column in ("due", "gone")}
            sums[f"seen_{name}"] = f"COUNT(change_{name})"
            sums |= {f"{rule}_{name}": self._successes(rule, query.panel, name) for rule in RULES}
            sums[f"change_{name}"] = f"COALESCE(SUM(change_{name}), 0)"
            sums[f"square_{name}"] = f"COALESCE(SUM(change_{name} * change_{name}), 0)"
        dims = [*query.dimensions, *(["kind"] if set(self.strata) <= set(query.dimensions) else [])]
        source = f"(SELECT {', '.join([*dims, 'baseline', *inner])} FROM {wide}) w"
        return self._grouped(query.dimensions, sums, source)

    def _successes(self, rule: str, panel: Panel, window: str) -> str:
        limit = self._rule(rule, panel)
        if limit is None:
            return "CAST(0 AS BIGINT)"
        return f"COUNT(CASE WHEN {_meets(limit, f'value_{window}', 'baseline')} THEN 1 END)"

    def _moments(self, query: Moments) -> str:
        wide = self._wide(query.panel, query.windows)
        values = ["baseline", *(f"v_{window.id}" for window in query.windows)]
        pattern = ", ".join(f"CASE WHEN {value} IS NULL THEN '0' ELSE '1' END" for value in values)
        filled = ", ".join(f"COALESCE({value}, 0) AS y{i}" for i, value in enumerate(values))
        sums = [f"SUM(y{i}) AS s_{i}" for i in range(len(values))]
        sums += [f"SUM(y{i} * y{j}) AS p_{i}_{j}" for i in range(len(values)) for j in range(i, len(values))]
        return (
            f"SELECT pattern, COUNT(*) AS people, {', '.join(sums)} "
            f"FROM (SELECT concat({pattern}) AS pattern, {filled} FROM {wide}) m GROUP BY pattern"
        )

    # Times to events

    def _other_events(self, kinds: tuple[str, ...]) -> str:
        """The first day and kind of what competes, per first course; a death is also read from the person."""
        people = self._people()
        rank = " ".join(f"WHEN '{kind}' THEN {_RANK[kind]}" for kind in kinds)
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
                f"SELECT course_id, CAST(died_day AS BIGINT) AS day, {_RANK['death']} AS code "
                f"FROM {people} WHERE is_first = 1 AND died_day IS NOT NULL"
            )
        if "retreatment" in kinds:
            parts.append(
                f"SELECT f.course_id, CAST(days_between(f.index_on, p.index_on) AS BIGINT) AS day, "
                f"{_RANK['retreatment']} AS code FROM {people} p "
                f"JOIN {people} f ON f.patient_id = p.patient_id AND f.is_first = 1 WHERE p.is_first = 0"
            )
        return self.plan.step("other", " UNION ALL ".join(parts))

    def _spells(self, measure: SurvivalMeasure) -> str:
        spans = self._loss_spans(measure) if measure.event == "loss" else self._retreatment_spans(measure)
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

    def _loss_spans(self, measure: SurvivalMeasure) -> str:
        panel = Panel(scale=measure.scale, cluster=measure.cluster)
        live, people = self._live(panel), self._people()
        limit = self._rule("response", panel)
        assert limit is not None
        daily = self.plan.step(
            "daily",
            f"SELECT course_id, day, max_by(value, sequence) AS value FROM {live} WHERE day > 0 "
            "GROUP BY course_id, day",
        )
        base = self._picked(panel, ())
        flag = self.plan.step(
            "flag",
            f"SELECT d.course_id, d.day, CASE WHEN {_meets(limit, 'd.value', 'b.baseline')} THEN 1 "
            "ELSE 0 END "
            f"AS holds FROM {daily} d JOIN {base} b ON b.course_id = d.course_id "
            "WHERE b.baseline IS NOT NULL",
        )
        begun = self.plan.step(
            "begun", f"SELECT course_id, MIN(day) AS day0 FROM {flag} WHERE holds = 1 GROUP BY course_id"
        )
        lost = self.plan.step(
            "lost",
            f"SELECT f.course_id, MIN(f.day) AS day1 FROM {flag} f JOIN {begun} b ON b.course_id = "
            "f.course_id "
            "WHERE f.holds = 0 AND f.day > b.day0 GROUP BY f.course_id",
        )
        span = self.plan.step(
            "span",
            "SELECT b.course_id, b.day0, MIN(l.day1) AS day1, MAX(f.day) AS held "
            f"FROM {begun} b LEFT JOIN {lost} l ON l.course_id = b.course_id "
            f"JOIN {flag} f ON f.course_id = b.course_id AND f.holds = 1 AND f.day >= b.day0 "
            "AND (l.day1 IS NULL OR f.day < l.day1) GROUP BY b.course_id, b.day0",
        )
        other = self._other_events(measure.competing)
        first = self.plan.step(
            "first",
            f"SELECT o.course_id, MIN(o.day * 10 + o.code) AS code FROM {other} o "
            f"JOIN {span} s ON s.course_id = o.course_id JOIN {people} p ON p.course_id = o.course_id "
            "WHERE o.day >= s.day0 AND o.day <= p.elapsed GROUP BY o.course_id",
        )
        wins = "s.day1 IS NOT NULL AND (f.code IS NULL OR s.day1 * 10 <= f.code)"
        return self.plan.step(
            "spans",
            f"SELECT p.site_id, CASE WHEN {wins} THEN 'loss' {_causes('f.code')} ELSE 'censored' "
            "END AS cause, "
            f"CASE WHEN {wins} OR f.code IS NULL THEN s.held - s.day0 "
            "ELSE CAST(FLOOR(f.code / 10) AS BIGINT) - s.day0 END AS lower, "
            f"CASE WHEN {wins} THEN s.day1 - s.day0 WHEN f.code IS NULL THEN NULL "
            "ELSE CAST(FLOOR(f.code / 10) AS BIGINT) - s.day0 END AS upper "
            f"FROM {span} s JOIN {people} p ON p.course_id = s.course_id "
            f"LEFT JOIN {first} f ON f.course_id = s.course_id",
        )

    def _retreatment_spans(self, measure: SurvivalMeasure) -> str:
        people = self._people()
        other = self._other_events((*measure.competing, "retreatment"))
        first = self.plan.step(
            "first",
            f"SELECT o.course_id, MIN(o.day * 10 + o.code) AS code FROM {other} o "
            f"JOIN {people} p ON p.course_id = o.course_id WHERE o.day >= 0 AND o.day <= p.elapsed "
            "GROUP BY o.course_id",
        )
        return self.plan.step(
            "spans",
            f"SELECT p.site_id, CASE {_causes('f.code')} ELSE 'censored' END AS cause, "
            "CASE WHEN f.code IS NULL THEN CAST(p.elapsed AS BIGINT) "
            "ELSE CAST(FLOOR(f.code / 10) AS BIGINT) END AS lower, "
            "CASE WHEN f.code IS NULL THEN NULL ELSE CAST(FLOOR(f.code / 10) AS BIGINT) END AS upper "
            f"FROM {people} p LEFT JOIN {first} f ON f.course_id = p.course_id WHERE p.is_first = 1",
        )

    # Sessions

    def _events(self, query: Events) -> str:
        """All events measures at once: sessions, those seen, those with something, by groups of people."""
        people, per_course = self._people(), self._per_course(query.measures)
        names = [f"{name}_{each.column}" for each in query.measures for name in COUNTED]
        listed = ", ".join(f"{_total(f'c.{name}')} AS {name}" for name in names)
        per_person = (
            f"(SELECT p.patient_id, {listed} FROM {per_course} c "
            f"JOIN {people} p ON p.course_id = c.course_id GROUP BY p.patient_id)"
        )
        sums = {name: _total(f"t.{name}") for name in names}
        for each in query.measures:
            for people_who, had in COUNTED_PEOPLE.items():
                sums[f"{people_who}_{each.column}"] = f"COUNT(CASE WHEN t.{had}_{each.column} > 0 THEN 1 END)"
        shown = ", ".join(f"p.{name}" for name in dict.fromkeys([*query.dimensions, "kind"]))
        source = (
            f"(SELECT {shown}, t.* FROM {per_person} t JOIN {people} p "
            "ON p.patient_id = t.patient_id AND p.is_first = 1) t"
        )
        return self._grouped(query.dimensions, sums, source)

    def _per_course(self, measures: tuple[EventsMeasure, ...]) -> str:
        """Sessions of each course, how many were seen, how many had something, and how much, by measure.

        Counted apart and joined by course: what happened is rare beside the sessions it happened in.
        """
        joins, shown = [], []
        marked = [each for each in measures if each.table not in ("session", "therapy")]
        if marked:
            joins.append(("m", self._marked(tuple(marked))))
        for i, each in enumerate(measures):
            name, seen, hit, events = each.column, f"u.units_{each.column}", "hit", "events"
            if each.requires:
                joins.append((f"l{i}", self._looked_at(each)))
                seen = f"COALESCE(l{i}.seen, 0)"
            if each.table == "session":
                hit = events = f"u.hit_{name}"
            elif each.table == "therapy":
                joins.append((f"t{i}", self._contacts_in_window(each)))
                hit, events = f"COALESCE(t{i}.hit, 0)", f"COALESCE(t{i}.events, 0)"
            else:
                hit, events = f"COALESCE(m.hit_{name}, 0)", f"COALESCE(m.events_{name}, 0)"
            shown += [
                f"u.units_{name}",
                f"{seen} AS seen_{name}",
                f"{hit} AS hit_{name}",
                f"{events} AS events_{name}",
            ]
        joined = "".join(
            f" LEFT JOIN {step} {alias} ON {alias}.course_id = u.course_id" for alias, step in joins
        )
        return self.plan.step(
            "per_course",
            f"SELECT u.course_id, {', '.join(shown)} FROM {self._units(measures)} u{joined}",
            view=True,
        )

    def _sessions(self) -> str:
        return self.plan.step(
            "sessions",
            "SELECT s.session_id, s.course_id, s.started_at, s.started_on, s.status FROM session s "
            f"WHERE s.started_on <= {self.as_of}",
            view=True,
        )

    def _among(self, measure: EventsMeasure) -> str:
        """The condition that a session ``s`` belongs to the denominator."""
        listed = ", ".join(f"'{status}'" for status in measure.among)
        closed = ""
        if measure.after_h:
            closed = f" AND days_between(s.started_on, {self.as_of}) >= {-(-measure.after_h[1] // 24)}"
        return f"s.status IN ({listed}){closed}"

    def _units(self, measures: tuple[EventsMeasure, ...]) -> str:
        """Sessions of each course that count for each measure, and what they say themselves."""
        counts = []
        for each in measures:
            counts.append(f"COUNT(CASE WHEN {self._among(each)} THEN 1 END) AS units_{each.column}")
            if each.table == "session":
                met = f"{self._among(each)} AND {_any(each.any_of, 's')}"
                counts.append(f"COUNT(CASE WHEN {met} THEN 1 END) AS hit_{each.column}")
        return self.plan.step(
            "units", f"SELECT s.course_id, {', '.join(counts)} FROM {self._sessions()} s GROUP BY s.course_id"
        )

    def _marked(self, measures: tuple[EventsMeasure, ...]) -> str:
        """Sessions of each course that rows of other tables tell something of, by measure.

        The few rows that tell something are gathered first, so that the sessions are gone through once.
        """
        gathered = []
        for table in dict.fromkeys(each.table for each in measures):
            own = [each for each in measures if each.table == table]
            marks = ", ".join(
                f"CASE WHEN {self._tells(each)} THEN 1 ELSE 0 END AS e_{each.column}"
                if each in own
                else f"0 AS e_{each.column}"
                for each in measures
            )
            some = " OR ".join(f"({self._tells(each)})" for each in own)
            gathered.append(f"SELECT x.session_id, {marks} FROM {self._standing(table)} AND ({some})")
        sums = ", ".join(f"{_total(f'g.e_{each.column}')} AS e_{each.column}" for each in measures)
        by_session = (
            f"(SELECT g.session_id, {sums} FROM ({' UNION ALL '.join(gathered)}) g GROUP BY g.session_id)"
        )
        counts = ", ".join(
            f"COUNT(CASE WHEN {self._among(each)} AND e.e_{each.column} > 0 THEN 1 END) "
            f"AS hit_{each.column}, "
            + _total(f"CASE WHEN {self._among(each)} THEN e.e_{each.column} ELSE 0 END")
            + f" AS events_{each.column}"
            for each in measures
        )
        return self.plan.step(
            "marked",
            f"SELECT s.course_id, {counts} FROM {by_session} e JOIN {self._sessions()} s "
            "ON s.session_id = e.session_id GROUP BY s.course_id",
        )

    def _tells(self, measure: EventsMeasure) -> str:
        """The condition that a row ``x`` is what the measure looks for."""
        present = ", ".join(f"x.{name}" for name in measure.requires)
        return _any(measure.any_of, "x") + (f" AND COALESCE({present}) IS NOT NULL" if present else "")

    def _standing(self, table: str) -> str:
        """The rows ``x`` of a table that belong to a session and still stand, up to further conditions."""
        key = {"vital": "vital_id", "adverse_event": "event_id"}.get(table)
        join, current = self._current(table, key, "x") if key else ("", "TRUE")
        return f"{table} x{join} WHERE x.session_id IS NOT NULL AND {current}"

    def _looked_at(self, measure: EventsMeasure) -> str:
        """Sessions of each course in which what the measure requires was recorded at all."""
        present = ", ".join(f"x.{name}" for name in measure.requires)
        return self.plan.step(
            "looked_at",
            f"SELECT s.course_id, COUNT(*) AS seen FROM {self._sessions()} s "
            f"WHERE {self._among(measure)} AND s.session_id IN "
            f"(SELECT x.session_id FROM {self._standing(measure.table)} "
            f"AND COALESCE({present}) IS NOT NULL) GROUP BY s.course_id",
        )

    def _contacts_in_window(self, measure: EventsMeasure) -> str:
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
        contacts = self.plan.step(
            "contacts",
            f"SELECT x.course_id, x.started_at, {own} - k.shift AS bucket "
            "FROM therapy x CROSS JOIN (SELECT 0 AS shift UNION ALL SELECT 1 AS shift) k "
            f"WHERE {_any(measure.any_of, 'x')} "
            f"AND (k.shift = 0 OR utc_day(x.started_at) - {own} * {size} < {days})",
            view=True,
        )
        gap = "micros_between(s.started_at, x.started_at)"
        by_session = (
            f"SELECT s.session_id, s.course_id, COUNT(*) AS events FROM {self._sessions()} s "
            f"JOIN {contacts} x ON x.course_id = s.course_id AND x.bucket = {bucket.format('s.started_at')} "
            f"WHERE {self._among(measure)} AND {gap} >= {low} AND {gap} <= {high} "
            "GROUP BY s.session_id, s.course_id"
        )
        return self.plan.step(
            "met",
            f"SELECT h.course_id, COUNT(*) AS hit, {_total('h.events')} AS events FROM ({by_session}) h "
            "GROUP BY h.course_id",
        )

    def _tally(self, query: TallyOf) -> str:
        table, people = query.measure.table, self._people()
        by = ", ".join(f"x.{name}" for name in query.measure.by)
        join, current = self._current(table, "event_id", "x") if table == "adverse_event" else ("", "TRUE")
        return (
            f"SELECT {by}, COUNT(*) AS rows_counted FROM {table} x "
            f"JOIN {people} p ON p.course_id = x.course_id{join} WHERE {current} GROUP BY {by}"
        )

    # From the door to follow-up

    def _flow(self, query: Flow) -> str:
        measure = query.measure
        window = measure.followed
        wide = self._wide(Panel(scale=measure.scale, cluster=measure.cluster), (window,))
        door = self.plan.step(
            "door",
            f"SELECT r.*, {self._strata('r.referred_on')}, ROW_NUMBER() OVER "
            "(PARTITION BY r.patient_id ORDER BY r.referred_on, r.referral_id) AS place "
            "FROM referral r JOIN patient p ON p.patient_id = r.patient_id "
            f"WHERE r.referred_on <= {self.as_of}",
        )
        conditions = {
            "referred": "TRUE",
            "screened": f"d.screened_on <= {self.as_of}",
            "eligible": "d.eligible = 'yes'",
            "consented": f"d.consented_on <= {self.as_of}",
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
        dims = ", ".join(f"d.{each.id}" for each in self.definitions.strata.strata)
        return (
            f"SELECT {dims}, {', '.join(sums)} FROM {door} d "
            f"LEFT JOIN {wide} w ON w.patient_id = d.patient_id WHERE d.place = 1 GROUP BY {dims}"
        )


def _banded(column: str, bands: tuple[float, ...]) -> str:
    labels = band_labels(bands)
    steps = " ".join(
        f"WHEN {column} < {band!r} THEN '{label}'" for band, label in zip(bands, labels, strict=False)
    )
    return f"CASE WHEN {column} IS NULL THEN 'unknown' {steps} ELSE '{labels[-1]}' END"


def _span(window: Window) -> str:
    """The days of a window as part of a column's name; windows of the same days share it."""
    return f"{window.first_day}_{window.last_day}"


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


def _meets(rule: ScaleRule, value: str, baseline: str = "baseline") -> str:
    if rule.at_most is not None:
        return f"{value} <= {rule.at_most}"
    if rule.fall_points is not None:
        return f"{baseline} - {value} >= {rule.fall_points}"
    if rule.rise_points is not None:
        return f"{value} - {baseline} >= {rule.rise_points}"
    if rule.fall_percent is not None:
        return f"({baseline} > 0 AND ({baseline} - {value}) * 100 >= {rule.fall_percent} * {baseline})"
    return f"({baseline} > 0 AND ({value} - {baseline}) * 100 >= {rule.rise_percent} * {baseline})"


def _total(expression: str) -> str:
    """A sum of counts that ends as a 64-bit integer in every engine.

    Counts are added up as floats, which is exact to 2**53 and spares DuckDB its 128-bit sums.
    """
    return f"CAST(SUM(CAST({expression} AS DOUBLE)) AS BIGINT)"


def _any(conditions: tuple[Condition, ...], alias: str) -> str:
    if not conditions:
        return "TRUE"
    tests = [
        f"{alias}.{each.column} >= {each.at_least}"
        if each.equals is None
        else f"{alias}.{each.column} = '{each.equals}'"
        for each in conditions
    ]
    return "(" + " OR ".join(tests) + ")"


def _causes(code: str) -> str:
    return " ".join(f"WHEN {code} % 10 = {rank} THEN '{kind}'" for kind, rank in _RANK.items())
