"""The slow engine: every query in plain Python over plain rows, written from the definitions alone.

It shares no text with the SQL. The fast engines must agree with it; where they do not, one of them is wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from openkap.registry.dataset import Dataset
from openkap.registry.definition import (
    Condition,
    Definitions,
    EventsMeasure,
    Panel,
    ScaleRule,
    SurvivalMeasure,
    Window,
)
from openkap.registry.query import (
    COUNTED,
    COUNTED_PEOPLE,
    FLOW_STEPS,
    RULES,
    Cells,
    Columns,
    Events,
    Flow,
    Moments,
    Query,
    Rows,
    Spells,
    TallyOf,
    columns_of,
    severity_cuts,
)

Row = dict[str, Any]
# On one day: death first, then other treatment, withdrawal, re-treatment.
_ORDER = ("death", "other_treatment", "withdrawal", "retreatment")


@dataclass(frozen=True)
class Reading:
    """One live score of a course."""

    day: int
    after_index: timedelta
    value: float
    sequence: int


class ReferenceEngine:
    """Reads the whole release into lists and loops over them."""

    name = "reference"

    def __init__(self, dataset: Dataset, definitions: Definitions) -> None:
        self.dataset, self.definitions = dataset, definitions
        self._tables: dict[str, list[Row]] = {}

    def run(self, query: Query) -> Rows:
        """The answer to a query, group by group."""
        match query:
            case Cells():
                return self._cells(query)
            case Moments():
                return self._moments(query)
            case Spells():
                return self._spells(query.measure)
            case Events():
                return self._events(query)
            case TallyOf():
                return self._tally(query)
            case Flow():
                return self._flow(query)

    def columns(self, query: Query) -> Columns:
        """The same answer by column."""
        return columns_of(self.run(query))

    def _rows(self, table: str) -> list[Row]:
        if table not in self._tables:
            import pyarrow.parquet as pq

            self._tables[table] = [
                row for file in self.dataset.files(table) for row in pq.read_table(file).to_pylist()
            ]
        return self._tables[table]

    def _current(self, table: str, key: str) -> list[Row]:
        """Rows that were neither voided nor replaced."""
        rows = self._rows(table)
        replaced = {row["replaces"] for row in rows if row["replaces"] is not None}
        return [row for row in rows if row["status"] != "entered-in-error" and row[key] not in replaced]

    def _groups(self, patient: Row, day: date) -> Row:
        groups = {}
        for stratum in self.definitions.strata.strata:
            if stratum.column == "age":
                born = patient["birth_year"]
                value = None if born is None else day.year - born
            else:
                value = patient[stratum.column]
            if stratum.bands:
                groups[stratum.id] = band_of(value, stratum.bands)
            else:
                groups[stratum.id] = "unknown" if value is None else value
        return groups

    def _courses(self) -> list[Row]:
        """Courses that have begun, with the person's groups; the first of each person is marked."""
        patients = {row["patient_id"]: row for row in self._rows("patient")}
        begun = [
            {
                **course,
                **self._groups(patients[course["patient_id"]], course["index_on"]),
                "died_on": patients[course["patient_id"]]["died_on"],
            }
            for course in self._rows("course")
            if course["patient_id"] in patients
            and course["index_on"] is not None
            and course["index_at"] is not None
            and course["index_on"] <= self.dataset.as_of
        ]
        first: dict[int, Row] = {}
        for course in sorted(begun, key=lambda row: (row["index_at"], row["course_id"])):
            first.setdefault(course["patient_id"], course)
        for course in begun:
            course["is_first"] = first[course["patient_id"]] is course
            course["therapist_id"] = course["therapist_id"] or 0
            course["period"] = course["index_on"].year * 4 + (course["index_on"].month - 1) // 3
        return begun

    def _first_courses(self) -> list[Row]:
        return [course for course in self._courses() if course["is_first"]]

    def _readings(self, panel: Panel, courses: list[Row]) -> dict[int, list[Reading]]:
        by_name = {course["course_id"]: course for course in courses}
        readings: dict[int, list[Reading]] = defaultdict(list)
        for row in self._current("score", "score_id"):
            course = by_name.get(row["course_id"])
            if (
                course is None
                or (row["scale"], row["cluster"]) != (panel.scale, panel.cluster)
                or row["value"] is None
                or row["assessed_on"] > self.dataset.as_of
            ):
                continue
            day = (row["assessed_on"] - course["index_on"]).days
            gap = row["assessed_at"] - course["index_at"]
            readings[row["course_id"]].append(Reading(day, gap, row["value"], row["sequence"]))
        return readings

    def _baseline(self, readings: Iterable[Reading]) -> float | None:
        days = self.definitions.scales.baseline.days
        before = [each for each in readings if each.day >= -days and each.after_index <= timedelta()]
        return max(before, key=lambda each: (each.day, each.sequence)).value if before else None

    def _is_due(self, course: Row, window: Window) -> tuple[bool, bool]:
        """Whether the window has closed with the person alive at its opening; and whether dead before."""
        closed = course["index_on"] + timedelta(window.last_day) <= self.dataset.as_of
        opens = course["index_on"] + timedelta(window.first_day)
        dead = course["died_on"] is not None and course["died_on"] < opens
        return closed and not dead, closed and dead

    def _rule(self, rule: str, panel: Panel) -> ScaleRule | None:
        return self.definitions.scales.scale(panel.scale).rule(rule, panel.cluster)

    def _picked(self, panel: Panel, windows: Iterable[Window]) -> list[Row]:
        """First courses with baseline, severity band and the value picked for each window."""
        courses = self._first_courses()
        readings = self._readings(panel, courses)
        cuts = severity_cuts(self.definitions, panel)
        for course in courses:
            own = readings.get(course["course_id"], [])
            course["baseline"] = self._baseline(own)
            course["severity"] = band_of(course["baseline"], cuts)
            course["values"] = {window.id: pick(own, window) for window in windows}
        return courses

    def _cells(self, query: Cells) -> Rows:
        cells: dict[tuple[Any, ...], Row] = {}
        for course in self._picked(query.panel, query.windows):
            cell = _cell(cells, course, query.dimensions)
            cell["people"] += 1
            for window in query.windows:
                due, gone = self._is_due(course, window)
                value, base = course["values"][window.id], course["baseline"]
                seen = due and value is not None and base is not None
                cell[f"due_{window.id}"] += due
                cell[f"gone_{window.id}"] += gone
                cell[f"seen_{window.id}"] += seen
                cell[f"change_{window.id}"] += value - base if seen else 0
                cell[f"square_{window.id}"] += (value - base) ** 2 if seen else 0
                for rule in RULES:
                    limit = self._rule(rule, query.panel)
                    cell[f"{rule}_{window.id}"] += bool(seen and limit and meets(limit, base, value))
        return [dict(cell) for cell in cells.values()]

    def _moments(self, query: Moments) -> Rows:
        cells: dict[tuple[Any, ...], Row] = {}
        for course in self._picked(query.panel, query.windows):
            values = [course["baseline"], *(course["values"][window.id] for window in query.windows)]
            cell = _cell(
                cells, {"pattern": "".join("0" if value is None else "1" for value in values)}, ("pattern",)
            )
            cell["people"] += 1
            filled = [value or 0 for value in values]
            for i, one in enumerate(filled):
                cell[f"s_{i}"] += one
                for j in range(i, len(filled)):
                    cell[f"p_{i}_{j}"] += one * filled[j]
        return [dict(cell) for cell in cells.values()]

    def _competing(self, kinds: tuple[str, ...]) -> dict[int, list[tuple[int, int, str]]]:
        """Days, order and kinds of what may follow each first course, up to the data cut."""
        courses = self._courses()
        first = {course["course_id"]: course for course in courses if course["is_first"]}
        of_person = {course["patient_id"]: course for course in first.values()}
        found: dict[int, list[tuple[int, int, str]]] = defaultdict(list)

        def note(course: Row, kind: str, day: date) -> None:
            if kind in kinds and day <= self.dataset.as_of:
                found[course["course_id"]].append(((day - course["index_on"]).days, _ORDER.index(kind), kind))

        for event in self._rows("course_event"):
            if event["course_id"] in first:
                note(first[event["course_id"]], event["kind"], event["occurred_on"])
        for course in courses:
            if course["is_first"] and course["died_on"]:
                note(course, "death", course["died_on"])
            elif not course["is_first"]:
                note(of_person[course["patient_id"]], "retreatment", course["index_on"])
        return found

    def _spells(self, measure: SurvivalMeasure) -> Rows:
        spans = self._losses(measure) if measure.event == "loss" else self._retreatments(measure)
        cells: dict[tuple[Any, ...], Row] = {}
        horizon = measure.horizon_days
        for site, cause, lower, upper in spans:
            if (upper if upper is not None else lower) > horizon:
                lower = lower if cause == "loss" and lower < horizon else horizon
                cause, upper = "censored", None
            row = {"site_id": site, "cause": cause, "lower": lower, "upper": upper}
            _cell(cells, row, ("site_id", "cause", "lower", "upper"))["people"] += 1
        return [dict(cell) for cell in cells.values()]

    def _losses(self, measure: SurvivalMeasure) -> Iterable[tuple[int, str, int, int | None]]:
        panel = Panel(scale=measure.scale, cluster=measure.cluster)
        rule = self._rule("response", panel)
        assert rule is not None
        courses = self._first_courses()
        readings, competing = self._readings(panel, courses), self._competing(measure.competing)
        for course in courses:
            own = readings.get(course["course_id"], [])
            base = self._baseline(own)
            if base is None:
                continue
            last_of_day: dict[int, Reading] = {}
            for each in sorted(own, key=lambda each: each.sequence):
                if each.day > 0:
                    last_of_day[each.day] = each
            holds = {day: meets(rule, base, each.value) for day, each in sorted(last_of_day.items())}
            responding = [day for day, held in holds.items() if held]
            if not responding:
                continue
            start = responding[0]
            lost = next((day for day, held in holds.items() if day > start and not held), None)
            held_last = max(day for day in responding if lost is None or day < lost)
            events = sorted(event for event in competing.get(course["course_id"], []) if event[0] >= start)
            if lost is not None and (not events or lost <= events[0][0]):
                yield course["site_id"], "loss", held_last - start, lost - start
            elif events:
                yield course["site_id"], events[0][2], events[0][0] - start, events[0][0] - start
            else:
                yield course["site_id"], "censored", held_last - start, None

    def _retreatments(self, measure: SurvivalMeasure) -> Iterable[tuple[int, str, int, int | None]]:
        competing = self._competing((*measure.competing, "retreatment"))
        for course in self._first_courses():
            events = sorted(event for event in competing.get(course["course_id"], []) if event[0] >= 0)
            if events:
                yield course["site_id"], events[0][2], events[0][0], events[0][0]
            else:
                watched = (self.dataset.as_of - course["index_on"]).days
                yield course["site_id"], "censored", watched, None

    def _events(self, query: Events) -> Rows:
        courses = self._courses()
        person_of = {course["course_id"]: course["patient_id"] for course in courses}
        counts: dict[int, Row] = defaultdict(lambda: defaultdict(int))
        sessions = [
            session
            for session in self._rows("session")
            if session["course_id"] in person_of and session["started_on"] <= self.dataset.as_of
        ]
        for session in sessions:
            counts[person_of[session["course_id"]]]  # a person with a session is in the answer
        for measure in query.measures:
            found = self._found(measure)
            closed = timedelta(-(-measure.after_h[1] // 24)) if measure.after_h else timedelta()
            for session in sessions:
                if (
                    session["status"] in measure.among
                    and session["started_on"] + closed <= self.dataset.as_of
                ):
                    seen, events = found(session)
                    count = counts[person_of[session["course_id"]]]
                    for name, number in zip(COUNTED, (1, seen, events > 0, events), strict=True):
                        count[f"{name}_{measure.column}"] += number
        cells: dict[tuple[Any, ...], Row] = {}
        for course in courses:
            if course["is_first"] and course["patient_id"] in counts:
                _add_person(_cell(cells, course, query.dimensions), counts[course["patient_id"]], query)
        return [dict(cell) for cell in cells.values()]

    def _found(self, measure: EventsMeasure) -> Callable[[Row], tuple[int, int]]:
        """A function from a session to (was it seen, how many events)."""
        if measure.table == "session":
            return lambda session: (1, int(_any_of(measure.any_of, session)))
        if measure.table == "therapy":
            assert measure.after_h is not None
            low, high = (timedelta(hours=hours) for hours in measure.after_h)
            contacts: dict[int, list[datetime]] = defaultdict(list)
            for row in self._rows("therapy"):
                if _any_of(measure.any_of, row):
                    contacts[row["course_id"]].append(row["started_at"])
            return lambda session: (
                1,
                sum(low <= at - session["started_at"] <= high for at in contacts[session["course_id"]]),
            )
        key = {"vital": "vital_id", "adverse_event": "event_id", "override": ""}[measure.table]
        rows = self._current(measure.table, key) if key else self._rows(measure.table)
        present: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for row in rows:
            if row["session_id"] is None:
                continue
            if measure.requires and all(row[name] is None for name in measure.requires):
                continue
            present[row["session_id"]][0] += 1
            present[row["session_id"]][1] += _any_of(measure.any_of, row)
        if not measure.requires:
            return lambda session: (1, present[session["session_id"]][1])
        return lambda session: (
            int(present[session["session_id"]][0] > 0),
            present[session["session_id"]][1],
        )

    def _tally(self, query: TallyOf) -> Rows:
        table, by = query.measure.table, query.measure.by
        known = {course["course_id"] for course in self._courses()}
        rows = self._current(table, "event_id") if table == "adverse_event" else self._rows(table)
        cells: dict[tuple[Any, ...], Row] = {}
        for row in rows:
            if row["course_id"] in known:
                _cell(cells, row, by)["rows_counted"] += 1
        return [dict(cell) for cell in cells.values()]

    def _flow(self, query: Flow) -> Rows:
        measure, as_of = query.measure, self.dataset.as_of
        panel = Panel(scale=measure.scale, cluster=measure.cluster)
        treated = {course["patient_id"]: course for course in self._picked(panel, (measure.followed,))}
        patients = {row["patient_id"]: row for row in self._rows("patient")}
        door: dict[int, Row] = {}
        for row in sorted(self._rows("referral"), key=lambda row: (row["referred_on"], row["referral_id"])):
            if row["patient_id"] in patients and row["referred_on"] <= as_of:
                door.setdefault(row["patient_id"], row)
        cells: dict[tuple[Any, ...], Row] = {}
        dimensions = tuple(each.id for each in self.definitions.strata.strata)
        for person, row in door.items():
            course = treated.get(person)
            passed = {
                "referred": True,
                "screened": row["screened_on"] is not None and row["screened_on"] <= as_of,
                "eligible": row["eligible"] == "yes",
                "consented": row["consented_on"] is not None and row["consented_on"] <= as_of,
                "treated": course is not None,
                "completed": bool(course and course["end_reason"] == "completed"),
                "followed_due": bool(course and self._is_due(course, measure.followed)[0]),
                "followed": bool(course and course["values"][measure.followed.id] is not None),
            }
            cell = _cell(cells, self._groups(patients[person], row["referred_on"]), dimensions)
            still = True
            for step in FLOW_STEPS:
                still = still and passed[step]
                cell[step] += still
        return [dict(cell) for cell in cells.values()]


def band_of(value: float | None, cuts: tuple[float, ...]) -> str:
    """The label of the half-open band a value lies in; ``unknown`` without a value."""
    if value is None:
        return "unknown"
    below = [cut for cut in cuts if value >= cut]
    if not below:
        return f"<{cuts[0]:g}"
    if len(below) == len(cuts):
        return f"{cuts[-1]:g}+"
    return f"{below[-1]:g}-<{cuts[len(below)]:g}"


def pick(readings: Iterable[Reading], window: Window) -> float | None:
    """The value nearest the target; of two as near the earlier; on a tie the one recorded last.

    Nearness is counted in whole days, or in whole minutes where the window is given in hours.
    """
    inside = []
    for each in readings:
        if each.after_index <= timedelta():
            continue
        if window.unit == "d":
            place: int | timedelta = each.day
            start, end, target = window.start, window.end, window.target
            if start <= each.day <= end:
                inside.append((abs(each.day - target), each.day > target, -each.sequence, each.value))
        else:
            place = each.after_index
            begin, stop, aim = (timedelta(hours=h) for h in (window.start, window.end, window.target))
            if begin <= place <= stop:
                inside.append(
                    (abs(place - aim) // timedelta(minutes=1), place > aim, -each.sequence, each.value)
                )
    return min(inside)[3] if inside else None


def meets(rule: ScaleRule, base: float, value: float) -> bool:
    """Whether a score meets a rule, in exact arithmetic."""
    start, now = Fraction(base), Fraction(value)
    if rule.at_most is not None:
        return now <= rule.at_most
    if rule.fall_points is not None:
        return start - now >= rule.fall_points
    if rule.rise_points is not None:
        return now - start >= rule.rise_points
    if rule.fall_percent is not None:
        return start > 0 and (start - now) * 100 >= rule.fall_percent * start
    assert rule.rise_percent is not None
    return start > 0 and (now - start) * 100 >= rule.rise_percent * start


def _add_person(cell: Row, count: Row, query: Events) -> None:
    """Add one person's sessions to a cell, and the person where there were any."""
    for measure in query.measures:
        for name in COUNTED:
            cell[f"{name}_{measure.column}"] += count[f"{name}_{measure.column}"]
        for people, name in COUNTED_PEOPLE.items():
            cell[f"{people}_{measure.column}"] += count[f"{name}_{measure.column}"] > 0


def _any_of(conditions: tuple[Condition, ...], row: Row) -> bool:
    if not conditions:
        return True
    for each in conditions:
        value = row[each.column]
        if value is None:
            continue
        if value == each.equals if each.equals is not None else value >= each.at_least:
            return True
    return False


def _cell(cells: dict[tuple[Any, ...], Row], row: Row, dimensions: tuple[str, ...]) -> Row:
    key = tuple(row[name] for name in dimensions)
    if key not in cells:
        cells[key] = defaultdict(int, zip(dimensions, key, strict=True))
    return cells[key]
