"""Measures of invented people along their course: asked when the plan says, answered, or missing, and why.

The past is brought in for a patient at once: the rows that asking, answering and finishing would leave,
scored by the same scorer, stored under every constraint; one event of the audit names every form. The
judgement of the course (response, remission, relapse, proposals) is the clinic's own act on those readings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from openkap.care.accounts.actor import job_actor
from openkap.care.audit.actions import record
from openkap.care.demo.people import Clinic
from openkap.care.demo.trajectories import Person, answers_to
from openkap.care.ids import new_uid
from openkap.care.moment import clock_at, now
from openkap.care.outcomes import course as judging
from openkap.care.outcomes.actions import score_row
from openkap.care.outcomes.follow_up import Occasion, follow_up, form_of
from openkap.care.outcomes.models import Form, FormScore, Invitation, ItemAnswer
from openkap.care.patients.models import Patient
from openkap.care.treatment.models import Course, Session

MONTH = timedelta(days=30)
GAPS = ("no_answer", "no_answer", "declined", "unreachable")


@dataclass
class _Batch:
    """Rows of one patient, in the order in which they must be stored."""

    patient: Patient
    invitations: list[Invitation] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    answers: list[ItemAnswer] = field(default_factory=list)
    scores: list[FormScore] = field(default_factory=list)

    def store(self) -> None:
        Invitation.objects.bulk_create(self.invitations)
        Form.objects.bulk_create(self.forms)
        ItemAnswer.objects.bulk_create(self.answers)
        FormScore.objects.bulk_create(self.scores)


def measure(clinic: Clinic, patient: Patient, course: Course, person: Person) -> None:
    """Everything the course has asked for until now."""
    sessions = list(Session.objects.filter(course=course).order_by("starts_at"))
    ends = [each.ends_at for each in sessions if each.state == Session.State.LEFT]
    batch = _Batch(patient)
    for plan, about, due in sorted(_wanted(course, sessions), key=lambda each: each[2]):
        if due > now():
            continue
        at = due + plan.open_for * clinic.dice.random() * 0.8
        done = sum(1 for end in ends if end < at)
        after = (at - course.ended_at) / MONTH if course.ended_at and at > course.ended_at else 0.0
        _add(batch, clinic, plan, about, due, at, person, person.pcl(done, len(sessions), after))
    if not batch.invitations:
        return
    batch.store()
    by = job_actor("bring-in", patient.clinic)
    record(
        "measure.brought_in",
        by=by,
        entity="course",
        uid=course.uid,
        patient=patient.uid,
        detail={"forms": [form.uid for form in batch.forms]},
    )
    judging.judge_again(by=by, patient=patient)


def _wanted(course: Course, sessions: list[Session]) -> list[tuple[Occasion, str, datetime]]:
    plans = {each.id: each for each in follow_up().occasions}
    first = sessions[0].starts_at
    found = [(plans["baseline"], course.uid, first + plans["baseline"].due)]
    for session in sessions:
        if session.state != Session.State.CANCELLED:
            found.append((plans["before_dose"], session.uid, session.starts_at + plans["before_dose"].due))
        if session.state == Session.State.LEFT:
            found.append((plans["check_in"], session.uid, session.ends_at + plans["check_in"].due))
    if course.ended_at is not None:
        later = [plan for plan in plans.values() if plan.anchor == "course_end"]
        found += [(plan, course.uid, course.ended_at + plan.due) for plan in later]
    return found


def _add(
    batch: _Batch,
    clinic: Clinic,
    plan: Occasion,
    about: str,
    due: datetime,
    at: datetime,
    person: Person,
    pcl: int,
) -> None:
    dice = clinic.dice
    is_missed = dice.random() < person.misses
    is_over = due + plan.open_for <= now()
    answered = not is_missed and at <= now()
    row = Invitation(
        patient=batch.patient,
        occasion=plan.id,
        about_uid=about,
        due_at=due,
        closes_at=due + plan.open_for,
        created_at=due,
        sent_at=due,
        link_number=1,
        finished_at=at if answered else None,
        closed_at=due + plan.open_for if is_over and not answered else None,
        gap=dice.choice(GAPS) if is_over and not answered else "",
    )
    batch.invitations.append(row)
    for position, name in enumerate(plan.instruments):
        instrument = form_of(name)
        form = Form(
            invitation=row,
            patient=batch.patient,
            instrument=instrument.id,
            instrument_version=instrument.version,
            instrument_fingerprint=instrument.fingerprint,
            position=position,
            finished_at=at if answered else None,
        )
        batch.forms.append(form)
        if answered:
            given = answers_to(name, pcl, dice, False)
            batch.answers += _taps(form, given, at)
            with clock_at(at):
                batch.scores.append(score_row(form, given, at))


def _taps(form: Form, given: dict[str, int], at: datetime) -> list[ItemAnswer]:
    mark: Any = new_uid()
    return [
        ItemAnswer(
            form=form, item=item, value=value, client_id=f"{mark}:{item}", answered_at=at, received_at=at
        )
        for item, value in given.items()
    ]
