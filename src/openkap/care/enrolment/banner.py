"""What the patient banner says of consent: the first thing a dose needs."""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from openkap.care.contributions import BannerItem
from openkap.care.enrolment.consent_queries import state_of
from openkap.care.enrolment.models import Answer, Consent, ConsentRelease


def banner_items(patient_id: int) -> list[BannerItem]:
    return [*_weight(patient_id), _consent(patient_id)]


def _consent(patient_id: int) -> BannerItem:
    current = ConsentRelease.objects.filter(
        text=OuterRef("text"), clinic=OuterRef("patient__clinic"), superseded_at__isnull=True
    )
    row = (
        Consent.objects.filter(patient_id=patient_id)
        .select_related("text", "patient_signature", "given__withdrawal")
        .annotate(is_current=Exists(current))
        .order_by("-opened_at", "-id")
        .first()
    )
    if row is None:
        return BannerItem("Consent", "not asked yet", "unknown")
    state = state_of(row, is_current=row.is_current)
    return BannerItem("Consent", state.words, state.tone)


def _weight(patient_id: int) -> list[BannerItem]:
    row = Answer.objects.filter(patient_id=patient_id, element="body_weight").order_by("-id").first()
    if row is None or not row.is_known:
        return [BannerItem("Weight", "not known", "unknown")]
    return [BannerItem("Weight", f"{row.value} ({row.observed_at:%-d %b %Y})")]
