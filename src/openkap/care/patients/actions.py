"""What people do to patient records: each function one act, whole or not at all, and audited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import localtime

from openkap.care.accounts.access import holds_role, require
from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.audit.queries import last_act
from openkap.care.columns import refuse_long
from openkap.care.conflict import Conflict
from openkap.care.contributions import contributions
from openkap.care.ids import new_uid
from openkap.care.moment import now
from openkap.care.patients.access import patient_for
from openkap.care.patients.contact_points import keep_said
from openkap.care.patients.keepers import refuse_last_keeper
from openkap.care.patients.models import (
    Contact,
    CrisisPlan,
    Identifier,
    Identity,
    IncomingReferral,
    Patient,
    Referral,
    TeamMember,
)
from openkap.care.patients.names import search_form
from openkap.care.patients.referral_document import read_document
from openkap.care.patients.referral_warnings import keep_warnings
from openkap.care.patients.telephones import is_among
from openkap.care.permissions import HOLDERS, Permission
from openkap.care.prepared import insert, prepared
from openkap.core.errors import InputError

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

CRISIS_FIELDS = ("warning_signs", "what_helps", "people_to_call", "safe_place")


def about_the_person(patient: Patient) -> dict[str, Any]:
    """What a record says of the person: the fields of their identity, and sex and service beside it."""
    held = {name: getattr(patient.identity, name) for name in IDENTITY_FIELDS}
    return held | {"sex": patient.sex, "is_veteran": patient.is_veteran}


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
    language: str = ""
    needs_interpreter: bool | None = None
    email: str = ""
    telephone: str = ""
    may_text: bool = False
    address: str = ""
    # (system, value) of each number another system knows them by
    identifiers: tuple[tuple[str, str], ...] = ()
    # people around them: kind, name, relation, telephone
    contacts: tuple[tuple[str, str, str, str], ...] = ()


class AlreadyRegistered(InputError):
    """Somebody has made a record of this upload; ``patient_uid`` is that record."""

    def __init__(self, patient_uid: str) -> None:
        super().__init__(
            "this file was registered already",
            remedy="its record is open below; what differs is changed there, under Person",
        )
        self.patient_uid = patient_uid


def refuse_registered(by: Actor, incoming_uid: str) -> None:
    """Raise ``AlreadyRegistered`` where the upload has become a referral: it keeps its public id."""
    done = Referral.objects.filter(uid=incoming_uid, patient__clinic_id=by.clinic_id)
    if patient_uid := done.values_list("patient__uid", flat=True).first():
        raise AlreadyRegistered(patient_uid)


@transaction.atomic
def register_referral(
    *,
    by: Actor,
    person: NewPatient,
    referrer: str = "",
    reason: str = "",
    incoming: IncomingReferral | None = None,
) -> Patient:
    """Open a record for a referred person: a pseudonym, the identity beside it, and how they came.

    ``incoming`` is the uploaded bundle that the person was read from; it becomes part of the referral, once:
    raises ``AlreadyRegistered`` where somebody else was first.
    """
    require(by, Permission.REGISTER_PATIENT)
    if incoming:
        _take(by, incoming)
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
    for _, name, relation, phone in person.contacts:
        refuse_long(Contact, name=name, relation=relation, telephone=phone)
    Contact.objects.bulk_create(
        Contact(patient=patient, kind=kind, name=name, relation=relation, telephone=phone, added_at=now())
        for kind, name, relation, phone in person.contacts
    )
    _keep_referral(by, patient, "patient.registered", referrer, reason, incoming)
    return patient


@transaction.atomic
def add_referral(
    *,
    by: Actor,
    uid: str,
    referrer: str = "",
    reason: str = "",
    incoming: IncomingReferral | None = None,
    reach: Mapping[str, str] | None = None,
) -> Patient:
    """Somebody who has a record is referred again: the referral goes into that record.

    ``reach`` is what it says of telephone, e-mail and address: kept beside those in use.
    """
    patient = patient_for(by, uid, Permission.REGISTER_PATIENT, seen="")
    if incoming:
        _take(by, incoming)
    referral = _keep_referral(by, patient, "patient.referred_again", referrer, reason, incoming)
    keep_said(patient, referral, reach or {})
    if incoming:
        for module in contributions("referral_kept"):
            module.kept(by, referral)
    return patient


def _keep_referral(
    by: Actor, patient: Patient, act: str, referrer: str, reason: str, incoming: IncomingReferral | None
) -> Referral:
    referral = Referral.objects.create(
        uid=incoming.uid if incoming else new_uid(),
        patient=patient,
        by=Referral.By.FHIR if incoming else Referral.By.FORM,
        received_at=now(),
        received_by_id=by.staff_id,
        referrer=referrer,
        reason=reason,
        document=incoming.document if incoming else "",
        fingerprint=incoming.fingerprint if incoming else "",
    )
    if incoming:
        keep_warnings(referral, read_document(incoming.document))
    record(
        act,
        by=by,
        entity="referral",
        uid=referral.uid,
        patient=patient.uid,
        detail={"by": referral.by, "fingerprint": referral.fingerprint},
    )
    return referral


def _take(by: Actor, incoming: IncomingReferral) -> None:
    """Take the upload out of the waiting ones: of two at once the second waits here, and finds nothing."""
    taken, _ = IncomingReferral.objects.filter(pk=incoming.pk, clinic_id=by.clinic_id).delete()
    if not taken:
        refuse_registered(by, incoming.uid)
        raise InputError("this file waits no longer", remedy="upload it again")


@transaction.atomic
def change_identity(*, by: Actor, uid: str, changes: dict[str, Any], version: int) -> Patient:
    """Correct name, contact details or language. Raises ``Conflict`` when somebody else saved first."""
    patient = patient_for(by, uid, Permission.EDIT_PATIENT, seen="")
    identity = hold_unerased(patient)
    before = {name: getattr(identity, name) for name in IDENTITY_FIELDS}
    changed = {name: value for name, value in changes.items() if before[name] != value}
    if identity.version != version and changed:
        who, when = last_act("patient.identity_changed", clinic_uid=by.clinic_uid, patient=uid)
        raise Conflict(theirs=before, version=identity.version, who=who, when=when)
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


def hold_unerased(patient: Patient) -> Identity:
    """One after the other from here on: nobody is brought back whose identity was erased a moment ago."""
    _held(patient.pk)
    (identity,) = _identity(patient.pk)
    if identity.erased_at is not None:
        raise InputError(
            "the identity of this person was erased",
            value=f"{localtime(identity.erased_at):%-d %b %Y}",
            remedy="if they come again, register them as somebody new",
        )
    return identity


@prepared
def _identity(patient_id: int) -> QuerySet[Identity]:
    return Identity.objects.filter(patient_id=patient_id)


@transaction.atomic
def add_contact(*, by: Actor, uid: str, kind: str, name: str, telephone: str, **details: Any) -> Contact:
    """Note an emergency contact, an escort home or another person around the patient."""
    patient = patient_for(by, uid, Permission.EDIT_PATIENT, seen="")
    hold_unerased(patient)
    _refuse_contact_twice(patient, kind, name, telephone)
    contact = Contact(patient=patient, kind=kind, name=name, telephone=telephone, added_at=now(), **details)
    insert([contact])
    record(
        "contact.added", by=by, entity="contact", uid=contact.uid, patient=uid, detail={"kind": contact.kind}
    )
    return contact


def _refuse_contact_twice(patient: Patient, kind: str, name: str, telephone: str) -> None:
    """One person in one part stands once; in another part (emergency contact, escort) once more."""
    for held in _contacts(patient.pk, kind):
        if search_form(held.name) == search_form(name) and is_among(held.telephone, telephone):
            raise InputError(
                "this contact stands here already",
                value=f"{held.name}, {held.get_kind_display()}, {held.telephone}",
                remedy="to change it, end it with “No longer” and add it anew",
                where="name",
            )


@prepared
def _held(patient_id: int) -> QuerySet[Patient, tuple[int]]:
    return Patient.objects.select_for_update().filter(pk=patient_id).values_list("pk")


@prepared
def _contacts(patient_id: int, kind: str) -> QuerySet[Contact]:
    return Contact.objects.filter(patient_id=patient_id, kind=kind, ended_at__isnull=True)


@transaction.atomic
def end_contact(*, by: Actor, uid: str, contact: str) -> None:
    """The contact no longer holds; it stays in the record with its end."""
    patient = patient_for(by, uid, Permission.EDIT_PATIENT, seen="")
    ended = Contact.objects.filter(patient=patient, uid=contact, ended_at__isnull=True).update(ended_at=now())
    if ended:
        record("contact.ended", by=by, entity="contact", uid=contact, patient=uid)


@transaction.atomic
def write_crisis_plan(*, by: Actor, uid: str, version: int, words: dict[str, str]) -> None:
    """Write the crisis plan anew; every earlier version stays. Raises ``Conflict`` on a newer one."""
    patient = patient_for(by, uid, Permission.EDIT_PATIENT, seen="")
    hold_unerased(patient)
    last = CrisisPlan.objects.filter(patient=patient).order_by("-version").first()
    stored = {name: getattr(last, name, "") for name in CRISIS_FIELDS}
    if words == stored:
        return
    if last and last.version != version:
        raise Conflict(theirs=stored, version=last.version, who=last.written_by.name, when=last.written_at)
    plan = CrisisPlan.objects.create(
        patient=patient,
        version=(last.version if last else 0) + 1,
        written_by_id=by.staff_id,
        written_at=now(),
        **words,
    )
    record(
        "crisis_plan.written",
        by=by,
        entity="crisis_plan",
        uid=plan.uid,
        patient=uid,
        detail={"version": plan.version},
    )


@transaction.atomic
def join_team(*, by: Actor, uid: str, members: Sequence[tuple[int, str]]) -> None:
    """Put staff of this clinic on the patient's care team, each with a role they hold."""
    patient = patient_for(by, uid, Permission.MANAGE_CARE_TEAM, seen="")
    for staff_id, part in members:
        if not holds_role(by.clinic_id, staff_id, part):
            raise InputError(
                "this colleague does not hold that role here",
                value=part,
                remedy="choose another",
                where="staff",
            )
    put_on_team(by, patient, members)


