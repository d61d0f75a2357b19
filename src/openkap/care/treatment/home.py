"""What waits in treatment, for whom: today's sessions, tests, notes, and courses to plan.

Sessions under way stand in the live page's own list.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.moment import now
from openkap.care.patients.access import scope_of, visible
from openkap.care.patients.queries import display_name
from openkap.care.permissions import Permission
from openkap.care.prepared import prepared
from openkap.care.treatment import after_withdrawal, home_planning
from openkap.care.treatment.models import AdverseEvent, DueItem, Session, Visit
from openkap.care.treatment.reporting import report_clock

MOST = 50
NAMED = 3
DUE = {DueItem.Kind.TEST: "Do the tests", DueItem.Kind.CONTACT: "Call: the contact after the dose is due"}
# A dose was given: the contact after it is due.
GIVEN = (Session.State.DOSING, Session.State.RECOVERY, Session.State.READY, Session.State.LEFT)
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
        found += _due(by)
    if by.may(Permission.PLAN_COURSE):
        found += home_planning.tasks(by)
    elif by.may(Permission.WRITE_THERAPY_NOTE):
        found += after_withdrawal.tasks_of_therapist(by)
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


def _due(by: Actor) -> list[Task]:
    """One line a course and kind: tests due within the week, contacts due today, and what is late of both."""
    of: dict[tuple[str, str], list[DueItem]] = defaultdict(list)
    for item in _due_before(*scope_of(by), now() + WEEK, now() + TODAY):
        of[item.course.uid, item.kind].append(item)
    return [
        Task(
            DUE[DueItem.Kind(kind)],
            reverse("course", args=[items[0].patient.uid, course]) + "#due",
            display_name(items[0].patient.identity),
            items[0].due_at,
            "today" if items[0].due_at < now() or kind == DueItem.Kind.CONTACT else "soon",
            ", ".join(each.what for each in items[:NAMED])
            + (f" and {len(items) - NAMED} more" if len(items) > NAMED else ""),
        )
        for (course, kind), items in of.items()
    ]


@prepared
def _due_before(clinic_id: int, staff_id: int, tests: datetime, contacts: datetime) -> QuerySet[DueItem]:
    # A contact belongs to a dose that was given; it stays due when the course has ended with that dose.
    contact = Q(kind=DueItem.Kind.CONTACT, due_at__lt=contacts, session__state__in=GIVEN)
    test = Q(kind=DueItem.Kind.TEST, due_at__lt=tests, course__ended_at__isnull=True)
    rows = DueItem.objects.filter(
        contact | test, patient__in=visible(clinic_id, staff_id), done_at__isnull=True
    )
    return rows.select_related("patient__identity", "course").order_by("due_at", "id")[: MOST * 4]


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
    return [_report(row) for row in _unreported(*scope_of(by))]


def _report(row: AdverseEvent) -> Task:
    """One serious event that nobody has reported, with its clock."""
    clock = report_clock(row)
    assert clock is not None
    uid = row.patient.uid
    known = f"{row.term}, known since {timezone.localtime(clock.known_at):%d %b %H:%M}"
    by_when = f"report by {timezone.localtime(clock.due):%d %b %H:%M}" if clock.due else clock.why
    return Task(
        "Report the serious adverse event",
        reverse("course", args=[uid, row.session.course.uid]) + "#adverse-events"
        if row.session
        else reverse("courses", args=[uid]),
        display_name(row.patient.identity),
        clock.due,
        "now",
        f"{known}, {by_when}",
    )


@prepared
def _unreported(clinic_id: int, staff_id: int) -> QuerySet[AdverseEvent]:
    rows = AdverseEvent.objects.filter(
        is_serious=True,
        reported_at__isnull=True,
        corrected_by__isnull=True,
        patient__in=visible(clinic_id, staff_id),
    )
    return rows.select_related("patient__identity", "session__course").order_by("entered_at")[:MOST]
