"""The fixed cast: the same people in the demo, in the tests and on the screenshots."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from openkap.care.accounts.actor import actor_for
from openkap.care.accounts.models import Clinic, Credential, RoleAssignment, Staff
from openkap.care.accounts.requirements import requirements_of
from openkap.care.demo.clinic_words import WORDS
from openkap.care.enrolment.own_words import write_words
from openkap.care.enrolment.texts import drafted, release
from openkap.care.permissions import Role

# Public on purpose: these people are invented and exist in demo and test databases only.
PASSWORD = "demo demo demo"  # noqa: S105

# Longer than the demo's past and its near future.
CREDENTIAL_LASTS = timedelta(days=1095)


@dataclass(frozen=True, slots=True)
class Part:
    """One person of the cast."""

    key: str
    name: str
    role: Role
    says: str
    clinic: str = "main"


CAST = (
    Part(
        "ada", "Ada Lindqvist", Role.PRESCRIBER, "decides who is treated, with which dose, and signs for it"
    ),
    Part("ben", "Ben Okafor", Role.NURSE, "gives the session, watches, and lets people go home"),
    Part("cora", "Cora Delgado", Role.COORDINATOR, "takes referrals, asks the screening, plans the dates"),
    Part("tess", "Tess Amari", Role.THERAPIST, "prepares, accompanies and works the experience through"),
    Part("dov", "Dov Mandel", Role.LEAD, "sees how the clinic does, never who the patients are"),
    Part("sia", "Sia Novak", Role.SITE_ADMIN, "keeps people, roles and credentials in order"),
    Part("ari", "Ari Castellan", Role.AUDITOR, "reads who saw and did what"),
    Part(
        "eve",
        "Eve Thornton",
        Role.PRESCRIBER,
        "works at the other clinic and sees nothing of this one",
        "other",
    ),
)


@dataclass(frozen=True, slots=True)
class Troupe:
    """The cast as rows: two clinics and the people by key."""

    clinic: Clinic
    other: Clinic
    people: dict[str, Staff]


def hire(moment: datetime, *, password_hash: str = "") -> Troupe:
    """Make both clinics and everybody in them; a ready hash saves the tests the slow hashing."""
    from django.contrib.auth.hashers import make_password

    secret = password_hash or make_password(PASSWORD)
    clinics = {
        "main": Clinic.objects.create(name="Harbour Clinic (synthetic)", is_synthetic=True),
        "other": Clinic.objects.create(name="Hilltop Clinic (synthetic)", is_synthetic=True),
    }
    people = {}
    for part in CAST:
        person = Staff.objects.create(
            email=f"{part.key}@example.org", name=part.name, password=secret, created_at=moment
        )
        RoleAssignment.objects.create(staff=person, clinic=clinics[part.clinic], role=part.role, since=moment)
        people[part.key] = person
    _credentials(people, moment)
    _release_texts(people)
    return Troupe(clinics["main"], clinics["other"], people)


def _release_texts(people: dict[str, Staff]) -> None:
    """The original text, at one clinic with its own words; translations wait, as at every new clinic."""
    for part, words in WORDS.items():
        write_words(by=actor_for(people["ada"]), language="en", part=part, words=words, seen=0)
    for key, because in (("ada", ""), ("eve", "an invented clinic that tells it on a paper of its own")):
        by = actor_for(people[key])
        release(
            by=by,
            language="en",
            seen=next(each.text.fingerprint for each in drafted(by) if each.text.language == "en"),
            reviewed_by="invented readers of the demo",
            person=people[key],
            left_empty_because=because,
        )


def _credentials(people: dict[str, Staff], moment: datetime) -> None:
    """Everybody who treats has what their role needs, seen by the administrator."""
    for part in CAST:
        certify(people[part.key], part.role, people["sia"], moment)


def certify(person: Staff, role: Role, checked_by: Staff, moment: datetime) -> None:
    """Record everything a role needs as issued that day."""
    issued = moment.date()
    Credential.objects.bulk_create(
        Credential(
            staff=person,
            kind=each.kind,
            amount=each.amount,
            issued_on=issued,
            expires_on=issued + CREDENTIAL_LASTS if each.expires else None,
            evidence=f"invented certificate for {each.words}",
            checked_by=checked_by,
            checked_at=moment,
        )
        for each in requirements_of(role)
    )
