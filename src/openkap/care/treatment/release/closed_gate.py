"""Under a closed record, or of somebody whose death is recorded, no dose begins: a gate that says which."""

from __future__ import annotations

from django.db.models import QuerySet

from openkap.care.patients.models import Closing
from openkap.care.patients.out_of_care import DIED, standing_closings
from openkap.care.prepared import prepared
from openkap.care.treatment.release.gates import Gate, Hold, Running
from openkap.protocol.rules import Action

REMEDY = "make sure whose record this is; whoever plans reopens it on the chart, with a reason"


def closed_gates(patient_id: int) -> list[Gate]:
    """Nothing while the person is treated here."""
    return [_gate(row) for row in _closing(patient_id)]


def _gate(row: Closing) -> Gate:
    is_death = row.reason == DIED
    title = "The record says that the patient has died" if is_death else "The record is closed"
    hold = Hold("closed", title, f"{REMEDY[:1].upper()}{REMEDY[1:]}.", "", Action.BLOCK_START)
    day = f"{row.died_on:%-d %b %Y}" if row.died_on else "day not known"
    return Gate(
        hold,
        "shut",
        day if is_death else row.get_reason_display(),
        "",
        (),
        remedy=REMEDY,
        running=Running("Make sure who this is, and whose record is open.", row.closed_by.name),
    )


@prepared
def _closing(patient_id: int) -> QuerySet[Closing]:
    return standing_closings(patient_id).select_related("closed_by")[:1]
