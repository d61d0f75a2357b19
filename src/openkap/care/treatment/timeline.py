"""Marks of treatment on the patient's timeline."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from openkap.care.contributions import TimelineEvent
from openkap.care.ids import addresses
from openkap.care.prepared import prepared
from openkap.care.treatment.models import AdverseEvent, Course, Session, Visit


def events(patient_ids: list[int]) -> list[TimelineEvent]:
    """Courses, sessions that took place, therapy visits, adverse events."""
    found: list[TimelineEvent] = []
    for course in Course.objects.filter(patient_id__in=patient_ids).select_related("patient"):
        url = reverse("course", args=[course.patient.uid, course.uid])
        found.append(TimelineEvent(course.planned_at, "course", "Course planned", url, course.pattern))
        if course.ended_at:
            found.append(TimelineEvent(course.ended_at, "course", "Course ended", url, course.ended_because))
    for patient, uid, number, starts_at, state, because in _held(patient_ids):
        url = addresses("session", patient)(uid)
        tone = "watch" if state == "aborted" else "good"
        found.append(TimelineEvent(starts_at, "session", f"Session {number}", url, because, tone))
    visits = Visit.objects.filter(patient_id__in=patient_ids, state__in=("done", "missed")).select_related(
        "patient", "course"
    )
    for visit in visits:
        # Everybody on the team may see the course; the visit itself opens to those who read its notes.
        url = reverse("course", args=[visit.patient.uid, visit.course.uid])
        tone = "plain" if visit.state == "done" else "watch"
        title = visit.get_kind_display().capitalize()
        found.append(TimelineEvent(visit.starts_at, "therapy", title, url, visit.state_because, tone))
    for event in AdverseEvent.objects.filter(AdverseEvent.STANDS, patient_id__in=patient_ids):
        tone = "alarm" if event.is_serious else "watch"
        detail = f"grade {event.grade}"
        found.append(
            TimelineEvent(event.onset_at, "adverse event", event.term.capitalize(), "", detail, tone)
        )
    return found


@prepared
def _held(patient_ids: list[int]) -> QuerySet[Session, tuple[Any, ...]]:
    # Columns and not rows: a patient may have a thousand.
    sessions = Session.objects.filter(patient_id__in=patient_ids, state__in=("left", "aborted"))
    return sessions.values_list("patient__uid", "uid", "number", "starts_at", "state", "state_because")
