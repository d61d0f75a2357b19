"""Every data-quality check is quiet on good data and wakes at its own defect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from openkap.registry.definition import read_definitions
from openkap.registry.engine import DuckEngine
from openkap.registry.quality import Check, all_checks, run_checks
from openkap.registry.schema import read_schema
from openkap.registry.synth import World, synthesise

SCHEMA = read_schema()

# The defect that each of the clinical checks must see, as one statement.
CLINICAL = {
    "after-the-cut": "UPDATE session SET started_on = DATE '2030-01-01' WHERE number = 1",
    "score-after-the-cut": "UPDATE score SET assessed_on = DATE '2030-01-01'",
    "score-after-death": "UPDATE patient SET died_on = DATE '2020-01-01'",
    "session-after-death": "UPDATE patient SET died_on = DATE '2020-01-01'",
    "death-twice-told": "UPDATE course_event SET kind = 'death'",
    "session-before-index": "UPDATE course SET index_at = index_at + INTERVAL 1 HOUR",
    "index-half": "UPDATE course SET index_on = NULL",
    "day-far-from-instant": "UPDATE score SET assessed_on = CAST(assessed_on + INTERVAL 3 DAY AS DATE)",
    "session-number-twice": "UPDATE session SET number = 1",
    "dose-ends-before-start": "UPDATE dose SET ended_at = started_at - INTERVAL 1 MINUTE",
    "dose-of-cancelled": "UPDATE session SET status = 'cancelled'",
    "diastolic-above-systolic": "UPDATE vital SET diastolic = systolic",
    "same-score-twice": "INSERT INTO score SELECT * REPLACE (score_id + 1 AS score_id) FROM score LIMIT 1",
    "course-without-session": "DELETE FROM session",
    "consented-before-referral": "UPDATE referral SET consented_on = DATE '1999-01-01'",
    "born-after-treatment": "UPDATE patient SET birth_year = 2026",
    "person-without-consent": "DELETE FROM consent",
    "score-unknown-scale": "UPDATE score SET scale = 'mystery'",
    "score-pcl5-sum": "UPDATE score SET value = value + 1 WHERE cluster = 'total'",
}


def defect(check: Check) -> str:
    """A statement that plants what the check looks for."""
    table, identity = check.table, check.id
    if identity in CLINICAL:
        return CLINICAL[identity]
    if identity.startswith("score-") and identity.endswith("-range"):
        _, scale, cluster, _ = identity.split("-", 3)
        return f"UPDATE score SET value = 500 WHERE scale = '{scale}' AND cluster = '{cluster}'"
    place = identity.rpartition("-")[0]
    column = place.partition(".")[2]
    if identity.endswith("-empty"):
        return f"UPDATE {table} SET {column} = NULL"
    if identity.endswith("-orphan"):
        return f"UPDATE {table} SET {column} = -1"
    if identity.endswith("-code"):
        return f"UPDATE {table} SET {column} = 'nonsense'"
    if identity.endswith("-range"):
        limits = SCHEMA.table(table).column(column).range
        assert limits is not None
        return f"UPDATE {table} SET {column} = {limits[1]} + 1"
    return {
        "key-twice": f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1",
        "replaces-nothing": f"UPDATE {table} SET replaces = -5",
        "replaced-twice": f"UPDATE {table} SET replaces = 7",
        "sequence-twice": f"UPDATE {table} SET sequence = 3",
    }[identity.removeprefix(f"{table}-")]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Any:
    world = World(patients=60, sites=2, items=True, duplicates=0, completeness=0.9)
    dataset, _ = synthesise(tmp_path_factory.mktemp("clean"), world)
    return dataset


def test_good_data_wakes_no_check(clean: Any) -> None:
    findings = run_checks(clean, read_definitions())
    assert [each.check.id for each in findings if not each.passed] == []


def test_each_check_wakes_at_its_own_defect(clean: Any) -> None:
    source = DuckEngine(clean, read_definitions(), threads=1).connection
    for table in SCHEMA.tables:
        source.execute(f"CREATE TABLE copy_{table.name} AS SELECT * FROM {table.name}")
        source.execute(f"DROP VIEW {table.name}")
        source.execute(f"ALTER TABLE copy_{table.name} RENAME TO {table.name}")
    asleep = []
    checks = all_checks(SCHEMA, read_definitions(), clean)
    for check in checks:
        source.execute("BEGIN")
        source.execute(defect(check))
        if not _count(source, check):
            asleep.append(check.id)
        source.execute("ROLLBACK")
    assert asleep == []
    assert len(checks) > 150


def test_a_finding_names_a_few_rows_and_how_many(tmp_path: Path) -> None:
    dataset, _ = synthesise(tmp_path, World(patients=40, sites=1, duplicates=0.5))
    finding = next(
        each for each in run_checks(dataset, read_definitions()) if each.check.id == "same-score-twice"
    )
    assert finding.failing > 3
    assert len(finding.examples) == 3


def _count(connection: duckdb.DuckDBPyConnection, check: Check) -> int:
    row = connection.execute(f"SELECT COUNT(*) FROM ({check.sql}) f").fetchone()
    assert row is not None
    return int(row[0])
