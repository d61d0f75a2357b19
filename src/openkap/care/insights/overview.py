"""What the chart's overview says about the registry."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.timezone import localtime

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import BannerItem, Section
from openkap.care.insights.models import RegistryDecision
from openkap.care.permissions import Permission
from openkap.care.prepared import prepared


def sections(by: Actor, patient_ids: list[int], uid: str) -> list[Section]:
    if not by.may(Permission.WITHDRAW_CONSENT):
        return []
    lines = tuple(
        BannerItem("Use of data", f"{last.get_choice_display()}, {localtime(last.decided_at):%-d %b %Y}")
        for last in _newest(patient_ids)
    )
    url = reverse("registry_use", args=[uid])
    return [
        Section("Registry", lines, url, "Record a decision", "Not asked yet: no data go there.", order=80)
    ]


@prepared
def _newest(patient_ids: list[int]) -> QuerySet[RegistryDecision]:
    decided = RegistryDecision.objects.filter(patient_id__in=patient_ids)
    return decided.order_by("-decided_at", "-pk")[:1]
