"""A patient withdraws: whoever stands at the pump hears of it at once, and a release is taken back."""

from __future__ import annotations

from datetime import datetime

from openkap.care.accounts.actor import Actor
from openkap.care.patients.same_person import same_person
from openkap.care.treatment.models import Session
from openkap.care.treatment.monitoring.alert_actions import dosing_without_consent
from openkap.care.treatment.release.actions import look_again
from openkap.care.treatment.rows.acts import BEFORE, RUNNING, State


def withdrawn(by: Actor, patient_id: int, at: datetime) -> None:
    """Every open session of the person: its tablets look anew; a dose that runs raises an alert."""
    rows = Session.objects.filter(patient__in=same_person(patient_id), state__in=(*BEFORE, *RUNNING))
    held = rows.filter(locked_at__isnull=True).select_for_update(of=("self",))
    for session in held.select_related("course", "patient__clinic", "nurse", "prescriber"):
        # What the tablets show of consent is part of the state, and has changed.
        session.version += 1
        session.save(update_fields=["version"])
        if session.state == State.DOSING:
            dosing_without_consent(session, at)
        look_again(by, session)
