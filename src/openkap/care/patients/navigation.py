"""The patients' part of the chart's navigation."""

from __future__ import annotations

from django.urls import reverse

from openkap.care.contributions import ChartLink
from openkap.care.permissions import Permission


def links(uid: str) -> list[ChartLink]:
    return [
        ChartLink("Overview", reverse("patient", args=[uid]), "patient", Permission.SEE_PATIENT),
        ChartLink(
            "Person", reverse("patient_identity", args=[uid]), "patient_identity", Permission.EDIT_PATIENT
        ),
    ]
