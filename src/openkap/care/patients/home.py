"""The patients' part of the home page: referrals that wait for a record."""

from __future__ import annotations

from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.patients.models import IncomingReferral
from openkap.care.permissions import Permission


def tasks(by: Actor) -> list[Task]:
    if not by.may(Permission.REGISTER_PATIENT):
        return []
    waiting = (
        IncomingReferral.objects.filter(clinic_id=by.clinic_id).defer("document").order_by("uploaded_at")
    )
    return [
        Task(
            "Open a record for an uploaded referral",
            reverse("incoming_referral", args=[row.uid]),
            note=row.file_name,
            due=row.uploaded_at,
            urgency="today",
        )
        for row in waiting[:20]
    ]
