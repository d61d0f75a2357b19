"""What the patient banner says of consent: the first thing a dose needs."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from openkap.care.contributions import BannerItem
from openkap.care.enrolment.consent_queries import state_of
from openkap.care.enrolment.models import Answer, Consent, ConsentRelease
from openkap.care.prepared import prepared


def banner_items(patient_id: int) -> list[BannerItem]:
    return [*_weight(patient_id), _consent(patient_id)]


def _consent(patient_id: int) -> BannerItem:
    rows = _newest_consent(patient_id)
    if not rows:
        return BannerItem("Consent", "not asked yet", "unknown")
    state = state_of(rows[0], is_current=rows[0].is_current)
    return BannerItem("Consent", state.words, state.tone)


def _weight(patient_id: int) -> list[BannerItem]:
    rows = _newest_weight(patient_id)
    if not rows or not rows[0].is_known:
        return [BannerItem("Weight", "not known", "unknown")]
    row = rows[0]
    return [BannerItem("Weight", f"{row.value} ({row.observed_at:%-d %b %Y})")]


@prepared
def _newest_consent(patient_id: int) -> QuerySet[Any]:
    current = ConsentRelease.objects.filter(
        text=OuterRef("text"), clinic=OuterRef("patient__clinic"), superseded_at__isnull=True
    )
    asked = Consent.objects.filter(patient_id=patient_id).annotate(is_current=Exists(current))
    return asked.select_related("text", "patient_signature", "given__withdrawal").order_by(
        "-opened_at", "-id"
    )[:1]


@prepared
def _newest_weight(patient_id: int) -> QuerySet[Answer]:
    return Answer.objects.filter(patient_id=patient_id, element="body_weight").order_by("-id")[:1]
