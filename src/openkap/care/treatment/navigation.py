"""The chart's navigation for treatment."""

from __future__ import annotations

from django.urls import reverse

from openkap.care.contributions import ChartLink
from openkap.care.permissions import Permission


def links(uid: str) -> list[ChartLink]:
    folders = ("sessions", "visits")
    return [ChartLink("Course", reverse("courses", args=[uid]), "courses", Permission.SEE_PATIENT, folders)]
