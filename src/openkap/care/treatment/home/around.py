"""Who must be known around a patient before the first dose: emergency contact, escort home, crisis plan."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.first_lines import first_lines
from openkap.care.moment import day_begins, now
from openkap.care.patients.access import in_care, scope_of
from openkap.care.patients.models import Contact, CrisisPlan
from openkap.care.patients.queries import display_name
from openkap.care.treatment.models import Session
from openkap.care.treatment.phase import doses
from openkap.care.treatment.planning.due_dates import TODAY, WEEK

MOST = 50
# Time to find an escort and to write a plan together.
AHEAD = 2 * WEEK


def tasks(by: Actor) -> list[Task]:
    """One line a patient whose first session is planned, with what nobody has noted yet."""
    waiting = _unprepared(*scope_of(by), day_begins(now()), now() + AHEAD)
    return waiting.rest() + [_line(row) for row in waiting]


def _line(row: Any) -> Task:
    verb, where = "Write the crisis plan", "crisis_plan"
    if row.lacks_contact or row.lacks_escort:
        verb, where = "Note who is around the patient", "contacts"
    return Task(
        verb,
        reverse(where, args=[row.uid]),
        display_name(row.identity),
        row.first_at,
        "today" if row.first_at < now() + TODAY else "soon",
        f"before the first session: {', '.join(_lacking(row))}",
    )


def _lacking(row: Any) -> list[str]:
    said = (
        (row.lacks_contact, "emergency contact"),
        (row.lacks_escort, "escort home"),
        (row.lacks_plan, "crisis plan"),
    )
    return [words for lacks, words in said if lacks]


@first_lines(MOST, "patients before their first session")
def _unprepared(clinic_id: int, staff_id: int, since: datetime, before: datetime) -> QuerySet[Any]:
    of_person = Q(patient=OuterRef("pk")) | Q(patient__merged_into=OuterRef("pk"))
    current = Contact.objects.filter(of_person, ended_at__isnull=True)
    sessions = Session.objects.filter(patient=OuterRef("pk"))
    coming = sessions.filter(state=Session.State.PLANNED, starts_at__range=(since, before)).order_by(
        "starts_at"
    )
    return (
        in_care(clinic_id, staff_id)
        .filter(~Exists(doses(OuterRef("pk"))))
        .annotate(
            first_at=Subquery(coming.values("starts_at")[:1]),
            lacks_contact=~Exists(current.filter(kind=Contact.Kind.EMERGENCY)),
            lacks_escort=~Exists(current.filter(kind=Contact.Kind.ESCORT)),
            lacks_plan=~Exists(CrisisPlan.objects.filter(of_person)),
        )
        .filter(Q(lacks_contact=True) | Q(lacks_escort=True) | Q(lacks_plan=True), first_at__isnull=False)
        .select_related("identity")
        .order_by("first_at", "id")
    )
