"""Who is needed on which planned date, in which part, and whether they may take it that day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.timezone import localdate

from openkap.care.accounts.credentials import lacking
from openkap.care.accounts.models import RoleAssignment, Staff
from openkap.care.permissions import Role
from openkap.care.treatment.access import TAKE
from openkap.care.treatment.models import Course, Session, Visit

# Until the release a session may get another nurse or prescriber.
OPEN = (Session.State.PLANNED, Session.State.ARRIVED)
# What the person does in each part, for the sentence "nobody who may ...".
ACTS = {Role.PRESCRIBER: "prescribe", Role.NURSE: "give the dose", Role.THERAPIST: "give the therapy"}


@dataclass(frozen=True, slots=True)
class Part:
    """One person's part in one planned date."""

    role: Role
    staff_id: int
    # Works here, in a role that may take this part.
    is_here: bool
    starts_at: datetime


def missing_of(parts: Iterable[Part]) -> dict[Part, str]:
    """Those parts whose person may not take them, each with what is missing; one question for all."""
    parts = list(parts)
    lacks = lacking((each.staff_id, each.role, localdate(each.starts_at)) for each in parts if each.is_here)
    told = {}
    for each in parts:
        if not each.is_here:
            told[each] = f"no longer {TAKE[each.role][0].words} here"
        elif said := lacks.get((each.staff_id, each.role, localdate(each.starts_at))):
            told[each] = said
    return told


def here(person: str, clinic: str, role: Role) -> Exists:
    """Whether the person of that column works at the clinic of that column, in a role for the part."""
    held = RoleAssignment.objects.filter(
        staff=OuterRef(person),
        clinic=OuterRef(clinic),
        role__in=[each.value for each in TAKE[role]],
        until__isnull=True,
        staff__is_active=True,
    )
    return Exists(held)


def rows_with(course: Course, role: Role) -> QuerySet[Session] | QuerySet[Visit]:
    """What is still to come of a course in which somebody has that part, in the order of time."""
    if role is Role.THERAPIST:
        visits = Visit.objects.filter(course=course, state=Visit.State.PLANNED)
        return visits.select_related("therapist").order_by("starts_at", "id")
    sessions = Session.objects.filter(course=course, state__in=OPEN)
    return sessions.select_related("nurse", "prescriber", "chair").order_by("starts_at", "id")


def person_of(row: Session | Visit, role: Role) -> Staff:
    """Who has that part in a date."""
    person: Staff = getattr(row, role.value)
    return person


def title_of(row: Session | Visit) -> str:
    """What a date is called."""
    if isinstance(row, Session):
        return f"Session {row.number}"
    return f"{row.get_kind_display().capitalize()} {row.number}"
