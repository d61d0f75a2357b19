"""Sessions under way, on the first page of those who can look after them."""

from __future__ import annotations

from django.db.models import Count, Q
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.patients.access import patients_of
from openkap.care.patients.queries import display_name
from openkap.care.permissions import Permission
from openkap.care.treatment.models import Session

UNDER_WAY = (Session.State.CLEARED, Session.State.DOSING, Session.State.RECOVERY, Session.State.READY)
MOST = 20


def tasks(by: Actor) -> list[Task]:
    """The live page of every session under way; those with alerts nobody acknowledged say so."""
    if not by.may(Permission.RECORD_SESSION):
        return []
    rows = (
        Session.objects.filter(patient__in=patients_of(by), state__in=UNDER_WAY, locked_at__isnull=True)
        .select_related("patient__identity", "chair")
        .annotate(waiting=Count("alerts", filter=Q(alerts__acknowledged_at__isnull=True)))
        .order_by("starts_at")[:MOST]
    )
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
        for row in rows
    ]
