"""Which answer counts where records of one person were put together, each with answers of its own.

Of what is asked the newest answer counts. What is measured or tested changes: there the value observed last
counts, whichever record it was written into later. What somebody answered after the merge was answered with
both records in sight, and counts before both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from openkap.care.enrolment.models import Answer
from openkap.care.patients.same_person import same_person, with_merged_at
from openkap.care.prepared import prepared
from openkap.protocol.elements import dictionary

MEASURED = ("tested", "measured")


@prepared
def newest_of_each(patient_id: int, elements: list[str]) -> QuerySet[Any, Any]:
    """The newest answer to each question under each record of one person, in the order of answering."""
    newer = Answer.objects.filter(
        patient=OuterRef("patient"), element=OuterRef("element"), pk__gt=OuterRef("pk")
    )
    rows = Answer.objects.filter(patient__in=same_person(patient_id), element__in=elements)
    return with_merged_at(rows.filter(~Exists(newer))).order_by("pk")


def merges_of(rows: Iterable[Any]) -> dict[int, datetime]:
    """When the records of rows of ``newest_of_each`` were merged into another."""
    return {row.patient_id: row.merged_at for row in rows if row.merged_at}


def that_counts(rows: Sequence[Answer], merged_at: Mapping[int, datetime]) -> Answer:
    """The one that counts of the newest answers of each record to one question, in the order of answering."""
    if len(rows) == 1 or not is_measured(rows[-1].element):
        return rows[-1]
    standing = [
        row
        for row in rows
        if not any(
            later.pk > row.pk and later.answered_at > put_together(row, later, merged_at) for later in rows
        )
    ]
    return max(standing, key=lambda row: (row.observed_at, row.pk))


def is_measured(element: str) -> bool:
    """Whether the question is answered by a measurement or a test."""
    return dictionary()[element].effort.value in MEASURED


def put_together(one: Answer, other: Answer, merged_at: Mapping[int, datetime]) -> datetime:
    """When the records of two answers came to be about one person."""
    return max(merged_at[pk] for pk in (one.patient_id, other.patient_id) if pk in merged_at)


def is_disputed(newest: Answer, other: Answer, merged_at: Mapping[int, datetime]) -> bool:
    """Whether two records of one person say different things and nobody has asked again since the merge."""
    differ = newest.is_known and other.is_known and newest.value != other.value
    return differ and newest.answered_at <= put_together(newest, other, merged_at)
