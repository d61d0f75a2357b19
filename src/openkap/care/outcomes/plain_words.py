"""A person's own curve said to them: kind, true, without scores that sound like a verdict."""

from __future__ import annotations

from openkap.care.outcomes.follow_up import form_of
from openkap.care.outcomes.patient_words import ENGLISH, PatientWords
from openkap.care.outcomes.trajectory import Trajectory


def in_plain_words(found: Trajectory, spoken: PatientWords = ENGLISH) -> list[str]:
    """Two or three sentences about how the symptoms moved; nothing where there is nothing to compare."""
    return [spoken.say(sentence) for sentence in _sentences(found)]


def _sentences(found: Trajectory) -> list[str]:
    newest, points = found.newest, found.points
    if newest is None:
        return ["Your answers are with your clinic."]
    if points is None:
        return ["This is your starting point. Next time you will see here how things have moved."]
    noticed = _least_change(found.instrument)
    if noticed is not None and abs(points) < noticed:
        moved = "Your symptoms are about where they were when you started."
    else:
        moved = (
            "Your symptoms are lower than when you started."
            if points < 0
            else "Your symptoms are higher than when you started. This happens; your team sees it too."
        )
    said = [moved, "A single day says little: the line over weeks says more."]
    if found.gaps:
        said.append("A cross on the line is a time without answers. That is all right.")
    return said


def _least_change(instrument: str) -> float | None:
    """The smallest change the instrument's default definition calls reliable; below it nothing is claimed."""
    definitions = [each for each in form_of(instrument).change if each.of == "reliable" and each.default]
    return float(definitions[0].fall) if definitions and definitions[0].fall is not None else None
