"""People and their courses: who has begun, in which group, due when, and sums by group."""

from __future__ import annotations

from openkap.registry.definition import Stratum
from openkap.registry.sql.expressions import banded, span_of
from openkap.registry.sql.plan import Ground


def add_people(ground: Ground) -> str:
    """Every course that has begun, with the number of the person's group of strata."""
    begun, kinds = _add_begun(ground), add_kinds(ground)
    same = " AND ".join(f"k.{name} = b.{name}" for name in ground.strata)
    return ground.step("people", f"SELECT b.*, k.kind FROM {begun} b JOIN {kinds} k ON {same}")


def add_kinds(ground: Ground) -> str:
    """The groups of people there are, numbered: one number is quicker to group by than six names."""
    names = ", ".join(ground.strata)
    return ground.step(
        "kinds",
        f"SELECT {names}, ROW_NUMBER() OVER (ORDER BY {names}) AS kind "
        f"FROM (SELECT DISTINCT {names} FROM {_add_begun(ground)}) g",
    )


def _add_begun(ground: Ground) -> str:
    """Courses with whether the person is due at each window, or died before it, as 1 or NULL.

    That is the same for every score, so it is settled here once.
    """
    marks = []
    for window in ground.definitions.all_windows():
        closed = f"c.elapsed >= {window.last_day}"
        alive = f"(c.died_day IS NULL OR c.died_day >= {window.first_day})"
        marks += [
            f"CASE WHEN {closed} AND {alive} THEN 1 END AS due_{span_of(window)}",
            f"CASE WHEN {closed} AND NOT {alive} THEN 1 END AS gone_{span_of(window)}",
        ]
    return ground.step(
        "begun", f"SELECT c.*, {', '.join(dict.fromkeys(marks))} FROM {_add_courses(ground)} c"
    )


def _add_courses(ground: Ground) -> str:
    """Every course that has begun, with the person's groups; the first course of each is marked."""
    return ground.step(
        "courses",
        f"SELECT c.course_id, c.patient_id, c.site_id, COALESCE(c.therapist_id, 0) AS therapist_id, "
        f"c.index_at, c.index_on, c.end_reason, days_between(c.index_on, {ground.as_of}) AS elapsed, "
        f"days_between(c.index_on, p.died_on) AS died_day, {strata(ground, 'c.index_on')}, "
        "year(c.index_on) * 4 + quarter(c.index_on) - 1 AS period, "
        "CASE WHEN ROW_NUMBER() OVER (PARTITION BY c.patient_id ORDER BY c.index_at, c.course_id) = 1 "
        "THEN 1 ELSE 0 END AS is_first "
        "FROM course c JOIN patient p ON p.patient_id = c.patient_id "
        f"WHERE c.index_on IS NOT NULL AND c.index_at IS NOT NULL AND c.index_on <= {ground.as_of}",
        view=True,
    )


def strata(ground: Ground, day: str) -> str:
    """The columns of a person's groups on a day."""
    return ", ".join(_stratum(ground, each, day) for each in ground.definitions.strata.strata)


def _stratum(ground: Ground, stratum: Stratum, day: str) -> str:
    column = {"age": f"(year({day}) - p.birth_year)"}.get(stratum.column, f"p.{stratum.column}")
    if not stratum.bands:
        return f"COALESCE({column}, 'unknown') AS {stratum.id}"
    return f"{banded(column, stratum.bands)} AS {stratum.id}"


def grouped(ground: Ground, dimensions: tuple[str, ...], sums: dict[str, str], source: str) -> str:
    """Sums by groups of people; a group goes by its number and gets its names back at the end."""
    listed = ", ".join(f"{sql} AS {name}" for name, sql in sums.items())
    if not set(ground.strata) <= set(dimensions):
        by = ", ".join(dimensions)
        return f"SELECT {by}, {listed} FROM {source} GROUP BY {by}"
    by = ", ".join(["kind", *(name for name in dimensions if name not in ground.strata)])
    shown = [f"{'k' if name in ground.strata else 'g'}.{name}" for name in dimensions]
    shown += [f"g.{name}" for name in sums]
    return (
        f"SELECT {', '.join(shown)} FROM (SELECT {by}, {listed} FROM {source} GROUP BY {by}) g "
        f"JOIN {add_kinds(ground)} k ON k.kind = g.kind"
    )
