"""What the chart says first of outcomes: the last score, with the way to its curve."""

from __future__ import annotations

from dataclasses import replace

from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import BannerItem
from openkap.care.outcomes.follow_up import follow_up, form_of
from openkap.care.permissions import Permission


def lines(by: Actor, patient_ids: list[int], uid: str, banner: tuple[BannerItem, ...]) -> list[BannerItem]:
    """The score as the banner has read it for this page."""
    if not by.may(Permission.SEE_OUTCOMES):
        return []
    short = form_of(follow_up().relapse.instrument).short
    return [replace(item, url=reverse("outcomes", args=[uid])) for item in banner if item.label == short]
