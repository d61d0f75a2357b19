"""Which records are about one person: a record and those merged into it.

For reads that a dose rests on: what was said, found or withdrawn under either record holds for the person.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from openkap.care.patients.models import Merge, Patient
from openkap.care.prepared import prepared


def same_person(patient: int | OuterRef | F) -> QuerySet[Patient]:
    """The record with that key and the records merged into it."""
    return Patient.objects.filter(Q(pk=patient) | Q(merged_into=patient))


def hold_person(patient: int) -> None:
    """Whose record this is, for one act after another: before their questions, sessions and the audit.

    The record itself first, then the one it was merged into; a merge holds both.
    """
    ((kept,),) = _held(patient)
    if kept is not None:
        _held(kept)


@prepared
def _held(patient: int) -> QuerySet[Patient, tuple[int | None]]:
    return Patient.objects.select_for_update().filter(pk=patient).values_list("merged_into_id")


def with_merged_at(rows: QuerySet[Any]) -> QuerySet[Any, Any]:
    """Rows of patients, each with the moment its record was merged into another; ``None``: it was not."""
    merged = Merge.objects.filter(absorbed=OuterRef("patient"), undone_at__isnull=True)
    annotated: QuerySet[Any, Any] = rows.annotate(merged_at=Subquery(merged.values("merged_at")[:1]))
    return annotated


def last_word(rows: Iterable[Any], patient: int, said_at: str) -> tuple[Any | None, list[Any]]:
    """The newest row of the record itself, and the newest of each merged record that it has not answered.

    Takes rows ``with_merged_at``, the newest last; ``said_at`` names the field with their time. What the
    record itself says after a merge was said with both records in sight, and answers the merged one.
    """
    newest = {row.patient_id: row for row in rows}
    own = newest.pop(patient, None)
    answered_at = getattr(own, said_at, None)
    return own, [row for row in newest.values() if answered_at is None or answered_at <= row.merged_at]
