"""Reads for the pages of courses; plain values out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.timezone import localtime

from openkap.care.enrolment.protocols import protocol_of
from openkap.care.enrolment.queries import screening_outcome
from openkap.care.moment import now
from openkap.care.patients.models import Patient
from openkap.care.patients.out_of_care import DIED
from openkap.care.patients.queries import closing_of
from openkap.care.treatment.course.due_actions import TICKED
from openkap.care.treatment.course.rules import rules_of
from openkap.care.treatment.models import (
    AdverseEvent,
    Course,
    DueItem,
    MaintenancePlan,
    Session,
    Visit,
)
from openkap.care.treatment.monitoring.reporting import report_clock
from openkap.care.treatment.planning.due_dates import GIVEN
from openkap.care.treatment.planning.handover_queries import handovers_of
from openkap.care.treatment.planning.held import (
    held_since,
    session_says,
    visit_says,
    with_withdrawal,
    withdrawn_words,
)
from openkap.care.treatment.planning.plan import window_of
from openkap.care.treatment.rows.how_it_ended import left_early, more_words, state_words, with_endings
from openkap.protocol.model import Protocol

MOST = 200


@dataclass(frozen=True, slots=True)
class Dated:
    """One line of the plan."""

    at: datetime
    kind: str
    title: str
    who: str
    where: str
    state: str
    tone: str
    url: str
    move_url: str = ""
    note: str = ""
    move_words: str = "Move"


TONES = {"planned": "plain", "done": "good", "left": "good", "missed": "watch", "cancelled": "plain"}


def plan_lines(course: Course) -> list[Dated]:
    """Sessions and visits of a course in the order of time."""
    protocol = protocol_of(course.protocol, course.protocol_version)
    uid, lines = course.patient.uid, []
    sessions = with_endings(
        Session.objects.filter(course=course).select_related("chair", "nurse", "replanning__in_its_place")
    )
    for row in with_withdrawal(sessions):
        move_url, move_words = _change_of(course, row)
        held = session_says(row.state, row.withdrawn_at)
        lines.append(
            Dated(
                row.starts_at,
                "session",
                f"Session {row.number}",
                row.nurse.name,
                row.chair.name,
                held or state_words(row),
                "alarm" if held else ("watch" if left_early(row) else TONES.get(row.state, "watch")),
                reverse("session", args=[uid, row.uid]),
                move_url,
                "; ".join(filter(None, (more_words(row), row.state_because, replanned_words(row)))),
                move_words,
            )
        )
    visits = Visit.objects.filter(course=course).select_related("therapist", "session")
    for visit in with_withdrawal(visits):
        says = visit_says(visit.kind, visit.state, visit.starts_at, visit.withdrawn_at) or _unwritten(visit)
        note = visit.state_because
        if visit.kind == Visit.Kind.INTEGRATION and visit.session and visit.state == "planned":
            low, high = window_of(protocol, visit.session.starts_at)
            note = f"window {localtime(low):%-d %b %H:%M} to {localtime(high):%-d %b %H:%M}"
        lines.append(
            Dated(
                visit.starts_at,
                "visit",
                f"{visit.get_kind_display().capitalize()} {visit.number}",
                visit.therapist.name,
                f"{visit.minutes} min",
                says or visit.get_state_display(),
                "watch" if says else TONES.get(visit.state, "watch"),
                reverse("visit", args=[uid, visit.uid]),
                reverse("visit_move", args=[uid, visit.uid]) if _moves_alone(visit) else "",
                note,
            )
        )
    return sorted(lines, key=lambda line: line.at)


def _unwritten(visit: Visit) -> str:
    """That the time of a visit has passed and nobody has said whether it took place."""
    is_over = visit.starts_at + timedelta(minutes=visit.minutes) < now()
    return "over: note or absence missing" if is_over and visit.state == Visit.State.PLANNED else ""


def _moves_alone(visit: Visit) -> bool:
    return visit.state == Visit.State.PLANNED and visit.kind != Visit.Kind.DOSING_DAY


def _change_of(course: Course, row: Session) -> tuple[str, str]:
    """Where the date of a session is changed, and what that is called."""
    where = [course.patient.uid, row.uid]
    if row.state == Session.State.PLANNED:
        return reverse("session_move", args=where), "Move"
    if row.state == Session.State.ABORTED and not hasattr(row, "replanning") and course.ended_at is None:
        return reverse("session_replan", args=where), "Add a session in its place"
    return "", ""


def replanned_words(row: Session) -> str:
    """What was decided after a visit without a dose."""
    decided = getattr(row, "replanning", None)
    if decided is None:
        return ""
    if decided.in_its_place is None:
        return f"none in its place: {decided.reason}"
    return f"in its place: session {decided.in_its_place.number}"


def course_page(course: Course) -> dict[str, Any]:
    """Everything the page of a course shows."""
    protocol = protocol_of(course.protocol, course.protocol_version)
    items = list(
        DueItem.objects.filter(course=course, kind__in=TICKED)
        .select_related("done_by", "session")
        .order_by("due_at", "id")[:MOST]
    )
    rules, groups = rules_of(course), list(_due_groups(course, items))
    return {
        "course": course,
        "protocol": protocol,
        "pattern": _pattern_title(protocol, course),
        "maintenance": MaintenancePlan.objects.filter(course=course).first()
        if course.kind == Course.Kind.MAINTENANCE
        else None,
        "lines": plan_lines(course),
        "handovers": handovers_of(course),
        "rules": rules,
        "rules_met": [each for each in rules if each.state == "met"],
        "rules_rest": [each for each in rules if each.state != "met"],
        "rules_judged": sum(each.state == "judge" for each in rules),
        "due_late": [group for group in groups if group.is_late],
        "due_contact_late": any(
            item.kind == DueItem.Kind.CONTACT for group in groups if group.is_late for item in group.items
        ),
        "due_later": [group for group in groups if not group.is_late],
        "done_items": [each for each in items if each.done_at],
        "adverse_events": [(row, report_clock(row)) for row in _adverse_events(course)],
    }


def title_of_course(course: Course) -> str:
    """What the protocol of a course calls it."""
    return _pattern_title(protocol_of(course.protocol, course.protocol_version), course)


def _pattern_title(protocol: Protocol, course: Course) -> str:
    """What the protocol calls the course; its id where the protocol has no such course any more."""
    return next((each.title for each in protocol.courses if each.id == course.pattern), course.pattern)


def given_of(course: Course) -> dict[str, int]:
    """How many sessions of a course were planned, and in how many a dose was given."""
    states = list(course.sessions.values_list("state", flat=True))
    return {"planned": len(states), "given": sum(state in GIVEN for state in states)}


def _adverse_events(course: Course) -> QuerySet[AdverseEvent]:
    """The patient's adverse events as they stand, newest first; what they were is on the session's page."""
    rows = AdverseEvent.objects.filter(patient=course.patient, corrected_by__isnull=True)
    people = rows.select_related("session__course", "entered_by", "reported_by")
    return people.order_by("-onset_at")[:MOST]


@dataclass(frozen=True, slots=True)
class DueGroup:
    """What the plan asks for at one time."""

    when: str
    due_at: datetime
    is_late: bool
    items: list[DueItem]


def _due_groups(course: Course, items: list[DueItem]) -> Iterator[DueGroup]:
    """What is still open, by time; after the course only the contacts of doses that were given."""
    waiting = [each for each in items if each.done_at is None]
    if course.ended_at is not None:
        waiting = [] if _has_died(course.patient) else [each for each in waiting if _of_a_given_dose(each)]
    for (due_at, when), group in groupby(waiting, key=lambda each: (each.due_at, each.when)):
        yield DueGroup(when, due_at, due_at < now(), list(group))


def _of_a_given_dose(item: DueItem) -> bool:
    return item.kind == DueItem.Kind.CONTACT and item.session is not None and item.session.state in GIVEN


def _has_died(patient: Patient) -> bool:
    closing = closing_of(patient)
    return closing is not None and closing.reason == DIED


def courses_page(patient: Patient) -> dict[str, Any]:
    """All courses of a patient and whether another can be planned."""
    rows = list(
        Course.objects.filter(patient=patient)
        .select_related("therapist", "prescriber")
        .order_by("-planned_at")
    )
    protocols = [protocol_of(row.protocol, row.protocol_version) for row in rows]
    since = held_since(patient.pk)
    return {
        "courses": [
            (row, protocol.title, _pattern_title(protocol, row))
            for row, protocol in zip(rows, protocols, strict=True)
        ],
        "held": f"held: {withdrawn_words(since)}" if since else "",
        "is_running": any(row.ended_at is None for row in rows),
        "outcome": screening_outcome(patient),
    }
