"""What waits for who receives and treats: the sessions of the day that the live page does not show yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.first_lines import first_lines
from openkap.care.moment import now
from openkap.care.patients.access import in_care, scope_of, visible
from openkap.care.patients.queries import display_name
from openkap.care.treatment.models import Session
from openkap.care.treatment.planning.due_dates import TODAY
from openkap.care.treatment.planning.held import session_says, with_withdrawal

MOST = 50
# Session state -> what the nurse does next.
NEXT = {
    "planned": "Receive the patient",
    "arrived": "Go through the gates",
    "left": "Sign the record",
    "aborted": "Sign the record",
}


def tasks(by: Actor) -> list[Task]:
    """Whom to receive, whose gates to go through, what to sign; alerts nobody answered first."""
    waiting = _open_before(*scope_of(by), now() + TODAY)
    return waiting.rest("today") + [
        Task(
            "Answer the alerts" if row.waiting else NEXT[row.state],
            reverse("session", args=[row.patient.uid, row.uid]),
            display_name(row.patient.identity),
            row.starts_at if row.state == "planned" else None,
            "now" if row.waiting else "today",
            "; ".join(filter(None, (f"session {row.number}, {row.chair.name}", _held(row)))),
        )
        for row in waiting
    ]


def _held(row: Any) -> str:
    return session_says(row.state, row.withdrawn_at)


@first_lines(MOST, "sessions")
def _open_before(clinic_id: int, staff_id: int, before: datetime) -> QuerySet[Any]:
    to_come = Q(state=Session.State.PLANNED)
    rows = Session.objects.filter(
        ~to_come | Q(patient__in=in_care(clinic_id, staff_id)),
        patient__in=visible(clinic_id, staff_id),
        state__in=NEXT,
        locked_at__isnull=True,
        starts_at__lt=before,
    )
    waiting = Count("alerts", filter=Q(alerts__acknowledged_at__isnull=True))
    told = rows.select_related("patient__identity", "chair").annotate(waiting=waiting)
    return with_withdrawal(told).order_by("starts_at", "id")
