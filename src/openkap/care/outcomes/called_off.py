"""Measures end with the treatment they follow: which open ones nothing stands behind any more, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from openkap.care.enrolment.facts import withdrawn
from openkap.care.outcomes.follow_up import follow_up
from openkap.care.outcomes.marks_of_treatment import marks_of
from openkap.care.outcomes.models import Invitation
from openkap.care.patients.models import Patient

MISSED, ENDED = Invitation.Gap.MISSED_VISIT, Invitation.Gap.ENDED
# A dose that was given is followed up whatever was decided afterwards; what no treatment asks for was asked
# by a person of the clinic.
GOES_ON = ("session_done", None)


def called_off(rows: Sequence[Invitation]) -> dict[int, Invitation.Gap]:
    """Why each of these invitations has lost its reason, by key; those that stand are not in it.

    The rows come with ``patient__merged_into``.
    """
    anchors = {each.id: each.anchor for each in follow_up().occasions}
    people = {row.patient_id: row.patient for row in rows}
    marks = {(mark.kind, mark.uid) for mark in marks_of(list(people))}
    left = withdrawn(list(people))
    found = {}
    for row in rows:
        anchor = anchors.get(row.occasion)
        if is_closed(row.patient) or (row.patient_id in left and anchor not in GOES_ON):
            found[row.pk] = ENDED
        elif anchor == "session_planned" and ("session_missed", row.about_uid) in marks:
            found[row.pk] = MISSED
        elif anchor == "course_start" and ("course_end", row.about_uid) in marks:
            found[row.pk] = ENDED
    return found


def is_closed(patient: Patient) -> bool:
    """Whether the person's record is closed: their own, or the one it was merged into."""
    return Patient.Status.CLOSED in (patient.status, patient.merged_into and patient.merged_into.status)


def still_wanted(rows: Iterable[Invitation]) -> list[int]:
    """The keys of those that something still stands behind."""
    held = list(rows)
    off = called_off(held)
    return [row.pk for row in held if row.pk not in off]
