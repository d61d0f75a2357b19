"""What waits in treatment, for whom: alerts first, then today's sessions, notes, and courses to plan.

Sessions under way stand in the live page's own list.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.moment import now
from openkap.care.patients.access import scope_of, visible
from openkap.care.patients.models import Patient
from openkap.care.patients.queries import NAME, display_name, name_shown
from openkap.care.permissions import Permission
from openkap.care.prepared import prepared
from openkap.care.treatment.models import AdverseEvent, Alert, Course, Session, Visit
from openkap.care.treatment.session_rows import UNDER_WAY

MOST = 50
TODAY = timedelta(hours=16)
# Session state -> what the nurse does next.
NEXT = {
    "planned": "Receive the patient",
    "arrived": "Go through the gates",
    "left": "Sign the record",
    "aborted": "Sign the record",
}


def tasks(by: Actor) -> list[Task]:
    """What must be done now, for whom, by when."""
    found: list[Task] = []
    if by.may(Permission.RECORD_SESSION):
        found += [*_alerts(by), *_sessions(by)]
    if by.may(Permission.PLAN_COURSE):
        found += _to_plan(by)
    if by.may(Permission.WRITE_THERAPY_NOTE):
        found += _visits(by)
    if by.may(Permission.PRESCRIBE):
        found += _to_report(by)
    return found


def _alerts(by: Actor) -> list[Task]:
    return [
        Task(
            "Answer the alert",
            reverse("session", args=[row.session.patient.uid, row.session.uid]),
            display_name(row.session.patient.identity),
            row.raised_at,
            "now",
            f"{row.rule}{', nobody has answered' if row.escalated_at else ''}",
        )
        for row in _unanswered(*scope_of(by))
    ]


@prepared
def _unanswered(clinic_id: int, staff_id: int) -> QuerySet[Alert]:
    waiting = Alert.objects.filter(
        acknowledged_at__isnull=True,
        session__locked_at__isnull=True,
        session__patient__in=visible(clinic_id, staff_id),
    ).exclude(session__state__in=UNDER_WAY)
    return waiting.select_related("session__patient__identity").order_by("raised_at")[:MOST]


def _sessions(by: Actor) -> list[Task]:
    return [
        Task(
            NEXT[row.state],
            reverse("session", args=[row.patient.uid, row.uid]),
            display_name(row.patient.identity),
            row.starts_at if row.state == "planned" else None,
            "today",
            f"session {row.number}, {row.chair.name}",
        )
        for row in _open_before(*scope_of(by), now() + TODAY)
    ]


@prepared
def _open_before(clinic_id: int, staff_id: int, before: datetime) -> QuerySet[Session]:
    rows = Session.objects.filter(
        patient__in=visible(clinic_id, staff_id),
        state__in=NEXT,
        locked_at__isnull=True,
        starts_at__lt=before,
    )
    return rows.select_related("patient__identity", "chair").order_by("starts_at")[:MOST]


def _to_plan(by: Actor) -> list[Task]:
    return [
        Task("Plan the course", reverse("course_plan", args=[uid]), name_shown(*name))
        for uid, *name in _without_course(*scope_of(by))
    ]


@prepared
def _without_course(clinic_id: int, staff_id: int) -> QuerySet[Patient, tuple[Any, ...]]:
    rows = visible(clinic_id, staff_id).filter(
        ~Exists(Course.objects.filter(patient=OuterRef("pk"))), status=Patient.Status.ELIGIBLE
    )
    return rows.order_by("created_at").values_list("uid", *NAME)[:MOST]


def _visits(by: Actor) -> list[Task]:
    return [
        Task(
            "Write the note" if row.starts_at < now() else f"See for {row.get_kind_display()}",
            reverse("visit", args=[row.patient.uid, row.uid]),
            display_name(row.patient.identity),
            row.starts_at,
            "today",
            row.get_kind_display(),
        )
        for row in _own_visits(*scope_of(by), now() + TODAY)
    ]


@prepared
def _own_visits(clinic_id: int, staff_id: int, before: datetime) -> QuerySet[Visit]:
    rows = Visit.objects.filter(
        therapist_id=staff_id,
        state=Visit.State.PLANNED,
        starts_at__lt=before,
        patient__in=visible(clinic_id, staff_id),
    )
    return rows.select_related("patient__identity").order_by("starts_at")[:MOST]


def _to_report(by: Actor) -> list[Task]:
    return [
        Task(
            "Report the serious adverse event",
            reverse("course", args=[row.patient.uid, row.session.course.uid]),
            display_name(row.patient.identity),
            urgency="now",
            note=f"{row.term}, recorded {row.entered_at:%d %b %H:%M}",
        )
        for row in _unreported(*scope_of(by))
        if row.session
    ]


@prepared
def _unreported(clinic_id: int, staff_id: int) -> QuerySet[AdverseEvent]:
    rows = AdverseEvent.objects.filter(
        is_serious=True,
        reported_at__isnull=True,
        corrected_by__isnull=True,
        patient__in=visible(clinic_id, staff_id),
    )
    return rows.select_related("patient__identity", "session__course").order_by("entered_at")[:MOST]
