"""What the lead has to do about the registry: look when the night's extract went wrong."""

from __future__ import annotations

from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.insights.access import runs_for
from openkap.care.insights.jobs import is_lost
from openkap.care.permissions import Permission


def tasks(by: Actor) -> list[Task]:
    if not by.may(Permission.SEE_AGGREGATES):
        return []
    last = runs_for(by).first()
    if last is None or not (last.trouble or is_lost(last)):
        return []
    why = last.trouble or "it did not finish"
    return [Task("Look at the last extract", reverse("insights"), "the registry", urgency="today", note=why)]
