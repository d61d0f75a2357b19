"""How a person is reached: what is in use, what else was said, and what a record merged into theirs says.

What a referral says beside the record is kept here; a person decides which is in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.timezone import localtime

from openkap.care.moment import now
from openkap.care.patients.models import ContactPoint, Identity, Patient, Referral
from openkap.care.patients.telephones import is_same_telephone
from openkap.care.prepared import prepared

KINDS = tuple(ContactPoint.Kind.values)


@dataclass(frozen=True, slots=True)
class Reached:
    """One way to the person and where it comes from; ``uid`` where it may take the place of that in use."""

    kind: str
    label: str
    value: str
    origin: str = ""
    uid: str = ""

    @property
    def is_in_use(self) -> bool:
        return not self.origin

    @property
    def words(self) -> str:
        return f"{self.value} ({self.origin})" if self.origin else self.value


def ways_to_reach(patient_ids: list[int]) -> list[Reached]:
    """By kind: what is in use, then the others; of the first record, then of those merged into it."""
    own = patient_ids[0]
    found = [
        Reached(
            kind, ContactPoint.Kind(kind).label, value, "" if row.patient_id == own else _merged(row.patient)
        )
        for row in _identities(patient_ids)
        for kind in KINDS
        if (value := getattr(row, kind))
    ]
    in_use = [(each.kind, each.value) for each in found if each.is_in_use]
    for point in _points(patient_ids):
        if any(point.kind == kind and is_same(kind, point.value, value) for kind, value in in_use):
            continue
        is_own = point.patient_id == own
        origin = _origin(point) if is_own else f"{_origin(point)}, {_merged(point.patient)}"
        label = ContactPoint.Kind(point.kind).label
        found.append(Reached(point.kind, label, point.value, origin, point.uid if is_own else ""))
    return sorted(found, key=lambda each: (KINDS.index(each.kind), not each.is_in_use))


def _merged(patient: Patient) -> str:
    return f"in the merged record {patient.code}"


def _origin(point: ContactPoint) -> str:
    if point.referral is None:
        return f"in use until {localtime(point.added_at):%-d %b %Y}"
    return f"from the referral of {localtime(point.referral.received_at):%-d %b %Y}"


@prepared
def _identities(patient_ids: list[int]) -> QuerySet[Identity]:
    return (
        Identity.objects.filter(patient_id__in=patient_ids).select_related("patient").order_by("patient_id")
    )


@prepared
def _points(patient_ids: list[int]) -> QuerySet[ContactPoint]:
    rows = ContactPoint.objects.filter(patient_id__in=patient_ids, ended_at__isnull=True)
    return rows.select_related("patient", "referral").order_by("added_at", "id")


def is_same(kind: str, one: str, other: str) -> bool:
    """Whether two ways of writing lead to the same place."""
    if kind == ContactPoint.Kind.TELEPHONE and one and other:
        return is_same_telephone(one, other)
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def keep_said(patient: Patient, referral: Referral, said: Mapping[str, str]) -> None:
    """Keep what a referral says beside the record, where the record does not say it; the caller audits."""
    held = [(each.kind, each.value) for each in ways_to_reach([patient.pk])]
    ContactPoint.objects.bulk_create(
        ContactPoint(patient=patient, kind=kind, value=value, referral=referral, added_at=now())
        for kind in KINDS
        if (value := said.get(kind, "").strip())
        and not any(kind == one and is_same(kind, value, other) for one, other in held)
    )
