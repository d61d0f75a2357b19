"""What of treatment ends with a record: visits to come. A visit that was keeps its note to write."""

from __future__ import annotations

from openkap.care.accounts.actor import Actor
from openkap.care.moment import now
from openkap.care.treatment.models import Visit


def end(by: Actor, patient_ids: list[int], words: str) -> None:
    """Give the visits to come up; a course that runs is ended by whoever prescribes."""
    del by  # the closing itself is in the audit
    ahead = Visit.objects.filter(patient_id__in=patient_ids, state=Visit.State.PLANNED, starts_at__gt=now())
    ahead.update(state=Visit.State.CANCELLED, state_because=words)
