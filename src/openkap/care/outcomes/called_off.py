"""Measures end with the treatment they follow: which open ones nothing stands behind any more, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from openkap.care.enrolment.facts import withdrawn
from openkap.care.outcomes.follow_up import follow_up
from openkap.care.outcomes.marks_of_treatment import marks_of
from openkap.care.outcomes.models import Invitation
from openkap.care.patients.models import Patient
from openkap.care.patients.out_of_care import out_of_care

MISSED, ENDED = Invitation.Gap.MISSED_VISIT, Invitation.Gap.ENDED
# A dose that was given is followed up whatever was decided afterwards; what no treatment asks for was asked
# by a person of the clinic.
GOES_ON = ("session_done", None)
COURSE_OVER = ("course_end", "course_given_up")


def called_off(rows: Sequence[Invitation]) -> dict[int, Invitation.Gap]:
    """Why each of these invitations has lost its reason, by key; those that stand are not in it."""
    return on_hold(rows) | given_up(rows)


def on_hold(rows: Sequence[Invitation]) -> dict[int, Invitation.Gap]:
    """Those of people who have withdrawn or died or whose record is closed: nothing is asked meanwhile."""
    anchors = _anchors()
    patients = list({row.patient_id for row in rows})
    left = withdrawn(patients)
    gone = set(Patient.objects.filter(out_of_care(), pk__in=patients).values_list("pk", flat=True))
    return {
        row.pk: ENDED
        for row in rows
        if row.patient_id in gone or (row.patient_id in left and anchors.get(row.occasion) not in GOES_ON)
    }


def given_up(rows: Sequence[Invitation]) -> dict[int, Invitation.Gap]:
    """Those whose session or course will not be."""
    anchors = _anchors()
    marks = marks_of(list({row.patient_id for row in rows}))
    known = {(mark.kind, mark.uid) for mark in marks}
    courses = {mark.patient_id: mark.uid for mark in marks if mark.kind == "course_start"}
    ends = {mark.uid: mark.at for mark in marks if mark.kind in COURSE_OVER}
    found = {}
    for row in rows:
        anchor = anchors.get(row.occasion)
        if anchor == "session_planned" and ("session_missed", row.about_uid) in known:
            found[row.pk] = ENDED if _is_over(row, ends.get(courses.get(row.patient_id, ""))) else MISSED
        elif anchor == "course_start" and row.about_uid in ends:
            found[row.pk] = ENDED
    return found


def _anchors() -> dict[str, str | None]:
    return {each.id: each.anchor for each in follow_up().occasions}


def _is_over(row: Invitation, ended: datetime | None) -> bool:
    """Whether a session was given up with its course: it would have come after the end of the newest one."""
    return ended is not None and ended <= row.closes_at


def still_wanted(rows: Iterable[Invitation]) -> list[int]:
    """The keys of those that something still stands behind."""
    held = list(rows)
    off = called_off(held)
    return [row.pk for row in held if row.pk not in off]
