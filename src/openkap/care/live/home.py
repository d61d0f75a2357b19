"""Sessions under way, on the first page of those who can look after them."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.patients.access import scope_of, visible
from openkap.care.patients.queries import display_name
from openkap.care.permissions import Permission
from openkap.care.prepared import prepared
from openkap.care.treatment.models import Session

UNDER_WAY = (Session.State.CLEARED, Session.State.DOSING, Session.State.RECOVERY, Session.State.READY)
MOST = 20


def tasks(by: Actor) -> list[Task]:
    """The live page of every session under way; those with alerts nobody acknowledged say so."""
    if not by.may(Permission.RECORD_SESSION):
        return []
    return [
        Task(
            verb="Answer the alerts" if row.waiting else "Go on with the session",
            url=reverse("live", args=[row.patient.uid, row.uid]),
            whom=display_name(row.patient.identity),
            due=row.starts_at,
            urgency="now",
            note=f"{row.chair.name}, {row.get_state_display()}"
            + (f", {row.waiting} alerts wait" if row.waiting else ""),
        )
        for row in _under_way(*scope_of(by))
    ]


@prepared
def _under_way(clinic_id: int, staff_id: int) -> QuerySet[Any]:
    rows = Session.objects.filter(
        patient__in=visible(clinic_id, staff_id), state__in=UNDER_WAY, locked_at__isnull=True
    )
    return (
        rows.select_related("patient__identity", "chair")
        .annotate(waiting=Count("alerts", filter=Q(alerts__acknowledged_at__isnull=True)))
        .order_by("starts_at")[:MOST]
    )
