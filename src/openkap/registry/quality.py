"""Data-quality checks of a release: those that follow from the schema, and those a clinician would ask.

Findings go back to the site that can mend them: each has a sentence, a count and a few names of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from openkap.registry.dataset import Dataset
from openkap.registry.definition import Definitions
from openkap.registry.engine import DuckEngine
from openkap.registry.schema import RegistrySchema, Table, read_schema

EXAMPLES = 3


@dataclass(frozen=True)
class Check:
    """One question; its SQL selects the key of every row that fails. Also its seriousness and its words."""

    id: str
    table: str
    words: str
    sql: str
    level: str = "error"


@dataclass(frozen=True)
class Finding:
    """How a check came out: rows asked, rows that fail, names of a few of them."""

    check: Check
    rows: int
    failing: int
    examples: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """True when no row fails."""
        return self.failing == 0


def run_checks(
    dataset: Dataset, definitions: Definitions, *, progress: Callable[[str], None] = lambda name: None
) -> list[Finding]:
    """Verify every byte, then ask every check; ``progress`` is called with the name of each."""
    dataset.verify()
    engine = DuckEngine(dataset, definitions)
    findings = []
    for check in all_checks(read_schema(), definitions, dataset):
        progress(check.id)
        failing = engine.connection.execute(f"SELECT COUNT(*) FROM ({check.sql}) f").fetchone()
        number = int(failing[0]) if failing else 0
        examples: tuple[str, ...] = ()
        if number:
            rows = engine.connection.execute(
                f"SELECT * FROM ({check.sql}) f ORDER BY 1 LIMIT {EXAMPLES}"
            ).fetchall()
            examples = tuple("/".join(map(str, row)) for row in rows)
        findings.append(Finding(check, dataset.rows(check.table), number, examples))
    return findings


def all_checks(schema: RegistrySchema, definitions: Definitions, dataset: Dataset) -> list[Check]:
    """Every check that applies, in the order of tables."""
    return [
        *(check for table in schema.tables for check in _from_schema(table, schema)),
        *_from_scales(definitions),
        *_clinical(dataset),
    ]


def _from_schema(table: Table, schema: RegistrySchema) -> Iterable[Check]:
    name, key = table.name, ", ".join(table.key)
    yield Check(
        f"{name}-key-twice",
        name,
        f"the key of {name} names one row only",
        f"SELECT {key} FROM {name} GROUP BY {key} HAVING COUNT(*) > 1",
    )
    for column in table.columns:
        where = f"{name}.{column.name}"
        if column.is_required:
            yield Check(
                f"{where}-empty",
                name,
                f"{where} is filled in",
                f"SELECT {key} FROM {name} WHERE {column.name} IS NULL",
            )
        if column.refers_to:
            parent = schema.table(column.refers_to)
            yield Check(
                f"{where}-orphan",
                name,
                f"{where} names a row of {column.refers_to}",
                f"SELECT {key} FROM {name} x WHERE {column.name} IS NOT NULL AND NOT EXISTS "
                f"(SELECT 1 FROM {column.refers_to} p WHERE p.{parent.key[0]} = x.{column.name})",
            )
        if column.values:
            listed = ", ".join(f"'{value}'" for value in column.values)
            yield Check(
                f"{where}-code",
                name,
                f"{where} is one of {', '.join(column.values)}",
                f"SELECT {key} FROM {name} WHERE {column.name} NOT IN ({listed})",
            )
        if column.range:
            low, high = column.range
            yield Check(
                f"{where}-range",
                name,
                f"{where} lies between {low:g} and {high:g}",
                f"SELECT {key} FROM {name} WHERE {column.name} < {low} OR {column.name} > {high}",
            )
    if table.has_corrections:
        yield Check(
            f"{name}-replaces-nothing",
            name,
            f"a correction of {name} names a row that exists and is older",
            f"SELECT {key} FROM {name} x WHERE replaces IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {name} o "
            f"WHERE o.{table.key[0]} = x.replaces AND o.sequence < x.sequence)",
        )
        yield Check(
            f"{name}-replaced-twice",
            name,
            f"a row of {name} is corrected by one row only",
            f"SELECT replaces FROM {name} WHERE replaces IS NOT NULL GROUP BY replaces HAVING COUNT(*) > 1",
        )
        yield Check(
            f"{name}-sequence-twice",
            name,
            f"the order of recording in {name} has no ties",
            f"SELECT sequence FROM {name} GROUP BY sequence HAVING COUNT(*) > 1",
        )


def _from_scales(definitions: Definitions) -> Iterable[Check]:
    for scale in definitions.scales.scales:
        for cluster, (low, high) in scale.clusters.items():
            yield Check(
                f"score-{scale.id}-{cluster}-range",
                "score",
                f"{scale.id} {cluster} lies between {low} and {high}",
                f"SELECT score_id FROM score WHERE scale = '{scale.id}' AND cluster = '{cluster}' "
                f"AND (value < {low} OR value > {high})",
            )
        parts = [name for name in scale.clusters if name != "total"]
        if parts:
            listed = ", ".join(f"'{name}'" for name in parts)
            yield Check(
                f"score-{scale.id}-sum",
                "score",
                f"the clusters of {scale.id} add up to its total",
                "SELECT t.score_id FROM (SELECT course_id, assessed_at, MAX(score_id) AS score_id, "
                "MAX(value) AS value "
                f"FROM score s WHERE scale = '{scale.id}' AND cluster = 'total' AND value IS NOT NULL "
                "AND status <> 'entered-in-error' AND NOT EXISTS (SELECT 1 FROM score r WHERE "
                "r.replaces = s.score_id) "
                "GROUP BY course_id, assessed_at HAVING MIN(value) = MAX(value)) t JOIN ("
                "SELECT course_id, assessed_at, SUM(value) AS value FROM (SELECT course_id, "
                "assessed_at, cluster, "
                f"MAX(value) AS value FROM score s WHERE scale = '{scale.id}' AND cluster IN ({listed}) "
                "AND status <> 'entered-in-error' AND NOT EXISTS (SELECT 1 FROM score r WHERE "
                "r.replaces = s.score_id) "
                "GROUP BY course_id, assessed_at, cluster HAVING MIN(value) = MAX(value)) GROUP BY "
                "course_id, "
                f"assessed_at HAVING COUNT(value) = {len(parts)}) c ON c.course_id = t.course_id "
                "AND c.assessed_at = t.assessed_at WHERE c.value <> t.value",
                "warning",
            )
    known = ", ".join(f"'{scale.id}'" for scale in definitions.scales.scales)
    yield Check(
        "score-unknown-scale",
        "score",
        "every score is of a scale that has a definition",
        f"SELECT score_id FROM score WHERE scale NOT IN ({known})",
        "warning",
    )


def _clinical(dataset: Dataset) -> Iterable[Check]:
    cut = f"DATE '{dataset.as_of.isoformat()}'"
    for identity, table, words, sql, level in (
        (
            "after-the-cut",
            "session",
            "no session lies after the data cut",
            f"SELECT session_id FROM session WHERE started_on > {cut}",
            "error",
        ),
        (
            "score-after-the-cut",
            "score",
            "no score lies after the data cut",
            f"SELECT score_id FROM score WHERE assessed_on > {cut}",
            "error",
        ),
        (
            "score-after-death",
            "score",
            "nobody answers after death",
            (
                "SELECT s.score_id FROM score s JOIN course c ON c.course_id = s.course_id "
                "JOIN patient p ON p.patient_id = c.patient_id WHERE s.assessed_on > p.died_on"
            ),
            "error",
        ),
        (
            "session-after-death",
            "session",
            "nobody is treated after death",
            (
                "SELECT s.session_id FROM session s JOIN course c ON c.course_id = s.course_id "
                "JOIN patient p ON p.patient_id = c.patient_id WHERE s.started_on > p.died_on AND "
                "s.status <> 'cancelled'"
            ),
            "error",
        ),
        (
            "death-twice-told",
            "course_event",
            "a death after a course is the day of death of the person",
            (
                "SELECT e.event_id FROM course_event e JOIN course c ON c.course_id = e.course_id "
                "JOIN patient p ON p.patient_id = c.patient_id WHERE e.kind = 'death' "
                "AND (p.died_on IS NULL OR p.died_on <> e.occurred_on)"
            ),
            "error",
        ),
        (
            "session-before-index",
            "session",
            "no dose comes before the first dose of its course",
            (
                "SELECT s.session_id FROM session s JOIN course c ON c.course_id = s.course_id "
                "WHERE s.started_at < c.index_at AND s.status <> 'cancelled'"
            ),
            "error",
        ),
        (
            "index-half",
            "course",
            "a first dose has its instant and its day",
            "SELECT course_id FROM course WHERE (index_at IS NULL) <> (index_on IS NULL)",
            "error",
        ),
        (
            "day-far-from-instant",
            "score",
            "the clinic's day of a score fits its instant",
            (
                "SELECT score_id FROM score WHERE abs(epoch_us(assessed_at) - epoch_us(CAST(assessed_on "
                "AS TIMESTAMP)) "
                "- 43200000000) > 43200000000 + 50400000000"
            ),
            "error",
        ),
        (
            "session-number-twice",
            "session",
            "two sessions of a course have two numbers",
            "SELECT course_id, number FROM session GROUP BY course_id, number HAVING COUNT(*) > 1",
            "error",
        ),
        (
            "dose-ends-before-start",
            "dose",
            "a dose ends after it began",
            "SELECT dose_id FROM dose WHERE ended_at < started_at",
            "error",
        ),
        (
            "dose-of-cancelled",
            "dose",
            "a cancelled session has no dose",
            (
                "SELECT d.dose_id FROM dose d JOIN session s ON s.session_id = d.session_id "
                "WHERE s.status = 'cancelled' AND d.status <> 'entered-in-error'"
            ),
            "warning",
        ),
        (
            "diastolic-above-systolic",
            "vital",
            "diastolic pressure is below systolic",
            "SELECT vital_id FROM vital WHERE diastolic >= systolic",
            "error",
        ),
        (
            "same-score-twice",
            "score",
            "one questionnaire is entered once",
            (
                "SELECT course_id, scale, cluster, assessed_at FROM score s "
                "WHERE status <> 'entered-in-error' "
                "AND NOT EXISTS (SELECT 1 FROM score r WHERE r.replaces = s.score_id) "
                "GROUP BY course_id, scale, cluster, assessed_at HAVING COUNT(*) > 1"
            ),
            "warning",
        ),
        (
            "course-without-session",
            "course",
            "a course that began has a session",
            (
                "SELECT course_id FROM course c WHERE index_on IS NOT NULL AND NOT EXISTS "
                "(SELECT 1 FROM session s WHERE s.course_id = c.course_id)"
            ),
            "warning",
        ),
        (
            "consented-before-referral",
            "referral",
            "consent comes after referral",
            "SELECT referral_id FROM referral WHERE consented_on < referred_on",
            "error",
        ),
        (
            "born-after-treatment",
            "patient",
            "nobody is treated before birth",
            (
                "SELECT DISTINCT p.patient_id FROM patient p JOIN course c ON c.patient_id = p.patient_id "
                "WHERE year(c.index_on) <= p.birth_year"
            ),
            "error",
        ),
        (
            "person-without-consent",
            "patient",
            "everybody here agreed to registry use",
            (
                "SELECT patient_id FROM patient p WHERE NOT EXISTS (SELECT 1 FROM consent c "
                "WHERE c.patient_id = p.patient_id AND c.purpose = 'registry' AND c.decision = 'given')"
            ),
            "error",
        ),
    ):
        yield Check(identity, table, words, sql, level)
