"""What waits in treatment, for whom: alerts first, then today's sessions, notes, and courses to plan."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.moment import now
from openkap.care.patients.access import patients_of
from openkap.care.patients.models import Patient
from openkap.care.patients.queries import display_name
from openkap.care.permissions import Permission
from openkap.care.treatment.models import AdverseEvent, Alert, Course, Session, Visit

MOST = 50
TODAY = timedelta(hours=16)
# Session state -> what the nurse does next.
NEXT = {
    "planned": "Receive the patient",
    "arrived": "Go through the gates",
    "cleared": "Start the dose",
    "dosing": "Watch the dose",
    "recovery": "Watch the recovery",
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
    rows = Alert.objects.filter(
        acknowledged_at__isnull=True, session__locked_at__isnull=True, session__patient__in=patients_of(by)
    ).select_related("session__patient__identity")
    return [
        Task(
            "Answer the alert",
            reverse("session", args=[row.session.patient.uid, row.session.uid]),
            display_name(row.session.patient.identity),
            row.raised_at,
            "now",
            f"{row.rule}{', nobody has answered' if row.escalated_at else ''}",
        )
        for row in rows.order_by("raised_at")[:MOST]
    ]


def _sessions(by: Actor) -> list[Task]:
    rows = (
        Session.objects.filter(patient__in=patients_of(by), state__in=NEXT, locked_at__isnull=True)
        .filter(starts_at__lt=now() + TODAY)
        .select_related("patient__identity", "chair")
    )
    return [
        Task(
            NEXT[row.state],
            reverse("session", args=[row.patient.uid, row.uid]),
            display_name(row.patient.identity),
            row.starts_at if row.state == "planned" else None,
            "now" if row.state in ("dosing", "recovery") else "today",
            f"session {row.number}, {row.chair.name}",
        )
        for row in rows.order_by("starts_at")[:MOST]
    ]


def _to_plan(by: Actor) -> list[Task]:
    rows = patients_of(by).filter(
        ~Exists(Course.objects.filter(patient=OuterRef("pk"))), status=Patient.Status.ELIGIBLE
    )
    return [
        Task("Plan the course", reverse("course_plan", args=[row.uid]), display_name(row.identity))
        for row in rows.select_related("identity").order_by("created_at")[:MOST]
    ]


def _visits(by: Actor) -> list[Task]:
    rows = Visit.objects.filter(
        therapist_id=by.staff_id,
        state=Visit.State.PLANNED,
        starts_at__lt=now() + TODAY,
        patient__in=patients_of(by),
    ).select_related("patient__identity")
    return [
        Task(
            "Write the note" if row.starts_at < now() else f"See for {row.get_kind_display()}",
            reverse("visit", args=[row.patient.uid, row.uid]),
            display_name(row.patient.identity),
            row.starts_at,
            "today",
            row.get_kind_display(),
        )
        for row in rows.order_by("starts_at")[:MOST]
    ]


def _to_report(by: Actor) -> list[Task]:
    rows = AdverseEvent.objects.filter(
        is_serious=True, reported_at__isnull=True, corrected_by__isnull=True, patient__in=patients_of(by)
    ).select_related("patient__identity", "session__course")
    return [
        Task(
            "Report the serious adverse event",
            reverse("course", args=[row.patient.uid, row.session.course.uid]),
            display_name(row.patient.identity),
            urgency="now",
            note=f"{row.term}, recorded {row.entered_at:%d %b %H:%M}",
        )
        for row in rows.order_by("entered_at")[:MOST]
        if row.session
    ]
