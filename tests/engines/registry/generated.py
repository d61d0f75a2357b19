"""Small registries full of trouble: ties, zones, duplicates, corrections, deaths on the index day,
empty groups.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from openkap.registry.dataset import Dataset, ReleaseWriter
from openkap.registry.definition import (
    Definitions,
    EventsMeasure,
    FlowMeasure,
    OutcomeMeasure,
    Panel,
    SurvivalMeasure,
    TallyMeasure,
)
from openkap.registry.query import (
    PERIOD_DIMENSIONS,
    SITE_DIMENSIONS,
    THERAPIST_DIMENSIONS,
    Cells,
    Events,
    Flow,
    Moments,
    Query,
    Rows,
    Spells,
    TallyOf,
)
from openkap.registry.schema import read_schema

AS_OF = date(2026, 6, 30)
ZONES = ("America/Los_Angeles", "Europe/Berlin", "Australia/Sydney", "Asia/Kathmandu")
# Days at and beside every edge of every window.
EDGE_DAYS = (
    -29,
    -28,
    -1,
    0,
    0,
    1,
    1,
    2,
    4,
    5,
    7,
    10,
    11,
    13,
    14,
    15,
    18,
    21,
    28,
    41,
    42,
    70,
    84,
    98,
    154,
    364,
    400,
)


class Trouble:
    """Draws one registry; ``offset`` keeps the names of several apart so that they can stand together."""

    def __init__(self, seed: int, offset: int = 0) -> None:
        self.draw = random.Random(seed)
        self.offset = offset
        self.count = offset
        self.tables: dict[str, list[dict[str, Any]]] = {table.name: [] for table in read_schema().tables}

    def name(self) -> int:
        self.count += 1
        return self.count

    def add(self, table: str, **row: Any) -> int:
        key = read_schema().table(table).key[0]
        row.setdefault(key, self.name())
        self.tables[table].append(row)
        return int(row[key])

    def build(self) -> dict[str, list[dict[str, Any]]]:
        draw = self.draw
        sites = [(self.add("site", zone=zone), ZoneInfo(zone)) for zone in draw.sample(ZONES, 2)]
        for _ in range(draw.randint(0, 12)):
            self.person(*draw.choice(sites))
        return self.tables

    def person(self, site: int, zone: ZoneInfo) -> None:
        draw = self.draw
        index_on = AS_OF - timedelta(days=draw.choice([0, 1, 10, 18, 41, 98, 99, 210, 400, 500]))
        died = draw.choice([None, None, None, None, 0, 1, 4, 5, 20, 70, 97])
        patient = self.add(
            "patient",
            site_id=site,
            birth_year=draw.choice([None, 1960, 1966, 1981, 1996, 2000]),
            sex=draw.choice(["female", "male", None]),
            veteran=draw.choice(["yes", "no", "unknown"]),
            language=draw.choice(["en", None]),
            distance_km=draw.choice([None, 0.0, 24.9, 25.0, 100.0]),
            coverage=draw.choice(["insurance", "public"]),
            died_on=None if died is None else index_on + timedelta(days=died),
        )
        for _ in range(draw.choice([0, 1, 1, 1, 2])):
            referred = index_on - timedelta(days=draw.choice([-3, 0, 20, 20]))
            self.add(
                "referral",
                patient_id=patient,
                referred_on=referred,
                screened_on=draw.choice([None, referred, AS_OF + timedelta(days=1)]),
                eligible=draw.choice(["yes", "yes", "no", "unknown", None]),
                consented_on=draw.choice([None, referred]),
            )
        for number in range(draw.choice([0, 1, 1, 1, 2])):
            self.course(patient, site, zone, index_on + timedelta(days=number * draw.choice([0, 30])))

    def course(self, patient: int, site: int, zone: ZoneInfo, index_on: date) -> None:
        draw = self.draw
        # Near midnight, where the clinic's day and the day of UTC differ.
        local = datetime(
            index_on.year, index_on.month, index_on.day, draw.choice([0, 9, 23]), 30, tzinfo=zone
        )
        index_at: datetime | None = local.astimezone(UTC)
        if draw.random() < 0.1:
            index_at = None
        begun = index_on if draw.random() > 0.05 else None
        course = self.add(
            "course",
            patient_id=patient,
            site_id=site,
            therapist_id=draw.choice([None, self.offset + 1]),
            index_at=index_at,
            index_on=begun,
            end_reason=draw.choice(["completed", "withdrawn", None]),
        )
        for _ in range(draw.randint(0, 3)):
            self.add(
                "course_event",
                course_id=course,
                kind=draw.choice(["retreatment", "withdrawal", "other_treatment", "death"]),
                occurred_on=index_on + timedelta(days=draw.choice([-1, 0, 7, 14, 14, 28, 28, 84, 366, 800])),
            )
        base = (index_at or local).astimezone(UTC)
        for _ in range(draw.randint(0, 16)):
            self.score(course, base, zone)
        for number in range(draw.randint(0, 4)):
            self.session(course, base + timedelta(days=7 * number), zone, number + 1)

    def score(self, course: int, base: datetime, zone: ZoneInfo) -> None:
        draw = self.draw
        gap = timedelta(days=draw.choice(EDGE_DAYS), seconds=draw.choice([0, 0, 1, -1, 3600, 29, -86399]))
        row = {
            "course_id": course,
            "scale": draw.choice(["pcl5", "pcl5", "pcl5", "phq9", "caps5"]),
            "cluster": draw.choice(["total", "total", "total", "intrusion"]),
            "assessed_at": base + gap,
            "assessed_on": (base + gap).astimezone(zone).date(),
            "value": draw.choice([None, 0.0, 12.0, 27.0, 28.0, 29.0, 40.0, 41.0, 55.0, 56.0, 36.0, 48.0]),
            "sequence": self.name(),
            "replaces": None,
            "status": draw.choice(["final", "final", "final", "final", "entered-in-error"]),
        }
        first = self.add("score", **row)
        if draw.random() < 0.15:
            self.add("score", **{**row, "sequence": self.name(), "value": draw.choice([None, 10.0, 50.0])})
        if draw.random() < 0.15:
            changed = {"value": 33.0, "sequence": self.name(), "replaces": first}
            self.add("score", **{**row, **changed, "status": draw.choice(["amended", "entered-in-error"])})

    def session(self, course: int, base: datetime, zone: ZoneInfo, number: int) -> None:
        draw = self.draw
        at = base + timedelta(hours=draw.choice([0, 0, 5]))
        session = self.add(
            "session",
            course_id=course,
            number=number,
            started_at=at,
            started_on=at.astimezone(zone).date(),
            status=draw.choice(["completed", "completed", "stopped", "cancelled"]),
        )
        for _ in range(draw.randint(0, 3)):
            row = {
                "session_id": session,
                "minute": draw.choice([-5, 40]),
                "systolic": draw.choice([None, 120, 179, 180]),
                "diastolic": draw.choice([None, 80, 109, 110]),
                "sequence": self.name(),
                "replaces": None,
                "status": draw.choice(["final", "final", "entered-in-error"]),
            }
            first = self.add("vital", **row)
            if draw.random() < 0.2:
                self.add("vital", **{**row, "sequence": self.name(), "replaces": first, "systolic": 130})
        for _ in range(draw.choice([0, 0, 1, 2])):
            self.add(
                "adverse_event",
                course_id=course,
                session_id=draw.choice([None, session]),
                occurred_on=at.date(),
                term="nausea",
                grade=draw.choice([None, 1, 3]),
                serious=draw.choice(["yes", "no"]),
                sequence=self.name(),
                replaces=None,
                status=draw.choice(["final", "entered-in-error"]),
            )
        for _ in range(draw.choice([0, 1, 2])):
            gap = timedelta(hours=draw.choice([0, 23, 24, 48, 72, 73]), seconds=draw.choice([0, 0, -1, 1]))
            self.add(
                "therapy",
                course_id=course,
                kind=draw.choice(["integration", "preparation", "trauma_focused"]),
                started_at=at + gap,
                minutes=60,
            )
        if draw.random() < 0.3:
            self.add(
                "override",
                course_id=course,
                session_id=draw.choice([None, session]),
                rule=draw.choice(["a", "b"]),
                decided_at=at,
                reason="judgement",
            )


def write(root: Path, *registries: dict[str, list[dict[str, Any]]]) -> Dataset:
    """One release that holds all the registries."""
    with ReleaseWriter(root, now=datetime(2026, 7, 1, tzinfo=UTC), as_of=AS_OF) as writer:
        for table in read_schema().tables:
            rows = [row for tables in registries for row in tables[table.name]]
            if rows:
                names = [column.name for column in table.columns]
                full = [{name: row.get(name) for name in names} for row in rows]
                writer.write(table.name, pa.Table.from_pylist(full, schema=table.arrow()))
        return writer.finish()


def every_query(definitions: Definitions) -> list[Query]:
    """A query for every measure and every shape of answer."""
    queries: list[Query] = []
    panels: dict[Panel, list[Any]] = {}
    for measure in definitions.measures:
        match measure:
            case OutcomeMeasure():
                for panel in measure.panels:
                    known = panels.setdefault(panel, [])
                    known += [window for window in measure.times if window not in known]
            case SurvivalMeasure():
                queries.append(Spells(measure))
            case TallyMeasure():
                queries.append(TallyOf(measure))
            case FlowMeasure():
                queries.append(Flow(measure))
    events = tuple(each for each in definitions.measures if isinstance(each, EventsMeasure))
    queries.append(Events(events))
    total = Panel(scale="pcl5", cluster="total")
    windows = tuple(panels[total])
    queries += [
        Cells(panel, tuple(times))
        for panel, times in panels.items()
        if panel.cluster in ("total", "intrusion")
    ]
    queries += [
        Cells(total, windows, dims) for dims in (SITE_DIMENSIONS, THERAPIST_DIMENSIONS, PERIOD_DIMENSIONS)
    ]
    return [*queries, Moments(total, windows)]


# Sums of changes may be added up in any order; everything else is a count or a name.
_SUMS = ("change_", "square_", "s_", "p_")


def assert_same(mine: Rows, theirs: Rows) -> None:
    """Counts and names equal exactly, sums to 1e-9 of their size."""

    def key(row: dict[str, Any]) -> list[str]:
        return [f"{name}={row[name]}" for name in sorted(row) if not name.startswith(_SUMS)]

    mine, theirs = sorted(mine, key=key), sorted(theirs, key=key)
    assert len(mine) == len(theirs)
    for one, other in zip(mine, theirs, strict=True):
        assert set(one) == set(other)
        for name, value in one.items():
            if name.startswith(_SUMS):
                assert abs(value - other[name]) <= 1e-9 * max(1.0, abs(value)), name
            else:
                assert value == other[name], name
