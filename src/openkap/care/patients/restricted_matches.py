"""Records open to their care team only that are surely about the person at hand: whom to ask, nothing more.

Who registers a referral must not open a second, open record of somebody whose first one is protected. They
are told that there is one and who may look, and that they were told stands in the audit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db.models import Exists, OuterRef, Prefetch, Q
from django.db.models.functions import Coalesce

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.patients.access import patients_of
from openkap.care.patients.models import Identifier, Patient, TeamMember
from openkap.care.patients.telephones import shared_digits, telephoned
from openkap.care.permissions import Permission, Role

MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class RestrictedMatch:
    """Who may look into a record that is not shown."""

    team: tuple[str, ...]


def restricted_matches(
    by: Actor, *, birth_date: date | None, telephone: str, identifiers: Iterable[tuple[str, str]]
) -> list[RestrictedMatch]:
    """The teams of restricted records with the same number, or the same birth date and telephone."""
    sure = _surely(birth_date, telephone, identifiers)
    if sure is None:
        return []
    own = patients_of(by, Permission.REGISTER_PATIENT)
    team = TeamMember.objects.filter(until__isnull=True).select_related("staff").order_by("staff__name", "id")
    # A merged record says it of the one in use.
    in_use = Patient.objects.filter(sure, clinic_id=by.clinic_id).values(the=Coalesce("merged_into", "pk"))
    rows = (
        Patient.objects.filter(pk__in=in_use, clinic_id=by.clinic_id, is_restricted=True)
        .exclude(pk__in=own.values("pk"))
        .prefetch_related(Prefetch("team", queryset=team))
        .order_by("id")[:MOST_TOLD]
    )
    for row in rows:
        detail = {"what": "that a restricted record exists, at a referral"}
        record("patient.seen", by=by, entity="patient", uid=row.uid, patient=row.uid, detail=detail)
    return [
        RestrictedMatch(tuple(f"{each.staff.name} ({Role(each.part).words})" for each in row.team.all()))
        for row in rows
    ]


def _surely(birth_date: date | None, telephone: str, identifiers: Iterable[tuple[str, str]]) -> Q | None:
    """A name alone, or a birth date alone, tells nobody anything about a restricted record."""
    numbers = Q()
    for system, value in identifiers:
        if value:
            numbers |= Q(system=system, value=value)
    sure = Q(Exists(Identifier.objects.filter(numbers, patient=OuterRef("pk")))) if numbers else Q()
    if birth_date and (shared := shared_digits(telephone)):
        sure |= telephoned(shared) & Q(identity__birth_date=birth_date)
    return sure or None
