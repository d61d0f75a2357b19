"""The dated points of treatment that other apps know, as measures and figures take them."""

from __future__ import annotations

from openkap.care.contributions import CourseMark, contributions


def marks_of(patient_ids: list[int]) -> list[CourseMark]:
    """The dated points of treatment of these patients, oldest first."""
    found = [mark for module in contributions("marks") for mark in module.marks(patient_ids)]
    return sorted(found, key=lambda mark: mark.at)
