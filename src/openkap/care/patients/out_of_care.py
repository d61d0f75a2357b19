"""Whom the clinic no longer treats: their record is closed, or their death is recorded."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, Q, QuerySet, When
from django.db.models.functions import Coalesce
from django.db.models.lookups import In

from openkap.care.patients.models import Closing, Patient
from openkap.core.errors import InputError

DIED = Closing.Reason.DIED


def standing_closings(patient: Any) -> QuerySet[Closing]:
    """What closed this record and was not taken back; a death first, under whichever record of the person."""
    person = Q(patient__merged_into=patient) | Q(patient__absorbed=patient)
    person |= Q(patient__merged_into__absorbed=patient)
    found = Closing.objects.filter(Q(patient=patient) | Q(person, reason=DIED), reopened_at__isnull=True)
    return found.order_by(Case(When(reason=DIED, then=0), default=1), "-closed_at", "-id")


def out_of_care() -> Q:
    """Records that are closed, or were merged into one, and every record of whose death is recorded."""
    return Q(status=Patient.Status.CLOSED) | Q(merged_into__status=Patient.Status.CLOSED) | dead()


def dead() -> Q:
    """Every record of whose death is recorded, under whichever record of the person it was told."""
    told = Closing.objects.filter(reason=DIED, reopened_at__isnull=True)
    people = told.values_list(Coalesce("patient__merged_into_id", "patient_id"))
    return Q(In(Coalesce("merged_into_id", "pk"), people))


def is_out_of_care(patient_id: int) -> bool:
    """Whether the clinic no longer treats whose record this is."""
    return Patient.objects.filter(out_of_care(), pk=patient_id).exists()


def refuse_out_of_care(patient: Patient) -> None:
    """Nothing new is begun with somebody whose record is closed or who has died."""
    if is_out_of_care(patient.pk):
        raise InputError(
            "this record is closed",
            limit="nothing new is begun under a closed record",
            remedy="reopen it first, on the chart, with a reason",
        )
