"""The outcomes' part of the chart's navigation."""

from __future__ import annotations

from django.urls import reverse

from openkap.care.contributions import ChartLink
from openkap.care.permissions import Permission


def links(uid: str) -> list[ChartLink]:
    folders = ("signal", "maintenance")
    return [
        ChartLink("Outcomes", reverse("outcomes", args=[uid]), "outcomes", Permission.SEE_OUTCOMES, folders)
    ]
