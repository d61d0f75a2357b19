"""How a person obtains a patient: by their right, at their clinic, or not at all.

Obtaining the row *is* the permission. Looking at somebody is an event of the audit, written here, so that
no page can forget it. Other apps build on ``patient_for`` and ``patients_of`` and never filter by clinic
themselves.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404

from openkap.care.accounts.access import open_glass, require
from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.patients.keepers import has_keeper
from openkap.care.patients.models import Patient, ReferralWarning, TeamMember
from openkap.care.patients.out_of_care import out_of_care, standing_closings
from openkap.care.patients.phases import phase
from openkap.care.permissions import Permission, Role
from openkap.care.prepared import prepared


class Restricted(PermissionDenied):
    """The record is open to its care team only; the page offers to break the glass."""

    def __init__(self, patient_uid: str, *, opens_by_glass: bool = True) -> None:
        super().__init__("this record is open to its care team only")
        self.patient_uid = patient_uid
        # Whether broken glass leads on to what was asked for, or only to the chart.
        self.opens_by_glass = opens_by_glass


# An emergency opens a record for its hour; it makes nobody a member of the team and lifts no restriction,
# but for a team on which nobody is left who could.
NOT_BY_GLASS = (Permission.MANAGE_CARE_TEAM, Permission.RESTRICT_PATIENT, Permission.MERGE_PATIENTS)


class Absorbed(PermissionDenied):
    """The record was merged into another one: it is read here, and written there."""

    def __init__(self, kept_uid: str) -> None:
        super().__init__("this record was merged into another one; write in that one")
        self.kept_uid = kept_uid


# What may still be done under a record that was merged into another: look, and what cannot wait or harm.
ON_ABSORBED = frozenset(
    {
        Permission.SEE_PATIENT,
        Permission.SEE_OUTCOMES,
        Permission.READ_THERAPY_NOTE,
        Permission.ANSWER_PAGE,
        Permission.WITHDRAW_CONSENT,
        Permission.MERGE_PATIENTS,
        # The contact after a dose is made and noted where the dose was given.
        Permission.RECORD_TEST,
    }
)


def patients_of(by: Actor, permission: Permission = Permission.SEE_PATIENT) -> QuerySet[Patient]:
    """The patients somebody may see in lists: their clinic's, without restricted ones of other teams."""
    require(by, permission)
    return visible(by.clinic_id, by.staff_id)


def scope_of(by: Actor, permission: Permission = Permission.SEE_PATIENT) -> tuple[int, int]:
    """What ``visible`` takes, for somebody who holds the right."""
    require(by, permission)
    return by.clinic_id, by.staff_id


def patient_for(
    by: Actor, uid: str, permission: Permission, *, seen: str = "chart", called_about: str = ""
) -> Patient:
    """One patient of the person's clinic for one right, identity alongside.

    Raises ``PermissionDenied`` without the right, ``Http404`` for another clinic's patient (their very
    existence is nobody's business), ``Restricted`` when only the care team or broken glass opens it,
    ``Absorbed`` for an act under a record that was merged into another.
    ``seen`` names what is looked at for the audit; pass ``""`` where an action records its own event.
    ``called_about``: the alert about which this person was called; that, and nothing else, opens to them.
    """
    require(by, permission)
    found = next(iter(_one(by.clinic_id, uid, by.staff_id)), None)
    if found is None:
        raise Http404("no such patient at this clinic")
    patient: Patient = found
    glass = None
    if patient.is_restricted and not found.in_team and not called_about:
        by_glass = _opens_by_glass(patient, permission)
        glass = open_glass(by, uid) if by_glass else None
        if glass is None:
            raise Restricted(uid, opens_by_glass=by_glass)
    if patient.merged_into is not None and permission not in ON_ABSORBED:
        raise Absorbed(patient.merged_into.uid)
    if seen:
        record(
            "patient.seen",
            by=by,
            entity="patient",
            uid=uid,
            patient=uid,
            detail={"what": seen}
            | ({"broken_glass": glass.uid} if glass else {})
            | ({"called_about": called_about} if called_about else {}),
        )
    return patient


def hold(patient: Patient) -> Patient:
    """The row as it is now, for an act that begins something: one after the other, and not under a record
    that was merged into another one meanwhile.
    """
    # Alone: of a row that was waited for, what stands beside it is read as it was before.
    row = Patient.objects.select_for_update().get(pk=patient.pk)
    if row.merged_into is not None:
        raise Absorbed(row.merged_into.uid)
    return row


def _opens_by_glass(patient: Patient, permission: Permission) -> bool:
    if permission == Permission.MANAGE_CARE_TEAM:
        return not has_keeper(patient)
    return permission not in NOT_BY_GLASS


def restricted_patient(by: Actor, uid: str) -> Patient:
    """A record of the person's clinic, for those who may break the glass; nothing of it is shown."""
    require(by, Permission.BREAK_GLASS)
    found = Patient.objects.filter(clinic_id=by.clinic_id, uid=uid).first()
    if found is None:
        raise Http404("no such patient at this clinic")
    return found


def is_therapist_only(by: Actor) -> bool:
    """Whether the person's one part here is therapy: their lists show their own patients first."""
    return by.roles == frozenset({Role.THERAPIST})


@prepared
def _one(clinic_id: int, uid: str, staff_id: int) -> QuerySet[Any]:
    return (
        Patient.objects.filter(clinic_id=clinic_id, uid=uid)
        .select_related("identity", "clinic", "merged_into")
        .annotate(
            in_team=Exists(_membership(staff_id)),
            # Most records never absorbed another, and are not closed: pages then ask no more about it.
            has_absorbed=Exists(Patient.objects.filter(merged_into=OuterRef("pk"))),
            has_closing=Exists(standing_closings(OuterRef("pk"))),
            phase=phase(),
            has_warnings=Exists(
                ReferralWarning.objects.filter(
                    Q(patient=OuterRef("pk")) | Q(patient__merged_into=OuterRef("pk"))
                )
            ),
        )
    )


def visible(clinic_id: int, staff_id: int) -> QuerySet[Patient]:
    """The clinic's patients without restricted ones of other teams: for prepared reads, after ``require``."""
    here = Patient.objects.filter(clinic_id=clinic_id)
    return here.filter(Q(is_restricted=False) | Exists(_membership(staff_id)))


def in_care(clinic_id: int, staff_id: int) -> QuerySet[Patient]:
    """As ``visible``, without those the clinic no longer treats: for lists of what is to be done."""
    return visible(clinic_id, staff_id).exclude(out_of_care())


def _membership(staff_id: int) -> QuerySet[TeamMember]:
    return TeamMember.objects.filter(patient=OuterRef("pk"), staff_id=staff_id, until__isnull=True)
