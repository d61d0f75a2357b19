"""A person's own curve as it is drawn for them: in their language, without limits and verdicts."""

from __future__ import annotations

from dataclasses import replace

from openkap.care.outcomes.patient_words import PatientWords
from openkap.care.outcomes.trajectory import Trajectory, trajectory
from openkap.care.patients.models import Patient


def own_curve(patient: Patient, spoken: PatientWords) -> Trajectory:
    """The readings of a patient in their words. Cut-offs and named turns are for those who explain them."""
    found = trajectory(patient, judged=False)
    readings = [
        replace(each, occasion=spoken.occasion(each.occasion_id, each.occasion)) for each in found.readings
    ]
    return replace(
        found,
        # A form's name says nothing to whoever fills it in.
        name="",
        short=spoken.say("Symptoms"),
        readings=tuple(readings),
        baseline=next(
            (new for old, new in zip(found.readings, readings, strict=True) if old is found.baseline), None
        ),
        gaps=tuple(
            replace(
                each,
                occasion=spoken.occasion(each.occasion_id, each.occasion),
                reason=spoken.gap(each.reason_id, each.reason),
            )
            for each in found.gaps
        ),
        # What a session or a visit is called in the chart is the staff's word.
        marks=tuple(
            replace(each, label=spoken.say("session, not held") if each.kind == "session_missed" else "")
            for each in found.marks
            if each.kind != "therapy"
        ),
        lines=(),
        milestones=(),
    )
