"""Fills the demo clinic: the cast, and invented patients. Seeded: the same clinic every time."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from django.db import transaction

from openkap.care.accounts.actor import actor_for
from openkap.care.accounts.models import Clinic
from openkap.care.demo.cast import Troupe, hire
from openkap.care.ids import seeded_ids
from openkap.care.moment import clock_at, now
from openkap.care.patients.actions import NewPatient, add_contact, join_team, register_referral

SEED = 20261123
FAMILIES = (
    *("Abara", "Brandt", "Castillo", "Dubois", "Eriksen", "Fofana", "Garcia", "Haddad"),
    *("Ivanova", "Jensen", "Kovacs", "Lopez", "Moreau"),
)
GIVEN = (
    *(
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
    ),
    *("Noa", "Oli", "Pat", "Quinn", "Robin", "Sam", "Toni"),
)
PATIENTS = 120


def fill_if_empty() -> int:
    """Fill the database unless it has a clinic; returns how many patients were made."""
    return 0 if Clinic.objects.exists() else fill(Random(SEED))  # noqa: S311 - a seed, not a secret


@transaction.atomic
def fill(dice: Random, *, patients: int = PATIENTS) -> int:
    """Make the cast and their patients over the last eighteen months."""
    today = now()
    with seeded_ids(dice):
        troupe = hire(today - timedelta(days=600))
        for number in range(patients):
            moment = today - timedelta(days=540 - 540 * number // patients, minutes=dice.randrange(480))
            with clock_at(moment):
                _register(troupe, dice)
    return patients


def _register(troupe: Troupe, dice: Random) -> None:
    by = actor_for(troupe.people["cora"])
    person = NewPatient(
        family_name=dice.choice(FAMILIES),
        given_name=dice.choice(GIVEN),
        birth_date=date(1950, 1, 1) + timedelta(days=dice.randrange(365 * 52)),
        sex=dice.choice(["female", "male"]),
        is_veteran=dice.choice([True, False, None]),
        telephone=f"+1 555 01{dice.randrange(10_000):04}",
        email=f"p{dice.randrange(10**6)}@example.org",
    )
    patient = register_referral(by=by, person=person, referrer="General practice", reason="PTSD")
    parts = [("ada", "prescriber"), ("ben", "nurse"), ("cora", "coordinator"), ("tess", "therapist")]
    join_team(by=by, uid=patient.uid, members=[(troupe.people[key].pk, part) for key, part in parts])
    if dice.random() < 0.8:
        add_contact(
            by=by,
            uid=patient.uid,
            kind="emergency",
            name=f"{dice.choice(GIVEN)} {person.family_name}",
            telephone=f"+1 555 01{dice.randrange(10_000):04}",
            relation=dice.choice(["partner", "sister", "brother", "friend"]),
        )
