"""Serious adverse events that nobody has reported, each with its clock."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.first_lines import first_lines
from openkap.care.patients.access import scope_of, visible
from openkap.care.patients.queries import display_name
from openkap.care.treatment.models import AdverseEvent
from openkap.care.treatment.monitoring.reporting import report_clock

MOST = 50


def tasks(by: Actor) -> list[Task]:
    """What is to be reported, and by when."""
    waiting = _unreported(*scope_of(by))
    return waiting.rest("now") + [_report(row) for row in waiting]


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


@first_lines(MOST, "serious events to report")
def _unreported(clinic_id: int, staff_id: int) -> QuerySet[AdverseEvent]:
    rows = AdverseEvent.objects.filter(
        AdverseEvent.STANDS,
        is_serious=True,
        reported_at__isnull=True,
        patient__in=visible(clinic_id, staff_id),
    )
    return rows.select_related("patient__identity", "session__course").order_by("entered_at", "id")
