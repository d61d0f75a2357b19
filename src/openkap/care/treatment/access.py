"""How a person obtains rows of treatment: through the patient, or, for the drug, through the clinic."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.http import Http404

from openkap.care.accounts.access import holds_role, require
from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.patients.access import patient_for
from openkap.care.patients.actions import put_on_team
from openkap.care.patients.models import Patient
from openkap.care.permissions import Permission, Role
from openkap.care.prepared import prepared
from openkap.care.treatment.models import Chair, Course, Lot, Session, Visit
from openkap.core.errors import InputError

# Part of a course -> the roles that may take it: a prescriber stands in for nurse and therapist.
TAKE = {
    Role.PRESCRIBER: (Role.PRESCRIBER,),
    Role.NURSE: (Role.NURSE, Role.PRESCRIBER),
    Role.THERAPIST: (Role.THERAPIST, Role.PRESCRIBER),
}


def course_for(by: Actor, patient_uid: str, uid: str, permission: Permission, *, seen: str = "") -> Course:
    """One course of a patient."""
    patient = patient_for(by, patient_uid, permission, seen=seen)
    found = (
        Course.objects.filter(patient=patient, uid=uid)
        .select_related("patient__identity", "therapist", "prescriber", "planned_by", "ended_by")
        .first()
    )
    if found is None:
        raise Http404("no such course of this patient")
    return found


def session_for(by: Actor, patient_uid: str, uid: str, permission: Permission, *, seen: str = "") -> Session:
    """One session of a patient, with its course and people."""
    patient = patient_for(by, patient_uid, permission, seen=seen)
    found = next(iter(_session(patient.pk, uid)), None)
    if found is None:
        raise Http404("no such session of this patient")
    found.patient = patient
    return found


@prepared
def _session(patient_id: int, uid: str) -> QuerySet[Session]:
    rows = Session.objects.filter(patient_id=patient_id, uid=uid)
    return rows.select_related("course", "chair", "prescriber", "nurse")


def visit_for(by: Actor, patient_uid: str, uid: str, permission: Permission, *, seen: str = "") -> Visit:
    """One therapy visit of a patient."""
    patient = patient_for(by, patient_uid, permission, seen=seen)
    found = (
        Visit.objects.filter(patient=patient, uid=uid)
        .select_related("course", "session", "therapist", "patient__identity")
        .first()
    )
    if found is None:
        raise Http404("no such visit of this patient")
    return found


def chairs_of(by: Actor) -> QuerySet[Chair]:
    """The chairs of the person's clinic."""
    return Chair.objects.filter(clinic_id=by.clinic_id, is_active=True).order_by("name")


def lots_of(by: Actor, permission: Permission = Permission.RECORD_SESSION) -> QuerySet[Lot]:
    """The drug lots of the person's clinic."""
    require(by, permission)
    return Lot.objects.filter(clinic_id=by.clinic_id).order_by("product", "expires_on", "id")


def staff_with(by: Actor, *roles: Role) -> QuerySet[Staff]:
    """Colleagues who hold one of the roles at this clinic now."""
    return (
        Staff.objects.filter(
            assignments__clinic_id=by.clinic_id,
            assignments__role__in=[role.value for role in roles],
            assignments__until__isnull=True,
            is_active=True,
        )
        .distinct()
        .order_by("name")
    )


def colleague_as(by: Actor, uid: str, part: Role) -> Staff:
    """One colleague for a part of a course; refused by name of the part when there is none."""
    found = staff_with(by, *TAKE[part]).filter(uid=uid).first()
    if found is None:
        raise InputError(
            f"the {part.value} is missing",
            limit=f"somebody of this clinic who is {' or '.join(role.words for role in TAKE[part])}",
            remedy="choose one",
            where=part.value,
        )
    return found


def running_course(patient: Patient) -> Course | None:
    """The course that has not ended."""
    return Course.objects.filter(patient=patient, ended_at__isnull=True).select_related("therapist").first()


def join_as(by: Actor, patient: Patient, named: Iterable[tuple[Staff, Role]]) -> None:
    """Who is planned is on the care team, under the role they hold here: it is who is called in an alarm."""
    put_on_team(
        by,
        patient,
        [
            (person.pk, next(role for role in TAKE[part] if holds_role(by.clinic_id, person.pk, role)))
            for person, part in named
        ],
    )
