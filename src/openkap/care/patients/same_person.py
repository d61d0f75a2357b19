"""Which records are about one person: a record and those merged into it.

For reads that a dose rests on: what was said, found or withdrawn under either record holds for the person.
"""

from __future__ import annotations

from django.db.models import F, OuterRef, Q, QuerySet

from openkap.care.patients.models import Patient


def same_person(patient: int | OuterRef | F) -> QuerySet[Patient]:
    """The record with that key and the records merged into it."""
    return Patient.objects.filter(Q(pk=patient) | Q(merged_into=patient))
