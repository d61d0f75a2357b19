"""When consent cannot be taken: while a dose acts and the patient has not left."""

from __future__ import annotations

from openkap.care.treatment.models import Session
from openkap.care.treatment.rows.acts import RUNNING


def hold(patient_id: int) -> str:
    """Why no consent can be signed now; empty when it can."""
    acting = Session.objects.filter(patient_id=patient_id, state__in=RUNNING)
    return "a dose was given today and the patient has not left yet" if acting.exists() else ""
