"""Marks of treatment on the patient's timeline."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet
from django.urls import reverse

from openkap.care.contributions import TimelineEvent
from openkap.care.ids import addresses
from openkap.care.moment import now
from openkap.care.prepared import prepared
from openkap.care.treatment.marks import DONE, GIVEN_UP
from openkap.care.treatment.models import AdverseEvent, Course, Session, Visit
from openkap.care.treatment.queries import title_of_course
from openkap.care.treatment.rows.acts import BEFORE, RUNNING
from openkap.care.treatment.rows.how_it_ended import WITHOUT_A_DOSE


def events(patient_ids: list[int]) -> list[TimelineEvent]:
    """Courses, sessions that took place or did not, therapy visits, adverse events; nothing yet to come."""
    found: list[TimelineEvent] = []
    for course in Course.objects.filter(patient_id__in=patient_ids).select_related("patient"):
        url = reverse("course", args=[course.patient.uid, course.uid])
        found.append(
            TimelineEvent(course.planned_at, "course", "Course planned", url, title_of_course(course))
        )
        if course.ended_at:
            found.append(TimelineEvent(course.ended_at, "course", "Course ended", url, course.ended_because))
    for patient, uid, number, starts_at, state, came, because in _sessions(patient_ids, now()):
        url = addresses("session", patient)(uid)
        says = WITHOUT_A_DOSE[came] if state == Session.State.ABORTED else Session.State(state).label
        title = f"Session {number}" if state in DONE else f"Session {number}: {says}"
        tone = "good" if state in DONE else "watch"
        found.append(TimelineEvent(starts_at, "session", title, url, because, tone))
    visits = Visit.objects.filter(patient_id__in=patient_ids, state__in=("done", "missed")).select_related(
        "patient", "course"
    )
    for visit in visits:
        # Everybody on the team may see the course; the visit itself opens to those who read its notes.
        url = reverse("course", args=[visit.patient.uid, visit.course.uid])
        tone = "plain" if visit.state == "done" else "watch"
        title = visit.get_kind_display().capitalize() + (": missed" if visit.state == "missed" else "")
        found.append(TimelineEvent(visit.starts_at, "therapy", title, url, visit.state_because, tone))
    for event in AdverseEvent.objects.filter(AdverseEvent.STANDS, patient_id__in=patient_ids):
        tone = "alarm" if event.is_serious else "watch"
        detail = f"grade {event.grade}"
        found.append(
            TimelineEvent(event.onset_at, "adverse event", event.term.capitalize(), "", detail, tone)
        )
    return found


@prepared
def _sessions(patient_ids: list[int], moment: datetime) -> QuerySet[Session, tuple[Any, ...]]:
    # Of what went with the rest of a course, the end of the course says why.
    went_with_it = Q(state=Session.State.CANCELLED, course__ended_at__lte=F("starts_at"))
    to_come = Q(state=Session.State.CANCELLED, starts_at__gt=moment)
    sessions = Session.objects.filter(
        patient_id__in=patient_ids, state__in=(*DONE, *GIVEN_UP, *BEFORE, *RUNNING)
    ).exclude(went_with_it | to_come)
    # Columns and not rows: a patient may have a thousand.
    return sessions.values_list(
        "patient__uid", "uid", "number", "starts_at", "state", "came", "state_because"
    )
