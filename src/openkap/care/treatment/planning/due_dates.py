"""What is due stays with its dose: after the course with the last one, before it with the first.

The contact after a dose that was given is due although the course has ended.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F, QuerySet

from openkap.care.moment import now
from openkap.care.treatment.models import Course, DueItem, Session
from openkap.care.treatment.planning.plan import BEFORE_FIRST, DAY

# How far a first page looks ahead.
TODAY, WEEK = timedelta(hours=16), timedelta(days=7)
# A dose was given: the contact after it is due, however the course went on.
GIVEN = (Session.State.DOSING, Session.State.RECOVERY, Session.State.LEFT)
NO_DOSE = (Session.State.CANCELLED, Session.State.ABORTED)


def with_a_dose(course: Course) -> QuerySet[Session]:
    """The sessions of a course that are not given up, in the order of time."""
    return Session.objects.filter(course=course).exclude(state__in=NO_DOSE).order_by("starts_at")


def last_dose(course: Course) -> datetime | None:
    """When the last session that is not given up begins."""
    return with_a_dose(course).values_list("starts_at", flat=True).last()


def due_after(course: Course) -> QuerySet[DueItem]:
    """What is still open and due after the course."""
    return DueItem.objects.filter(course=course, session=None, done_at=None)


def follow_last_dose(course: Course, before: datetime | None) -> None:
    """Move what is due after the course as far as its last dose has moved since ``before``."""
    last = last_dose(course)
    if before and last and before != last:
        due_after(course).update(due_at=F("due_at") + (last - before))


def hand_on_first_tests(session: Session) -> None:
    """The open tests before the first dose pass from a session given up to the next one."""
    tests = DueItem.objects.filter(session=session, kind=DueItem.Kind.TEST, when=BEFORE_FIRST, done_at=None)
    heir = with_a_dose(session.course).filter(state=Session.State.PLANNED).first()
    if heir:
        tests.update(session=heir, due_at=max(now(), heir.starts_at - DAY))
