"""What of treatment ends with a record: visits to come, and the release of a dose that has not begun.

A visit that was keeps its note to write; a session goes on to its signed record.
"""

from __future__ import annotations

from django.db.models import QuerySet

from openkap.care.accounts.actor import Actor
from openkap.care.moment import now
from openkap.care.treatment.models import Session, Visit
from openkap.care.treatment.release.actions import look_again
from openkap.care.treatment.rows.acts import BEFORE


def hold(patient_ids: list[int]) -> None:
    """Until the record is closed nobody acts in a session before its dose, or on a visit to come."""
    for rows in (_before(patient_ids), _ahead(patient_ids)):
        list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))


def end(by: Actor, patient_ids: list[int], words: str) -> None:
    """Give the visits to come up; a course that runs is ended by whoever prescribes."""
    _ahead(patient_ids).update(state=Visit.State.CANCELLED, state_because=words)
    for session in _before(patient_ids).select_related("course", "patient__clinic"):
        look_again(by, session)


def _before(patient_ids: list[int]) -> QuerySet[Session]:
    return Session.objects.filter(patient_id__in=patient_ids, state__in=BEFORE, locked_at__isnull=True)


def _ahead(patient_ids: list[int]) -> QuerySet[Visit]:
    planned = Visit.objects.filter(patient_id__in=patient_ids, state=Visit.State.PLANNED)
    return planned.filter(starts_at__gt=now())
