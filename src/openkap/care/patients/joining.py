"""A referral of somebody who is treated here: kept in their record, beside what stands, never over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.moment import now
from openkap.care.patients.access import patient_for
from openkap.care.patients.actions import IDENTITY_FIELDS, about_the_person, add_referral, hold_unerased
from openkap.care.patients.contact_points import KINDS, is_same
from openkap.care.patients.forms import LANGUAGES
from openkap.care.patients.models import Contact, Identifier, IncomingReferral, Patient
from openkap.care.patients.names import search_form
from openkap.care.patients.out_of_care import refuse_out_of_care
from openkap.care.patients.telephones import EITHER, is_among
from openkap.care.permissions import Permission

# Without the permission to write text messages: a file says nothing about it.
ABOUT_THE_PERSON = (*(name for name in IDENTITY_FIELDS if name != "may_text"), "sex", "is_veteran")


@dataclass(frozen=True, slots=True)
class Beside:
    """One field as the referral says it, and as it stands in the record."""

    name: str
    label: str
    said: str
    held: str

    @property
    def differs(self) -> bool:
        """What the referral does not say, differs from nothing."""
        return bool(self.said) and not is_same(self.name, self.said, self.held)

    @property
    def is_kept(self) -> bool:
        """Stands beside what is in use, once the referral joins the record."""
        return self.differs and self.name in KINDS


def beside(by: Actor, uid: str, given: Mapping[str, Any], labels: Mapping[str, str]) -> list[Beside]:
    """What the referral says of the person beside what their record says, without what neither says."""
    patient = patient_for(by, uid, Permission.REGISTER_PATIENT, seen="identity, beside a referral")
    held = about_the_person(patient)
    rows = [
        Beside(name, labels[name], _said(name, given[name]), _said(name, held[name]))
        for name in ABOUT_THE_PERSON
    ]
    return [row for row in rows if row.said or row.held]


def _said(name: str, value: Any) -> str:
    if value is None or (name == "sex" and value == Patient.Sex.UNKNOWN):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return f"{value:%-d %b %Y}"
    return dict(LANGUAGES).get(value, value) if name == "language" else str(value)


@transaction.atomic
def join_referral(
    *,
    by: Actor,
    uid: str,
    referrer: str = "",
    reason: str = "",
    incoming: IncomingReferral | None = None,
    identifiers: Iterable[tuple[str, str]] = (),
    contacts: Iterable[tuple[str, str, str, str]] = (),
    reach: Mapping[str, str] | None = None,
) -> Patient:
    """The referral goes into the record of the same person; what stands there stays as it is.

    Numbers of other systems and people around them that the record does not have yet are added; another
    telephone, e-mail or address (``reach``) stands beside that in use.
    """
    patient = patient_for(by, uid, Permission.REGISTER_PATIENT, seen="")
    refuse_out_of_care(patient)
    # Two who keep the same file wait for one another here.
    hold_unerased(patient)
    add_referral(by=by, uid=uid, referrer=referrer, reason=reason, incoming=incoming, reach=reach)
    for system, value in identifiers:
        Identifier.objects.get_or_create(patient=patient, system=system, value=value)
    _add_contacts(by, patient, contacts)
    return patient


def _add_contacts(by: Actor, patient: Patient, contacts: Iterable[tuple[str, str, str, str]]) -> None:
    held = list(Contact.objects.filter(patient=patient, ended_at__isnull=True))
    for kind, name, relation, telephone in contacts:
        if any(
            search_form(each.name) == search_form(name)
            and (not telephone or any(is_among(each.telephone, one) for one in telephone.split(EITHER)))
            for each in held
        ):
            continue
        row = Contact.objects.create(
            patient=patient, kind=kind, name=name, relation=relation, telephone=telephone, added_at=now()
        )
        held.append(row)
        record(
            "contact.added",
            by=by,
            entity="contact",
            uid=row.uid,
            patient=patient.uid,
            detail={"kind": kind},
        )
