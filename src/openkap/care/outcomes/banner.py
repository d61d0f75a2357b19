"""What the patient banner says of outcomes: an alarming answer never hides, and where the symptoms stand."""

from __future__ import annotations

from django.urls import reverse

from openkap.care.contributions import BannerItem
from openkap.care.outcomes.follow_up import follow_up, form_of
from openkap.care.outcomes.models import FormScore, SafetySignal
from openkap.care.templatetags.clinic import ago


def banner_items(patient_id: int) -> list[BannerItem]:
    return [*_signals(patient_id), *_newest(patient_id)]


def _signals(patient_id: int) -> list[BannerItem]:
    row = (
        SafetySignal.objects.filter(patient_id=patient_id, closed_at__isnull=True)
        .select_related("patient", "acknowledged_by")
        .order_by("acknowledged_at", "raised_at")
        .first()
    )
    if row is None:
        return []
    url = reverse("signal", args=[row.patient.uid, row.uid])
    if row.acknowledged_by is None:
        return [BannerItem("Alert", f"safety answer, {ago(row.raised_at)}", "alarm", url)]
    return [BannerItem("Alert", f"safety answer, {row.acknowledged_by.name} has it", "watch", url)]


def _newest(patient_id: int) -> list[BannerItem]:
    name = follow_up().relapse.instrument
    row = (
        FormScore.objects.filter(
            patient_id=patient_id, instrument=name, total__isnull=False, form__voided_at__isnull=True
        )
        .order_by("-at")
        .first()
    )
    if row is None or row.total is None:
        return []
    return [BannerItem(form_of(name).short, f"{row.total.normalize():f} ({row.at:%-d %b %Y})")]
