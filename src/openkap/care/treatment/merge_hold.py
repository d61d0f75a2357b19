"""When a record cannot be merged into another: while something is under way in it."""

from __future__ import annotations

from openkap.care.treatment.models import Course, Session


def hold(patient_id: int) -> str:
    """What is under way under this record; empty when nothing is."""
    if Course.objects.filter(patient_id=patient_id, ended_at__isnull=True).exists():
        return "a course is running"
    begun = Session.objects.filter(patient_id=patient_id, locked_at__isnull=True).exclude(
        state__in=("planned", "cancelled")
    )
    return "a session is not locked yet" if begun.exists() else ""
