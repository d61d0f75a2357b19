"""A running course whose patient has withdrawn consent: what is planned is held until somebody decides."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.timezone import localtime

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import Task
from openkap.care.first_lines import first_lines
from openkap.care.patients.access import in_care, scope_of
from openkap.care.patients.models import Patient
from openkap.care.patients.queries import NAME, name_shown
from openkap.care.treatment.models import Course, Visit
from openkap.care.treatment.planning.held import with_withdrawal

MOST = 50


def courses_after_withdrawal(patients: QuerySet[Patient]) -> QuerySet[Any]:
    """Courses that run although no consent has followed the last withdrawal, with its moment."""
    running = Course.objects.filter(patient__in=patients, ended_at__isnull=True)
    return with_withdrawal(running).filter(withdrawn_at__isnull=False)


def tasks_of_therapist(by: Actor) -> list[Task]:
    """Courses after a withdrawal in which the person gives the therapy."""
    waiting = _with_therapist(*scope_of(by))
    return waiting.rest("today") + [
        decide_on_course(uid, course, name_shown(*name), at) for course, at, uid, *name in waiting
    ]


@first_lines(MOST, "courses after a withdrawal")
def _with_therapist(clinic_id: int, staff_id: int) -> QuerySet[Any, tuple[Any, ...]]:
    own = Visit.objects.filter(course=OuterRef("pk"), therapist_id=staff_id, state=Visit.State.PLANNED)
    rows = courses_after_withdrawal(in_care(clinic_id, staff_id)).filter(
        Q(therapist_id=staff_id) | Exists(own)
    )
    names = [f"patient__{name}" for name in ("uid", *NAME)]
    told: QuerySet[Any, tuple[Any, ...]] = rows.order_by("withdrawn_at", "id").values_list(
        "uid", "withdrawn_at", *names
    )
    return told


def decide_on_course(patient: str, course: str, whom: str, at: datetime) -> Task:
    """The line that stands until the course has ended or a consent was given anew."""
    return Task(
        "Consent withdrawn: decide on the course",
        reverse("course", args=[patient, course]),
        whom,
        urgency="today",
        note=f"withdrawn {localtime(at):%-d %b %Y %H:%M}; its sessions are held and keep their chairs: "
        "the prescriber ends the course, or consent is taken again",
        since=at,
    )
