"""The patients' part of the home page: referrals that wait for a record, identities to erase."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.first_lines import first_lines
from openkap.care.patients.erasing import open_erasures
from openkap.care.patients.models import IncomingReferral
from openkap.care.permissions import Permission

MOST = 20


def tasks(by: Actor) -> list[Task]:
    found = _to_confirm(by) if by.may(Permission.CONFIRM_ERASURE) else []
    if by.may(Permission.REGISTER_PATIENT):
        found += _uploaded(by)
    return found


def _to_confirm(by: Actor) -> list[Task]:
    return [
        Task(
            "Confirm or call off: erase an identity",
            reverse("erasure", args=[row.uid]),
            row.patient.code,
            note=f"proposed by {row.proposed_by.name}",
            since=row.proposed_at,
        )
        for row in open_erasures(by)
    ]


def _uploaded(by: Actor) -> list[Task]:
    waiting = _waiting(by.clinic_id)
    return waiting.rest("today") + [
        Task(
            "Open a record for an uploaded referral",
            reverse("incoming_referral", args=[row.uid]),
            note=row.file_name,
            due=row.uploaded_at,
            urgency="today",
        )
        for row in waiting
    ]


@first_lines(MOST, "uploaded referrals")
def _waiting(clinic_id: int) -> QuerySet[IncomingReferral]:
    sent = IncomingReferral.objects.filter(clinic_id=clinic_id).defer("document")
    return sent.order_by("uploaded_at", "id")
