"""Giving up: one session, or what is left of a course; always with a reason."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.enrolment.protocols import protocol_of
from openkap.care.moment import now
from openkap.care.patients.actions import set_status
from openkap.care.patients.models import Patient
from openkap.care.permissions import Permission
from openkap.care.treatment.access import course_for
from openkap.care.treatment.course.given_up import give_up_with_it
from openkap.care.treatment.models import Course, DueItem, Session, Visit
from openkap.care.treatment.planning.due_dates import NO_DOSE, follow_last_dose, last_dose
from openkap.care.treatment.rows.acts import locked_session
from openkap.core.errors import InputError


@transaction.atomic
def cancel_session(*, by: Actor, patient: str, uid: str, reason: str) -> Session:
    """Give a planned session up, with a reason; its visits and what was due with it are given up too."""
    session = locked_session(by, patient, uid, Permission.PLAN_COURSE)
    if session.state != Session.State.PLANNED:
        raise InputError("this session has begun or is over", remedy="use the session page")
    if not reason.strip():
        raise InputError("the reason is missing", remedy="write why", where="reason")
    last = last_dose(session.course)
    Session.objects.filter(pk=session.pk).update(
        state=Session.State.CANCELLED, state_because=reason.strip(), version=session.version + 1
    )
    give_up_with_it(session, f"session {session.number} cancelled", last)
    record("session.cancelled", by=by, entity="session", uid=uid, patient=patient, reason=reason.strip())
    session.refresh_from_db()
    return session


# How a course may end besides a stopping rule of its protocol.
WITHOUT_RULE = ("complete", "other")


@transaction.atomic
def end_course(*, by: Actor, patient: str, uid: str, rule: str, reason: str) -> Course:
    """End a course: complete, or by a rule; what is still planned of it is given up."""
    course = course_for(by, patient, uid, Permission.PRESCRIBE)
    # Its phase changes at the end: whoever closes or merges the record holds it first, too.
    course.patient = Patient.objects.select_for_update().get(pk=course.patient_id)
    if Course.objects.select_for_update().get(pk=course.pk).ended_at is not None:
        raise InputError("this course has ended already", remedy="nothing has to be done")
    protocol = protocol_of(course.protocol, course.protocol_version)
    if rule not in (*WITHOUT_RULE, *(each.id for each in protocol.course_rules if each.kind == "stop")):
        raise InputError("by which rule the course ends is missing", remedy="choose one", where="rule")
    if not reason.strip():
        raise InputError("the reason is missing", remedy="write why", where="reason")
    Course.objects.filter(pk=course.pk).update(
        ended_at=now(), ended_by_id=by.staff_id, ended_rule=rule, ended_because=reason.strip()
    )
    words, last = f"course ended: {reason.strip()}", last_dose(course)
    Session.objects.filter(course=course, state=Session.State.PLANNED).update(
        state=Session.State.CANCELLED, state_because=words
    )
    _give_up_the_rest(course, words)
    follow_last_dose(course, last)
    set_status(by=by, patient=course.patient, status=Patient.Status.FOLLOW_UP, because=reason.strip())
    record(
        "course.ended",
        by=by,
        entity="course",
        uid=uid,
        patient=patient,
        reason=reason.strip(),
        detail={"rule": rule},
    )
    course.refresh_from_db()
    return course


def _give_up_the_rest(course: Course, words: str) -> None:
    """Visits for doses that will not be given, and what was due with them; nothing is due without a dose."""
    rest = Visit.objects.filter(course=course, state=Visit.State.PLANNED)
    of_a_dose = Q(session__state__in=NO_DOSE) | Q(kind=Visit.Kind.PREPARATION)
    rest.filter(of_a_dose).update(state=Visit.State.CANCELLED, state_because=words)
    due = DueItem.objects.filter(course=course, done_at=None)
    due.filter(session__state__in=NO_DOSE).delete()
    if last_dose(course) is None:
        due.delete()
