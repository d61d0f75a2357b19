"""The patients' part of the chart's navigation."""

from __future__ import annotations

from django.urls import reverse

from openkap.care.contributions import ChartLink
from openkap.care.permissions import Permission

# label, URL name, right
_LINKS = (
    ("Overview", "patient", Permission.SEE_PATIENT),
    ("Timeline", "patient_timeline", Permission.SEE_PATIENT),
    ("Person", "patient_identity", Permission.EDIT_PATIENT),
)


def links(uid: str) -> list[ChartLink]:
    return [ChartLink(label, reverse(name, args=[uid]), name, right) for label, name, right in _LINKS]