def put_on_team(by: Actor, patient: Patient, members: Iterable[tuple[int, str]]) -> None:
    """Note that somebody treats the patient now; for acts that may give them that part."""
    for staff_id, part in members:
        _, is_new = TeamMember.objects.get_or_create(
            patient=patient, staff_id=staff_id, part=part, until=None, defaults={"since": now()}
        )
        if is_new:
            record(
                "team.joined",
                by=by,
                entity="patient",
                uid=patient.uid,
                patient=patient.uid,
                detail={"part": part},
            )


def is_on_team(by: Actor, patient: Patient) -> bool:
    """Whether this person is on the patient's care team now."""
    return TeamMember.objects.filter(patient=patient, staff_id=by.staff_id, until__isnull=True).exists()


@transaction.atomic
def leave_team(*, by: Actor, uid: str, staff_uid: str) -> None:
    """Take somebody off the care team; never the last who can let others into a restricted record."""
    patient = patient_for(by, uid, Permission.MANAGE_CARE_TEAM, seen="")
    # Two who take each other off wait for one another here.
    refuse_last_keeper(Patient.objects.select_for_update().get(pk=patient.pk), staff_uid)
    left = TeamMember.objects.filter(patient=patient, staff__uid=staff_uid, until__isnull=True)
    if left.update(until=now()):
        record("team.left", by=by, entity="patient", uid=uid, patient=uid, detail={"staff": staff_uid})


@transaction.atomic
def restrict(*, by: Actor, uid: str, is_restricted: bool, reason: str) -> None:
    """Open the chart to the care team only, or to the clinic again.

    Who restricts it is on the team from then on: somebody must be able to open it again.
    """
    patient = patient_for(by, uid, Permission.RESTRICT_PATIENT, seen="")
    if not reason.strip():
        raise InputError("a reason is needed", remedy="say why in a few words", where="reason")
    patient = Patient.objects.select_for_update().get(pk=patient.pk)
    if is_restricted and not is_on_team(by, patient):
        part = next(role for role in HOLDERS[Permission.RESTRICT_PATIENT] if role in by.roles)
        put_on_team(by, patient, [(by.staff_id, part.value)])
    Patient.objects.filter(pk=patient.pk).update(is_restricted=is_restricted)
    record(
        "patient.restricted" if is_restricted else "patient.unrestricted",
        by=by,
        entity="patient",
        uid=uid,
        patient=uid,
        reason=reason,
    )


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
