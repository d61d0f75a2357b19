"""What waits in treatment, for whom: today's sessions, tests, notes, and courses to plan.

Sessions under way stand in the live page's own list.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.moment import now
from openkap.care.patients.access import scope_of, visible
from openkap.care.patients.models import Patient
from openkap.care.patients.queries import NAME, display_name, name_shown
from openkap.care.permissions import Permission
from openkap.care.prepared import prepared
from openkap.care.treatment.models import AdverseEvent, Course, DueItem, Session, Visit

MOST = 50
NAMED = 3
TODAY, WEEK = timedelta(hours=16), timedelta(days=7)
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
        found += _sessions(by)
    if by.may(Permission.RECORD_TEST):
        found += _tests(by)
    if by.may(Permission.PLAN_COURSE):
        found += _to_plan(by)
    if by.may(Permission.WRITE_THERAPY_NOTE):
        found += _visits(by)
    if by.may(Permission.PRESCRIBE):
        found += _to_report(by)
    return found


def _sessions(by: Actor) -> list[Task]:
    return [
        Task(
            "Answer the alerts" if row.waiting else NEXT[row.state],
            reverse("session", args=[row.patient.uid, row.uid]),
            display_name(row.patient.identity),
            row.starts_at if row.state == "planned" else None,
            "now" if row.waiting else "today",
            f"session {row.number}, {row.chair.name}",
        )
        for row in _open_before(*scope_of(by), now() + TODAY)
    ]


@prepared
def _open_before(clinic_id: int, staff_id: int, before: datetime) -> QuerySet[Any]:
    rows = Session.objects.filter(
        patient__in=visible(clinic_id, staff_id),
        state__in=NEXT,
        locked_at__isnull=True,
        starts_at__lt=before,
    )
    waiting = Count("alerts", filter=Q(alerts__acknowledged_at__isnull=True))
    return (
        rows.select_related("patient__identity", "chair")
        .annotate(waiting=waiting)
        .order_by("starts_at")[:MOST]
    )


def _tests(by: Actor) -> list[Task]:
    """One line a course: what is due within the week, or late."""
    of: dict[str, list[DueItem]] = defaultdict(list)
    for item in _due_before(*scope_of(by), now() + WEEK):
        of[item.course.uid].append(item)
    return [
        Task(
            "Do the tests",
            reverse("course", args=[items[0].patient.uid, course]) + "#due",
            display_name(items[0].patient.identity),
            items[0].due_at,
            "today" if items[0].due_at < now() else "soon",
            ", ".join(each.what for each in items[:NAMED])
            + (f" and {len(items) - NAMED} more" if len(items) > NAMED else ""),
        )
        for course, items in of.items()
    ]


@prepared
def _due_before(clinic_id: int, staff_id: int, before: datetime) -> QuerySet[DueItem]:
    rows = DueItem.objects.filter(
        patient__in=visible(clinic_id, staff_id),
        kind=DueItem.Kind.TEST,
        done_at__isnull=True,
        course__ended_at__isnull=True,
        due_at__lt=before,
    )
    return rows.select_related("patient__identity", "course").order_by("due_at", "id")[: MOST * 4]


def _to_plan(by: Actor) -> list[Task]:
    return [
        Task(
            "Plan the course",
            reverse("course_plan", args=[uid]),
            name_shown(*name),
            note="eligible, no course planned yet",
            since=since,
        )
        for uid, since, *name in _without_course(*scope_of(by))
    ]


@prepared
def _without_course(clinic_id: int, staff_id: int) -> QuerySet[Patient, tuple[Any, ...]]:
    rows = visible(clinic_id, staff_id).filter(
        ~Exists(Course.objects.filter(patient=OuterRef("pk"))), status=Patient.Status.ELIGIBLE
    )
    return rows.order_by("created_at").values_list("uid", "created_at", *NAME)[:MOST]


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
