"""The chart's navigation for screening and consent."""

from __future__ import annotations

from django.urls import reverse

from openkap.care.contributions import ChartLink
from openkap.care.permissions import Permission


def links(uid: str) -> list[ChartLink]:
    return [
        ChartLink(
            "Screening", reverse("screening", args=[uid]), "screening", Permission.SCREEN, ("assessments",)
        ),
        ChartLink("Consent", reverse("consents", args=[uid]), "consents", Permission.TAKE_CONSENT),
    ]
