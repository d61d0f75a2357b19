"""Measures of invented people along their course: asked when the plan says, answered, or missing with a reason."""

from __future__ import annotations

from datetime import datetime, timedelta

from openkap.care.accounts.actor import job_actor
from openkap.care.audit.actions import record
from openkap.care.demo.people import Clinic
from openkap.care.demo.trajectories import Person, answer_all
from openkap.care.moment import clock_at, now
from openkap.care.outcomes.actions import mark_gap
from openkap.care.outcomes.follow_up import Occasion, follow_up
from openkap.care.outcomes.models import Invitation
from openkap.care.outcomes.planning import plan_these
from openkap.care.patients.models import Patient
from openkap.care.treatment.models import Course, Session

MONTH = timedelta(days=30)


def measure(clinic: Clinic, patient: Patient, course: Course, person: Person) -> None:
    """Everything the course has asked for until now."""
    wanted = [each for each in _wanted(course) if each[2] <= now()]
    for occasion, about, due in sorted(wanted, key=lambda each: each[2]):
        plan = follow_up().occasion(occasion)
        with clock_at(due):
            plan_these([(patient, plan, about, due)])
        row = Invitation.objects.get(patient=patient, occasion=occasion, about_uid=about)
        Invitation.objects.filter(pk=row.pk).update(sent_at=due, link_number=1)
        row.sent_at, row.link_number, row.patient = due, 1, patient
        _answer_or_miss(clinic, row, plan, course, person)


def _wanted(course: Course) -> list[tuple[str, str, datetime]]:
    sessions = list(Session.objects.filter(course=course).order_by("starts_at"))
    found = [("baseline", course.uid, sessions[0].starts_at - timedelta(days=7))]
    for session in sessions:
        if session.state == Session.State.CANCELLED:
            continue
        found.append(("before_dose", session.uid, session.starts_at - timedelta(hours=24)))
        if session.state == Session.State.LEFT:
            found.append(("check_in", session.uid, session.ends_at + timedelta(hours=24)))
    if course.ended_at is not None:
        for plan in follow_up().occasions:
            if plan.anchor == "course_end":
                found.append((plan.id, course.uid, course.ended_at + plan.due))
    return found


def _answer_or_miss(clinic: Clinic, row: Invitation, plan: Occasion, course: Course, person: Person) -> None:
    dice = clinic.dice
    open_for = plan.open_for
    at = row.due_at + open_for * dice.random() * 0.8
    is_over = row.closes_at <= now()
    if dice.random() < person.misses or at > now():
        if is_over:
            _gap(row, dice.choice(["no_answer", "no_answer", "declined", "unreachable"]))
        return
    done = Session.objects.filter(course=course, state=Session.State.LEFT, ends_at__lt=at).count()
    after = (at - course.ended_at) / MONTH if course.ended_at and at > course.ended_at else 0.0
    answer_all(row, person, person.pcl(done, 6, after), at)


def _gap(row: Invitation, reason: str) -> None:
    with clock_at(row.closes_at):
        mark_gap(row, reason)
        record(
            "measure.closed",
            by=job_actor("close-missed", row.patient.clinic),
            entity="invitation",
            uid=row.uid,
            patient=row.patient.uid,
            detail={"gap": reason},
        )
