"""What people do to patient records: each function one act, whole or not at all, and audited."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction

from openkap.care.accounts.access import require
from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.conflict import Conflict
from openkap.care.moment import now
from openkap.care.patients.access import patient_for
from openkap.care.patients.models import Identifier, Identity, Patient, Referral, TeamMember
from openkap.care.patients.names import search_form
from openkap.care.permissions import Permission

# The fields of an identity that a person edits on one form.
IDENTITY_FIELDS = (
    "family_name",
    "given_name",
    "preferred_name",
    "birth_date",
    "gender",
    "pronouns",
    "language",
    "needs_interpreter",
    "email",
    "telephone",
    "may_text",
    "address",
)


@dataclass(frozen=True, slots=True)
class NewPatient:
    """What a referral says about the person, from a form or a bundle."""

    family_name: str
    given_name: str
    birth_date: date | None = None
    sex: str = Patient.Sex.UNKNOWN
    is_veteran: bool | None = None
    gender: str = ""
    preferred_name: str = ""
    pronouns: str = ""
    language: str = "en"
    needs_interpreter: bool = False
    email: str = ""
    telephone: str = ""
    may_text: bool = False
    address: str = ""
    # (system, value) of each number another system knows them by
    identifiers: tuple[tuple[str, str], ...] = ()


@transaction.atomic
def register_referral(
    *,
    by: Actor,
    person: NewPatient,
    referrer: str = "",
    reason: str = "",
    document: str = "",
    fingerprint: str = "",
) -> Patient:
    """Open a record for a referred person: a pseudonym, the identity beside it, and how they came."""
    require(by, Permission.REGISTER_PATIENT)
    patient = Patient.objects.create(
        clinic_id=by.clinic_id,
        birth_year=person.birth_date.year if person.birth_date else None,
        sex=person.sex,
        is_veteran=person.is_veteran,
        created_at=now(),
    )
    Identity.objects.create(
        patient=patient,
        search_name=search_form(person.family_name, person.given_name, person.preferred_name),
        **{name: getattr(person, name) for name in IDENTITY_FIELDS},
    )
    Identifier.objects.bulk_create(
        Identifier(patient=patient, system=system, value=value) for system, value in person.identifiers
    )
    referral = Referral.objects.create(
        patient=patient,
        by=Referral.By.FHIR if document else Referral.By.FORM,
        received_at=now(),
        received_by_id=by.staff_id,
        referrer=referrer,
        reason=reason,
        document=document,
        fingerprint=fingerprint,
    )
    record(
        "patient.registered",
        by=by,
        entity="referral",
        uid=referral.uid,
        patient=patient.uid,
        detail={"by": referral.by, "fingerprint": fingerprint},
    )
    return patient


@transaction.atomic
def change_identity(*, by: Actor, uid: str, changes: dict[str, Any], version: int) -> Patient:
    """Correct name, contact details or language. Raises ``Conflict`` when somebody else saved first."""
    patient = patient_for(by, uid, Permission.EDIT_PATIENT, seen="")
    identity = Identity.objects.select_for_update().get(patient=patient)
    before = {name: getattr(identity, name) for name in IDENTITY_FIELDS}
    changed = {name: value for name, value in changes.items() if before[name] != value}
    if identity.version != version and changed:
        raise Conflict(theirs=before, version=identity.version)
    if not changed:
        return patient
    for name, value in changed.items():
        setattr(identity, name, value)
    identity.search_name = search_form(identity.family_name, identity.given_name, identity.preferred_name)
    identity.version += 1
    identity.save()
    if "birth_date" in changed:
        year = identity.birth_date.year if identity.birth_date else None
        Patient.objects.filter(pk=patient.pk).update(birth_year=year)
    # Which fields, not what they said: the audit holds no identity.
    record(
        "patient.identity_changed",
        by=by,
        entity="patient",
        uid=uid,
        patient=uid,
        detail={"fields": sorted(changed), "version": identity.version},
    )
    return patient


@transaction.atomic
def join_team(*, by: Actor, uid: str, members: Iterable[tuple[int, str]]) -> None:
    """Put staff on the patient's care team, each with the part they play."""
    patient = patient_for(by, uid, Permission.MANAGE_CARE_TEAM, seen="")
    for staff_id, part in members:
        _, is_new = TeamMember.objects.get_or_create(
            patient=patient, staff_id=staff_id, part=part, until=None, defaults={"since": now()}
        )
        if is_new:
            record("team.joined", by=by, entity="patient", uid=uid, patient=uid, detail={"part": part})


@transaction.atomic
def set_status(*, by: Actor, patient: Patient, status: str, because: str = "") -> None:
    """Move the patient to another phase; called by the acts of enrolment and treatment."""
    if patient.status == status:
        return
    before, patient.status = patient.status, status
    patient.save(update_fields=["status"])
    record(
        "patient.status_changed",
        by=by,
        entity="patient",
        uid=patient.uid,
        patient=patient.uid,
        reason=because,
        detail={"from": before, "to": status},
    )
