"""The dated points of treatment that other apps plan measures from and draw."""

from __future__ import annotations

from django.db.models import Min

from openkap.care.contributions import CourseMark
from openkap.care.treatment.models import Course, Session, Visit

DONE = (Session.State.READY, Session.State.LEFT)
PLANNED = (Session.State.PLANNED, Session.State.ARRIVED)
GIVEN_UP = (Session.State.ABORTED, Session.State.CANCELLED)


def marks(patient_ids: list[int]) -> list[CourseMark]:
    return [*_sessions(patient_ids), *_visits(patient_ids), *_courses(patient_ids)]


def _sessions(patient_ids: list[int]) -> list[CourseMark]:
    rows = Session.objects.filter(patient_id__in=patient_ids).values_list(
        "patient_id", "state", "starts_at", "ends_at", "uid", "number"
    )
    found = []
    for patient_id, state, starts_at, ends_at, uid, number in rows:
        label = f"session {number}"
        if state in DONE:
            found.append(CourseMark(patient_id, "session_done", ends_at, uid, label))
        elif state in PLANNED:
            found.append(CourseMark(patient_id, "session_planned", starts_at, uid, label))
        elif state in GIVEN_UP:
            found.append(CourseMark(patient_id, "session_missed", starts_at, uid, f"{label}, not held"))
    return found


def _visits(patient_ids: list[int]) -> list[CourseMark]:
    rows = Visit.objects.filter(patient_id__in=patient_ids, state=Visit.State.DONE)
    return [
        CourseMark(row.patient_id, "therapy", row.starts_at, row.uid, row.get_kind_display()) for row in rows
    ]


def _courses(patient_ids: list[int]) -> list[CourseMark]:
    rows = Course.objects.filter(patient_id__in=patient_ids).annotate(first=Min("sessions__starts_at"))
    found = []
    for row in rows:
        if row.first:
            found.append(CourseMark(row.patient_id, "course_start", row.first, row.uid, "course"))
        if row.ended_at and row.kind == Course.Kind.ACUTE:
            found.append(CourseMark(row.patient_id, "course_end", row.ended_at, row.uid, "end of the course"))
    return found
