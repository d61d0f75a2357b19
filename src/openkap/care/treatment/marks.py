"""The dated points of treatment that other apps plan measures from and draw."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, Min, OuterRef, QuerySet

from openkap.care.contributions import CourseMark
from openkap.care.prepared import prepared
from openkap.care.treatment.models import Course, Session, Visit
from openkap.care.treatment.planning.due_dates import GIVEN

DONE = (Session.State.LEFT,)
PLANNED = (Session.State.PLANNED, Session.State.ARRIVED)
GIVEN_UP = (Session.State.ABORTED, Session.State.CANCELLED)


def marks(patient_ids: list[int]) -> list[CourseMark]:
    return [*_sessions(patient_ids), *_visits(patient_ids), *_courses(patient_ids)]


def _sessions(patient_ids: list[int]) -> list[CourseMark]:
    found = []
    for patient_id, state, starts_at, ends_at, uid, number in _all_sessions(patient_ids):
        label = f"session {number}"
        if state in DONE:
            found.append(CourseMark(patient_id, "session_done", ends_at, uid, label))
        elif state in PLANNED:
            found.append(CourseMark(patient_id, "session_planned", starts_at, uid, label))
        elif state in GIVEN_UP:
            found.append(CourseMark(patient_id, "session_missed", starts_at, uid, f"{label}, not held"))
    return found


def _visits(patient_ids: list[int]) -> list[CourseMark]:
    return [
        CourseMark(row.patient_id, "therapy", row.starts_at, row.uid, row.get_kind_display())
        for row in _visits_done(patient_ids)
    ]


def _courses(patient_ids: list[int]) -> list[CourseMark]:
    found = []
    for row in _all_courses(patient_ids):
        if row.first:
            found.append(CourseMark(row.patient_id, "course_start", row.first, row.uid, "course"))
        if row.ended_at and row.kind == Course.Kind.ACUTE:
            # A course in which no dose was given has nothing that could be followed up.
            kind, label = (
                ("course_end", "end of the course")
                if row.has_dose
                else ("course_given_up", "course given up before a dose")
            )
            found.append(CourseMark(row.patient_id, kind, row.ended_at, row.uid, label))
    return found


@prepared
def _all_sessions(patient_ids: list[int]) -> QuerySet[Session, tuple[Any, ...]]:
    rows = Session.objects.filter(patient_id__in=patient_ids)
    return rows.values_list("patient_id", "state", "starts_at", "ends_at", "uid", "number")


@prepared
def _visits_done(patient_ids: list[int]) -> QuerySet[Visit]:
    return Visit.objects.filter(patient_id__in=patient_ids, state=Visit.State.DONE)


@prepared
def _all_courses(patient_ids: list[int]) -> QuerySet[Any]:
    given = Session.objects.filter(course=OuterRef("pk"), state__in=GIVEN)
    rows = Course.objects.filter(patient_id__in=patient_ids)
    return rows.annotate(first=Min("sessions__starts_at"), has_dose=Exists(given))
