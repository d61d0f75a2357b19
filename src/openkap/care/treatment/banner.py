"""What the patient banner says of treatment: where the course stands, and alerts nobody has answered."""

from __future__ import annotations

from django.urls import reverse

from openkap.care.contributions import BannerItem
from openkap.care.treatment.models import Alert, Session


def banner_items(patient_id: int) -> list[BannerItem]:
    items = []
    waiting = Alert.objects.filter(
        session__patient_id=patient_id, acknowledged_at__isnull=True, session__locked_at__isnull=True
    ).count()
    running = (
        Session.objects.filter(patient_id=patient_id, state__in=("arrived", "cleared", "dosing", "recovery"))
        .select_related("patient", "chair")
        .first()
    )
    if running:
        url = reverse("session", args=[running.patient.uid, running.uid])
        said = f"{running.number}, {running.get_state_display()}, {running.chair.name}"
        items.append(BannerItem("Session", said, url=url))
    if waiting and running:
        url = reverse("session", args=[running.patient.uid, running.uid])
        items.append(BannerItem("Alerts", f"{waiting} not acknowledged", "alarm", url))
    return items
