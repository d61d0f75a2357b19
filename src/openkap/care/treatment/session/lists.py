"""Reads of a patient's sessions and of what was written down in one, as other programs ask for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from openkap.care.patients.models import Patient
from openkap.care.patients.queries import record_ids
from openkap.care.prepared import prepared
from openkap.care.treatment.models import Entry, Session, Value
from openkap.care.treatment.planning.held import session_says, with_withdrawal

# A page of sessions; the next one begins before the last line's moment.
PAGE = 50


@dataclass(frozen=True, slots=True)
class ListedSession:
    """One session of a patient."""

    uid: str
    course: str
    protocol: str
    protocol_version: str
    number: int
    state: str
    starts_at: datetime
    ends_at: datetime
    chair: str
    prescriber: str
    nurse: str
    withdrawn_at: datetime | None

    @property
    def held(self) -> str:
        """Why a planned dose cannot start, whatever the day brings."""
        return session_says(self.state, self.withdrawn_at)


def sessions_of(patient: Patient, before: datetime) -> list[ListedSession]:
    """Sessions that begin before a moment, newest first, the merged records' part included."""
    return [ListedSession(*row) for row in _sessions(record_ids(patient), before)]


@prepared
def _sessions(patient_ids: list[int], before: datetime) -> QuerySet[Session, tuple[Any, ...]]:
    rows = Session.objects.filter(patient_id__in=patient_ids, starts_at__lt=before)
    return (
        with_withdrawal(rows)
        .order_by("-starts_at", "-id")
        .values_list(
            "uid",
            "course__uid",
            "course__protocol",
            "course__protocol_version",
            "number",
            "state",
            "starts_at",
            "ends_at",
            "chair__name",
            "prescriber__name",
            "nurse__name",
            "withdrawn_at",
        )[:PAGE]
    )


@dataclass(frozen=True, slots=True)
class WrittenValue:
    """One value: the text as it was entered, and the number in its unit where it has one."""

    element: str
    value: str
    number: Decimal | None
    unit: str
    is_confirmed: bool


@dataclass(frozen=True, slots=True)
class Written:
    """One act of writing down; ``counts`` is false once it was corrected, or where it takes one back."""

    uid: str
    kind: str
    observed_at: datetime
    entered_at: datetime
    entered_by: str
    note: str
    reason: str
    corrects: str
    counts: bool
    values: tuple[WrittenValue, ...]


def entries_of(session: Session) -> list[Written]:
    """Everything written down in a session, what was corrected included, in the order it was true."""
    values: dict[int, list[WrittenValue]] = {}
    for entry_id, *value in _values(session.pk):
        values.setdefault(entry_id, []).append(WrittenValue(*value))
    found = []
    for key, is_retraction, corrects, correction, *told in _entries(session.pk):
        uid, kind, observed_at, entered_at, entered_by, note, reason = told
        counts = correction is None and not is_retraction
        mine = tuple(values.get(key, ()))
        found.append(
            Written(
                uid, kind, observed_at, entered_at, entered_by, note, reason, corrects or "", counts, mine
            )
        )
    return found


@prepared
def _entries(session_id: int) -> QuerySet[Entry, tuple[Any, ...]]:
    rows = Entry.objects.filter(session_id=session_id).order_by("observed_at", "id")
    return rows.values_list(
        "pk",
        "is_retraction",
        "corrects__uid",
        "corrected_by__pk",
        "uid",
        "kind",
        "observed_at",
        "entered_at",
        "entered_by__name",
        "note",
        "reason",
    )


@prepared
def _values(session_id: int) -> QuerySet[Value, tuple[Any, ...]]:
    rows = Value.objects.filter(entry__session_id=session_id).order_by("id")
    return rows.values_list("entry_id", "element", "value", "number", "unit", "is_confirmed")
