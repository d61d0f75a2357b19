"""After a withdrawal no dose is given: what each planned date says then, until consent is given anew."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.timezone import localtime

from openkap.care.enrolment.facts import withdrawal_that_stands
from openkap.care.patients.models import Patient
from openkap.care.prepared import prepared
from openkap.care.treatment.models import Session, Visit


def with_withdrawal(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Rows of patients, each with the moment ``withdrawn_at`` of the withdrawal that stands, if one does."""
    told: QuerySet[Any] = rows.annotate(withdrawn_at=Subquery(withdrawal_that_stands(OuterRef("patient"))))
    return told


def held_since(patient_id: int) -> datetime | None:
    """When the person withdrew, while no consent has followed."""
    at: datetime | None
    (at,) = _standing(patient_id)
    return at


@prepared
def _standing(patient_id: int) -> QuerySet[Patient, Any]:
    told = Subquery(withdrawal_that_stands(OuterRef("pk")))
    return Patient.objects.filter(pk=patient_id).values_list(told, flat=True)


def withdrawn_words(at: datetime) -> str:
    """What happened, and on which day."""
    return f"consent withdrawn {localtime(at):%-d %b %Y}"


def session_says(state: str, withdrawn_at: datetime | None) -> str:
    """That a planned dose is held, and why; empty while nothing of the kind holds it."""
    if withdrawn_at is None or state != Session.State.PLANNED:
        return ""
    return f"held: {withdrawn_words(withdrawn_at)}"


def visit_says(kind: str, state: str, starts_at: datetime, withdrawn_at: datetime | None) -> str:
    """That a visit beside a dose is held, and that any other may go on; empty of what was before."""
    if withdrawn_at is None or state != Visit.State.PLANNED or starts_at < withdrawn_at:
        return ""
    does = "held" if kind == Visit.Kind.DOSING_DAY else "may go on"
    return f"{does}: {withdrawn_words(withdrawn_at)}"
