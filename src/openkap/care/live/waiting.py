"""Alerts that nobody answered and that have gone to this prescriber: the count in the head of every page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.patients.access import scope_of, visible
from openkap.care.permissions import Permission
from openkap.care.prepared import prepared
from openkap.care.treatment.models import Alert

MOST = 50


def waiting_for(by: Actor) -> dict[str, Any]:
    """How many, since when, and where to answer them: the one chair, or the board when there are more."""
    rows = _escalated(*scope_of(by, Permission.PRESCRIBE))
    if not rows:
        return {"count": 0}
    places = {(patient, session): chair for patient, session, chair, _ in rows}
    url = reverse("live", args=next(iter(places))) if len(places) == 1 else reverse("board")
    return {
        "count": len(rows),
        "since": rows[0][3],
        "where": ", ".join(dict.fromkeys(places.values())),
        "url": url,
    }


@prepared
def _escalated(clinic_id: int, staff_id: int) -> QuerySet[Alert, tuple[str, str, str, datetime | None]]:
    rows = Alert.objects.filter(
        session__prescriber_id=staff_id,
        session__patient__in=visible(clinic_id, staff_id),
        acknowledged_at__isnull=True,
        escalated_at__isnull=False,
    )
    order = rows.order_by("escalated_at", "id")
    return order.values_list("session__patient__uid", "session__uid", "session__chair__name", "escalated_at")[
        :MOST
    ]
