"""Invented people: names, referrals, teams, contacts. Nobody here exists."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from openkap.care.accounts.actor import Actor, actor_for
from openkap.care.accounts.models import RoleAssignment, Staff
from openkap.care.demo.cast import Troupe, certify
from openkap.care.moment import now
from openkap.care.patients.actions import (
    NewPatient,
    add_contact,
    join_team,
    register_referral,
    write_crisis_plan,
)
from openkap.care.patients.models import Patient
from openkap.care.permissions import Role

FAMILIES = [
    "Abara",
    "Brandt",
    "Castillo",
    "Dubois",
    "Eriksen",
    "Fofana",
    "Garcia",
    "Haddad",
    "Ivanova",
    "Jensen",
    "Kovacs",
    "Lopez",
    "Moreau",
    "Nakamura",
    "Okonkwo",
    "Petrov",
    "Quist",
    "Rossi",
    "Santos",
    "Tanaka",
    "Ueda",
    "Vargas",
    "Weiss",
    "Xu",
    "Yilmaz",
    "Zeller",
]
GIVEN = [
    "Alex",
    "Bela",
    "Chris",
    "Dana",
    "Elif",
    "Fran",
    "Gabi",
    "Hanne",
    "Imre",
    "Jules",
    "Kim",
    "Lou",
    "Mika",
    "Noa",
    "Oli",
    "Pat",
    "Quinn",
    "Robin",
    "Sam",
    "Toni",
]
REFERRERS = ("General practice", "Veterans' outreach", "Community team", "Trauma clinic", "Self")
REASONS = (
    "PTSD, two therapies tried",
    "PTSD with depression, asks for ketamine treatment",
    "Military trauma, sleeps badly, prolonged exposure stopped half-way",
    "Complex trauma, stable now, wants to be assessed",
)
# Colleagues beside the cast, so that courses can run side by side.
MORE = (
    ("nia", "Nia Bergström", Role.NURSE),
    ("omar", "Omar Sayed", Role.NURSE),
    ("theo", "Theo Lindgren", Role.THERAPIST),
    ("yara", "Yara Mendes", Role.THERAPIST),
)


@dataclass
class Clinic:
    """Everybody who works in the demo clinic, and the dice."""

    troupe: Troupe
    dice: Random
    people: dict[str, Staff] = field(default_factory=dict)
    actors: dict[str, Actor] = field(default_factory=dict)

    def by(self, key: str) -> Actor:
        """Somebody of the clinic as the one who acts."""
        if key not in self.actors:
            self.actors[key] = actor_for(self.people[key])
        return self.actors[key]


def open_clinic(troupe: Troupe, dice: Random) -> Clinic:
    """The cast and their colleagues."""
    people = dict(troupe.people)
    for key, name, role in MORE:
        person = Staff.objects.create(
            email=f"{key}@example.org", name=name, password=troupe.people["ada"].password, created_at=now()
        )
        RoleAssignment.objects.create(staff=person, clinic=troupe.clinic, role=role, since=now())
        certify(person, role, people["sia"], now())
        people[key] = person
    return Clinic(troupe, dice, people)


def refer(clinic: Clinic, *, nurse: str = "ben", therapist: str = "tess") -> Patient:
    """One referral, with a care team, contacts, and for many a crisis plan."""
    dice, by = clinic.dice, clinic.by("cora")
    person = NewPatient(
        family_name=dice.choice(FAMILIES),
        given_name=dice.choice(GIVEN),
        birth_date=date(1950, 1, 1) + timedelta(days=dice.randrange(365 * 52)),
        sex=dice.choice(["female", "male"]),
        is_veteran=dice.choice([True, False, None]),
        language="en",
        needs_interpreter=False,
        telephone=f"+1 555 01{dice.randrange(10_000):04}",
        email=f"p{dice.randrange(10**6)}@example.org" if dice.random() < 0.9 else "",
    )
    patient = register_referral(
        by=by, person=person, referrer=dice.choice(REFERRERS), reason=dice.choice(REASONS)
    )
    parts = [("ada", "prescriber"), (nurse, "nurse"), ("cora", "coordinator"), (therapist, "therapist")]
    join_team(by=by, uid=patient.uid, members=[(clinic.people[key].pk, part) for key, part in parts])
    for kind in ("emergency", "escort"):
        if dice.random() < 0.8:
            _contact(clinic, patient, kind, person.family_name)
    if dice.random() < 0.6:
        _plan(clinic, patient)
    return patient


def _contact(clinic: Clinic, patient: Patient, kind: str, family_name: str) -> None:
    dice = clinic.dice
    add_contact(
        by=clinic.by("cora"),
        uid=patient.uid,
        kind=kind,
        name=f"{dice.choice(GIVEN)} {family_name}",
        telephone=f"+1 555 01{dice.randrange(10_000):04}",
        relation=dice.choice(["partner", "sister", "brother", "friend"]),
        may_be_told=dice.random() < 0.7,
    )


def _plan(clinic: Clinic, patient: Patient) -> None:
    words = {
        "warning_signs": "I stop answering messages and sleep in my clothes.",
        "what_helps": "Walking with the dog; the playlist; cold water.",
        "people_to_call": "My sister, then the crisis line.",
        "safe_place": "My sister's kitchen.",
    }
    write_crisis_plan(by=clinic.by("tess"), uid=patient.uid, version=0, words=words)
