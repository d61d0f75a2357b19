"""What the patient banner says of weight, allergy and consent: the first things a dose needs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from openkap.care.contributions import BannerItem
from openkap.care.enrolment.consent_queries import state_of, with_standing
from openkap.care.enrolment.models import Answer, Consent
from openkap.care.moment import now
from openkap.care.prepared import prepared

WEIGHT, ALLERGY = "body_weight", "hypersensitivity_ketamine_or_esketamine"


def banner_items(patient_id: int) -> list[BannerItem]:
    return [*_answers(patient_id), _consent(patient_id)]


def _consent(patient_id: int) -> BannerItem:
    rows = _consent_that_counts(patient_id, now())
    if not rows:
        return BannerItem("Consent", "not asked yet", "unknown")
    state = state_of(rows[0])
    return BannerItem("Consent", state.words, state.tone)


def _answers(patient_id: int) -> list[BannerItem]:
    known = {row.element: row for row in _newest(patient_id) if row.is_known}
    weight, allergy = known.get(WEIGHT), known.get(ALLERGY)
    return [
        BannerItem("Weight", f"{weight.value} ({weight.observed_at:%-d %b %Y})")
        if weight
        else BannerItem("Weight", "not known", "unknown"),
        _allergy(allergy.value if allergy else None),
    ]


def _allergy(answer: Any) -> BannerItem:
    if answer is None:
        return BannerItem("Ketamine allergy", "not asked yet", "unknown")
    is_allergic = answer == "yes"
    return BannerItem(
        "Ketamine allergy", "YES" if is_allergic else "none known", "alarm" if is_allergic else "plain"
    )


@prepared
def _consent_that_counts(patient_id: int, moment: datetime) -> QuerySet[Any]:
    """The one in force, else the last that was withdrawn or opened."""
    asked: QuerySet[Any] = with_standing(Consent.objects.filter(patient_id=patient_id), moment)
    return asked.order_by("-is_in_force", Coalesce("withdrawn_at", "opened_at").desc(), "-id")[:1]


@prepared
def _newest(patient_id: int) -> QuerySet[Answer]:
    newer = Answer.objects.filter(
        patient=OuterRef("patient"), element=OuterRef("element"), pk__gt=OuterRef("pk")
    )
    rows = Answer.objects.filter(patient_id=patient_id, element__in=(WEIGHT, ALLERGY))
    return rows.filter(~Exists(newer))
