"""A patient withdraws: whoever stands at the pump hears of it at once, and a release is taken back."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from openkap.care.accounts.actor import Actor
from openkap.care.patients.same_person import same_person
from openkap.care.treatment.models import Session
from openkap.care.treatment.monitoring.alert_actions import dosing_without_consent
from openkap.care.treatment.release.actions import look_again
from openkap.care.treatment.rows.acts import BEFORE, RUNNING, State


def hold(patient_id: int) -> None:
    """Until the withdrawal is written nobody arrives, starts or goes on in a session of the person."""
    rows = _not_over(patient_id, State.PLANNED, *BEFORE, *RUNNING).order_by("pk")
    list(rows.select_for_update().values_list("pk", flat=True))


def withdrawn(by: Actor, patient_id: int, at: datetime) -> None:
    """Every open session of the person: its tablets look anew; a dose that runs raises an alert."""
    open_now = _not_over(patient_id, *BEFORE, *RUNNING)
    for session in open_now.select_related("course", "patient__clinic", "nurse", "prescriber"):
        # What the tablets show of consent is part of the state, and has changed.
        session.version += 1
        session.save(update_fields=["version"])
        if session.state == State.DOSING:
            dosing_without_consent(session, at)
        look_again(by, session)


def _not_over(patient_id: int, *states: str) -> QuerySet[Session]:
    return Session.objects.filter(
        patient__in=same_person(patient_id), state__in=states, locked_at__isnull=True
    )
