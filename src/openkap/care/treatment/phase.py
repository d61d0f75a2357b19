"""Whether somebody was ever given a dose: follow-up follows one."""

from __future__ import annotations

from django.db.models import OuterRef, Q, QuerySet

from openkap.care.treatment.models import Session
from openkap.care.treatment.planning.due_dates import GIVEN


def doses(patient: OuterRef) -> QuerySet[Session]:
    """The sessions with a dose under any record of the person of a row."""
    return Session.objects.filter(Q(patient=patient) | Q(patient__merged_into=patient), state__in=GIVEN)
