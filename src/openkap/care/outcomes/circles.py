"""Who is called about a patient: their own people first, then wider, as long as somebody new is named."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import Exists, OuterRef, Q

from openkap.care.accounts.models import RoleAssignment, Staff
from openkap.care.moment import now
from openkap.care.patients.models import Patient, TeamMember
from openkap.care.permissions import Role

# Who is called in which circle: the patient's own prescriber; everybody clinical of the team; the clinic's
# prescribers and nurses; and then everybody else who may answer.
TEAM_CIRCLES: tuple[tuple[Role, ...], ...] = (
    (Role.PRESCRIBER,),
    (Role.PRESCRIBER, Role.NURSE, Role.THERAPIST, Role.COORDINATOR),
)
CLINIC_CIRCLES: tuple[tuple[Role, ...], ...] = (
    (Role.PRESCRIBER, Role.NURSE),
    (Role.THERAPIST, Role.COORDINATOR),
)


def circle(patient: Patient) -> list[Staff]:
    """The first people to call; where a circle is empty, the next wider one."""
    return next((found for found in _circles(patient) if found), [])


def wider(patient: Patient, called: Collection[int]) -> tuple[list[Staff], bool]:
    """The next circle that holds somebody who was not called yet, and whether there is one.

    Where nobody further is named, everybody who is: they are called again.
    """
    everybody: dict[int, Staff] = {}
    for found in _circles(patient):
        if any(person.pk not in called for person in found):
            return found, True
        everybody |= {person.pk: person for person in found}
    return sorted(everybody.values(), key=_by_name), False


def named(patient: Patient, keys: Collection[int]) -> list[Staff]:
    """Those of these people who can still be called about the patient."""
    found = {person.pk: person for people in _circles(patient) for person in people if person.pk in keys}
    return sorted(found.values(), key=_by_name)


def _circles(patient: Patient) -> Iterator[list[Staff]]:
    """Each circle, asked for only when it is reached.

    Only who works here now: a part in a care team alone calls nobody who has left. Of a merged record the
    team of the one in use is called too.
    """
    live = RoleAssignment.objects.filter(
        Q(until__isnull=True) | Q(until__gt=now()), clinic_id=patient.clinic_id, since__lte=now()
    )
    for roles in TEAM_CIRCLES:
        team = TeamMember.objects.filter(
            Exists(live.filter(staff_id=OuterRef("staff_id"), role=OuterRef("part"))),
            patient_id__in=[key for key in (patient.pk, patient.merged_into_id) if key],
            until__isnull=True,
            part__in=roles,
        )
        yield _people(Q(pk__in=team.values("staff_id")))
    for roles in CLINIC_CIRCLES:
        yield _people(Q(pk__in=live.filter(role__in=roles).values("staff_id")))


def which_call(number: int) -> str:
    """Which call of a person it is, in words; the first needs none."""
    known = {1: "", 2: "second call", 3: "third call"}
    return known.get(number, f"call number {number}")


def _people(which: Q) -> list[Staff]:
    """Who was invited and has not chosen a password yet cannot open what they would be called to."""
    can_log_in = Staff.objects.exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    return list(can_log_in.filter(which, is_active=True).order_by("name", "pk"))


def _by_name(person: Staff) -> tuple[str, int]:
    return person.name, person.pk
