"""When an identity is still needed: while an alarming answer is open."""

from __future__ import annotations

from openkap.care.outcomes.models import SafetySignal


def hold(patient_id: int) -> str:
    """What is open under this record; empty when nothing is."""
    is_open = SafetySignal.objects.filter(patient_id=patient_id, closed_at__isnull=True).exists()
    return "an alarming answer is open" if is_open else ""
