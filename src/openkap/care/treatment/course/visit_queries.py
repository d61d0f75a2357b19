"""Therapy visits: the list of whoever holds them, and one with its window, its notes and their form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.enrolment.protocols import protocol_of
from openkap.care.moment import now
from openkap.care.patients.access import patients_of
from openkap.care.patients.queries import display_name
from openkap.care.permissions import Permission
from openkap.care.treatment.course.therapy_actions import (
    FIDELITY,
    checklist_of,
    modalities_of,
    usual_modality,
)
from openkap.care.treatment.models import Note, Visit
from openkap.care.treatment.planning.held import held_since, visit_says, with_withdrawal
from openkap.care.treatment.planning.plan import window_of

MOST = 200


@dataclass(frozen=True, slots=True)
class MyVisit:
    """One visit on the therapist's own page."""

    uid: str
    patient: str
    whom: str
    kind: str
    starts_at: datetime
    minutes: int
    window: tuple[datetime, datetime] | None
    url: str
    is_past: bool
    # After a withdrawal: that it may go on, or is held with its dose.
    says: str = ""

    @property
    def is_outside(self) -> bool:
        """It would come too early or too late after the dose."""
        return self.window is not None and not self.window[0] <= self.starts_at <= self.window[1]


def my_visits(by: Actor) -> list[MyVisit]:
    """The person's own planned visits, those without a note first, with their windows."""
    rows = (
        Visit.objects.filter(
            therapist_id=by.staff_id,
            state=Visit.State.PLANNED,
            patient__in=patients_of(by, Permission.READ_THERAPY_NOTE),
            starts_at__lt=now() + timedelta(days=60),
        )
        .select_related("patient__identity", "session", "course")
        .order_by("starts_at")
    )
    told = []
    for row in with_withdrawal(rows)[:MOST]:
        window = None
        if row.kind == Visit.Kind.INTEGRATION and row.session:
            protocol = protocol_of(row.course.protocol, row.course.protocol_version)
            window = window_of(protocol, row.session.starts_at)
        told.append(
            MyVisit(
                row.uid,
                row.patient.uid,
                display_name(row.patient.identity),
                row.get_kind_display(),
                row.starts_at,
                row.minutes,
                window,
                reverse("visit", args=[row.patient.uid, row.uid]),
                row.starts_at < now(),
                visit_says(row.kind, row.state, row.starts_at, row.withdrawn_at),
            )
        )
    return told


def visit_page(visit: Visit) -> dict[str, Any]:
    """One visit: its window, its notes, and what a withdrawal makes of it."""
    window = None
    if visit.kind == Visit.Kind.INTEGRATION and visit.session:
        protocol = protocol_of(visit.course.protocol, visit.course.protocol_version)
        window = window_of(protocol, visit.session.starts_at)
    notes = list(
        Note.objects.filter(visit=visit)
        .select_related("written_by", "corrects", "corrected_by")
        .order_by("-id")
    )
    return {
        "visit": visit,
        "says": visit_says(visit.kind, visit.state, visit.starts_at, held_since(visit.patient_id)),
        "window": window,
        "notes": notes,
        "current": notes[0] if notes else None,
    }


def note_form(visit: Visit, typed: Mapping[str, str], current: Note | None) -> dict[str, Any]:
    """The way of working and the checklist of the note form: as typed, else as noted, else as planned."""
    possible = modalities_of(visit)
    said = [typed.get("modality", ""), current.modality if current else "", usual_modality(visit)]
    modality = next((each for each in said if each in possible), "")
    checklist = checklist_of(visit, modality)
    if not typed:
        noted = current.fidelity if current else {}
        ticks = [noted.get(item, "") for item in checklist.items]
    elif typed.get("checklist", checklist.id) == checklist.id:
        ticks = [typed.get(f"tick-{index}", "") for index in range(len(checklist.items))]
    else:
        ticks = [""] * len(checklist.items)
    return {
        "modalities": possible.items(),
        "modality": modality,
        "checklist": checklist,
        "ticks": list(zip(checklist.items, ticks, strict=True)),
        "tick_choices": [(each, each.replace("_", " ")) for each in FIDELITY],
    }
