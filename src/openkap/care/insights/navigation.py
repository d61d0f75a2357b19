"""The registry's part of the chart's navigation."""

from __future__ import annotations

from django.urls import reverse

from openkap.care.contributions import ChartLink
from openkap.care.permissions import Permission


def links(uid: str) -> list[ChartLink]:
    return [
        ChartLink(
            "Registry", reverse("registry_use", args=[uid]), "registry_use", Permission.WITHDRAW_CONSENT
        )
    ]
