"""Reads of who is planned for what: whose dates remain, who may not take theirs, what passed before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openkap.care.accounts.actor import Actor
from openkap.care.permissions import Role
from openkap.care.treatment.access import TAKE, staff_with
from openkap.care.treatment.models import Course, Handover, Session, Visit
from openkap.care.treatment.planning.parts import Part, here, missing_of, person_of, rows_with, title_of


@dataclass(frozen=True)
class Held:
    """One person's part in what remains of a course."""

    value: str
    name: str
    part: str
    dates: int
    # Dates on which they may not take it, and why.
    lacking: int
    because: str


def handover_page(by: Actor, course: Course) -> dict[str, Any]:
    """Who is planned for what: those who may not take their part first."""
    rows = [
        (role, row)
        for role in TAKE
        for row in rows_with(course, role).annotate(is_here=here(role.value, "patient__clinic", role))
    ]
    parts = [Part(role, person_of(row, role).pk, row.is_here, row.starts_at) for role, row in rows]
    missing = missing_of(parts)
    held: dict[str, list[tuple[Role, Session | Visit, str]]] = {}
    for (role, row), part in zip(rows, parts, strict=True):
        value = f"{role.value}:{person_of(row, role).uid}"
        held.setdefault(value, []).append((role, row, missing.get(part, "")))
    told = [_held(value, dates) for value, dates in held.items()]
    seen = {row.uid: row for _, row in sorted(rows, key=lambda each: each[1].starts_at)}
    return {
        "course": course,
        "held": sorted(told, key=lambda each: not each.lacking),
        "takers": _takers(by),
        "dates": [(row.uid, title_of(row), row.starts_at) for row in seen.values()],
    }


def _held(value: str, dates: list[tuple[Role, Session | Visit, str]]) -> Held:
    role, row, _ = dates[0]
    lacking = [said for _, _, said in dates if said]
    because = lacking[0] if lacking else ""
    return Held(value, person_of(row, role).name, role.words, len(dates), len(lacking), because)


def _takers(by: Actor) -> list[tuple[str, list[tuple[str, str]]]]:
    """Everybody here who can have a part, each once."""
    groups, seen = [], set()
    for role in TAKE:
        people = [each for each in staff_with(by, role) if each.uid not in seen]
        seen |= {each.uid for each in people}
        groups.append((f"{role.words.capitalize()}s", [(each.uid, each.name) for each in people]))
    return groups


def handovers_of(course: Course) -> list[Handover]:
    """What passed from whom to whom, newest first."""
    rows = Handover.objects.filter(course=course).select_related("before", "after", "decided_by")
    return list(rows.order_by("-id"))
