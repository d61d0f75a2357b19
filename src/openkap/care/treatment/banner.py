"""What the patient banner says of treatment: where the course stands, and alerts nobody has answered."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse

from openkap.care.contributions import BannerItem
from openkap.care.patients.models import Patient
from openkap.care.prepared import prepared
from openkap.care.treatment.models import Alert, Session


def banner_items(patient: Patient) -> list[BannerItem]:
    items = []
    for running in _running(patient.pk):
        url = reverse("session", args=[running.patient.uid, running.uid])
        said = f"{running.number}, {running.get_state_display()}, {running.chair.name}"
        items.append(BannerItem("Session", said, url=url))
        if running.waiting:
            items.append(BannerItem("Alerts", f"{running.waiting} not acknowledged", "alarm", url))
    return items


@prepared
def _running(patient_id: int) -> QuerySet[Any]:
    """The session under way, with the alerts of all the patient's open sessions that wait."""
    waiting = (
        Alert.objects.filter(
            session__patient_id=OuterRef("patient_id"),
            acknowledged_at__isnull=True,
            session__locked_at__isnull=True,
        )
        .order_by()
        .values("session__patient_id")
        .annotate(count=Count("pk"))
        .values("count")
    )
    under_way = Session.objects.filter(
        patient_id=patient_id, state__in=("arrived", "cleared", "dosing", "recovery")
    )
    return (
        under_way.select_related("patient", "chair")
        .annotate(waiting=Coalesce(Subquery(waiting), 0))
        .order_by("pk")[:1]
    )
