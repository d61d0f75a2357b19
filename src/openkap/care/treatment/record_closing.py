"""What of treatment ends with a record: visits to come, and the release of a dose that has not begun.

A visit that was keeps its note to write; a session goes on to its signed record.
"""

from __future__ import annotations

from openkap.care.accounts.actor import Actor
from openkap.care.moment import now
from openkap.care.treatment.models import Session, Visit
from openkap.care.treatment.release.actions import look_again
from openkap.care.treatment.rows.acts import BEFORE


def end(by: Actor, patient_ids: list[int], words: str) -> None:
    """Give the visits to come up; a course that runs is ended by whoever prescribes."""
    ahead = Visit.objects.filter(patient_id__in=patient_ids, state=Visit.State.PLANNED, starts_at__gt=now())
    ahead.update(state=Visit.State.CANCELLED, state_because=words)
    before = Session.objects.filter(patient_id__in=patient_ids, state__in=BEFORE, locked_at__isnull=True)
    for session in before.select_for_update(of=("self",)).select_related("course", "patient__clinic"):
        look_again(by, session)
