"""Sessions under way, on the first page of those who can look after them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, Min, Q, QuerySet
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.first_lines import first_lines
from openkap.care.patients.access import scope_of, visible
from openkap.care.patients.queries import display_name
from openkap.care.permissions import Permission
from openkap.care.treatment.models import Session
from openkap.care.treatment.rows.acts import UNDER_WAY, State

MOST = 20
UNANSWERED = Q(alerts__acknowledged_at__isnull=True)
NEXT = {
    State.CLEARED: "Start the dose",
    State.DOSING: "Watch the dose",
    State.RECOVERY: "Watch the recovery",
}


def tasks(by: Actor) -> list[Task]:
    """The live page of every session under way; only an alert that nobody answers can be late."""
    if not by.may(Permission.RECORD_SESSION):
        return []
    waiting = _under_way(*scope_of(by))
    return waiting.rest("now") + [
        Task(
            verb="Answer the alerts" if row.waiting else NEXT[row.state],
            url=reverse("live", args=[row.patient.uid, row.uid]),
            whom=display_name(row.patient.identity),
            due=row.since,
            urgency="now",
            note=", ".join(_facts(row)),
        )
        for row in waiting
    ]


def _facts(row: Any) -> Iterator[str]:
    yield row.chair.name
    yield f"session {row.number}"
    if row.waiting:
        yield "1 alert waits" if row.waiting == 1 else f"{row.waiting} alerts wait"
    if row.escalated:
        yield "nobody has answered"


@first_lines(MOST, "sessions under way")
def _under_way(clinic_id: int, staff_id: int) -> QuerySet[Any]:
    rows = Session.objects.filter(
        patient__in=visible(clinic_id, staff_id), state__in=UNDER_WAY, locked_at__isnull=True
    )
    return (
        rows.select_related("patient__identity", "chair")
        .annotate(
            waiting=Count("alerts", filter=UNANSWERED),
            since=Min("alerts__raised_at", filter=UNANSWERED),
            escalated=Count("alerts", filter=UNANSWERED & Q(alerts__escalated_at__isnull=False)),
        )
        .order_by("starts_at", "id")
    )
