"""When an identity is still needed: while a serious adverse event is not reported or has not ended."""

from __future__ import annotations

from django.db.models import Q

from openkap.care.treatment.models import AdverseEvent

ENDED = ("recovered", "recovered with after-effects", "fatal")


def hold(patient_id: int) -> str:
    """What is open under this record; empty when nothing is."""
    events = AdverseEvent.objects.filter(AdverseEvent.STANDS, patient_id=patient_id, is_serious=True)
    is_open = events.filter(Q(reported_at__isnull=True) | ~Q(outcome__in=ENDED))
    return "a serious adverse event is open" if is_open.exists() else ""
