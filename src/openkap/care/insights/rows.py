"""Clinic rows to registry rows: the only translator. No names, no free text, no day of birth leave here.

Each table is a generator of mappings with the clinic's own public ids; the registry's extract makes
pseudonyms of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from openkap.care.insights import person_rows, treatment_rows
from openkap.care.insights.source import Row, Source

Translator = Callable[[Source], Iterable[Row]]


def tables() -> dict[str, Translator]:
    """Table of the registry -> what makes its rows, parents first."""
    return {
        "site": person_rows.sites,
        "patient": person_rows.patients,
        "referral": person_rows.referrals,
        "consent": person_rows.consents,
        "course": treatment_rows.courses,
        "course_event": treatment_rows.course_events,
        "session": treatment_rows.sessions,
        "dose": treatment_rows.doses,
        "vital": treatment_rows.vitals,
        "score": treatment_rows.scores,
        "item": treatment_rows.items,
        "adverse_event": treatment_rows.adverse_events,
        "therapy": treatment_rows.therapy,
        "override": treatment_rows.overrides,
    }
