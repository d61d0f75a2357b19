"""What waits for a therapist: visits of the day, and notes of those that were."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.first_lines import first_lines
from openkap.care.moment import now
from openkap.care.patients.access import scope_of, visible
from openkap.care.patients.queries import display_name
from openkap.care.treatment.models import Visit
from openkap.care.treatment.planning.due_dates import TODAY
from openkap.care.treatment.planning.held import visit_says, with_withdrawal

MOST = 50


def tasks(by: Actor) -> list[Task]:
    """Whom to see, and which note to write."""
    waiting = _own_visits(*scope_of(by), now() + TODAY)
    return waiting.rest("today") + [
        Task(
            "Write the note" if row.starts_at < now() else f"See for {row.get_kind_display()}",
            reverse("visit", args=[row.patient.uid, row.uid]),
            display_name(row.patient.identity),
            row.starts_at,
            "today",
            "; ".join(filter(None, (row.get_kind_display(), _says(row)))),
        )
        for row in waiting
    ]


def _says(row: Any) -> str:
    return visit_says(row.kind, row.state, row.starts_at, row.withdrawn_at)


@first_lines(MOST, "visits and notes")
def _own_visits(clinic_id: int, staff_id: int, before: datetime) -> QuerySet[Any]:
    rows = Visit.objects.filter(
        therapist_id=staff_id,
        state=Visit.State.PLANNED,
        starts_at__lt=before,
        patient__in=visible(clinic_id, staff_id),
    )
    return with_withdrawal(rows).select_related("patient__identity").order_by("starts_at", "id")
