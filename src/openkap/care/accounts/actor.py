"""Who is asking: a person at one clinic with the rights of their roles there, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import QuerySet

from openkap.care.accounts.models import Clinic, RoleAssignment, Staff
from openkap.care.moment import now
from openkap.care.permissions import Permission, Role, permissions_of
from openkap.care.prepared import prepared

# No database gives this number to a row: a lookup with it finds nothing, a foreign key to it is refused.
NO_ROW = 0


@dataclass(frozen=True, slots=True)
class Actor:
    """The ``by`` of every action and every access function.

    ``staff_id`` and ``clinic_id`` are database numbers and stay inside; ``uid`` and ``clinic_uid`` are
    what is shown and audited. ``through`` says on whose behalf when it is not a member of staff.
    """

    uid: str
    name: str
    clinic_uid: str = ""
    clinic_name: str = ""
    staff_id: int = NO_ROW
    clinic_id: int = NO_ROW
    roles: frozenset[Role] = frozenset()
    permissions: frozenset[Permission] = frozenset()
    time_zone: str = "UTC"
    is_synthetic: bool = False
    # Other clinics this person works at, as (uid, name).
    others: tuple[tuple[str, str], ...] = field(default=())

    def may(self, permission: Permission) -> bool:
        """Whether this person holds the right here."""
        return permission in self.permissions

    @property
    def role_words(self) -> str:
        """Their roles, for the screen and the audit."""
        return ", ".join(sorted(role.words for role in self.roles))


def actor_for(person: Staff, clinic_uid: str = "") -> Actor:
    """The person at that clinic, or at their first one; without any role they have no right at all."""
    moment = now()
    # ``request.user`` is a proxy: its attributes are reached, not its dictionary.
    rows = getattr(person, "roles_read", None)
    if rows is not None:
        del person.roles_read
    held = [
        assignment
        for assignment in (held_roles(person.pk, moment) if rows is None else rows)
        if assignment.until is None or assignment.until > moment
    ]
    clinics: dict[str, Clinic] = {each.clinic.uid: each.clinic for each in held}
    if not clinics:
        return Actor(uid=person.uid, name=person.name, staff_id=person.pk)
    clinic = clinics.get(clinic_uid) or next(iter(clinics.values()))
    roles = frozenset(Role(each.role) for each in held if each.clinic_id == clinic.pk)
    return Actor(
        uid=person.uid,
        name=person.name,
        clinic_uid=clinic.uid,
        clinic_name=clinic.name,
        staff_id=person.pk,
        clinic_id=clinic.pk,
        roles=roles,
        permissions=permissions_of(roles),
        time_zone=clinic.time_zone,
        is_synthetic=clinic.is_synthetic,
        others=tuple((uid, each.name) for uid, each in clinics.items() if uid != clinic.uid),
    )


@prepared
def held_roles(staff_id: int, moment: datetime) -> QuerySet[RoleAssignment]:
    """Roles that have begun, ended ones included, with person and clinic."""
    held = RoleAssignment.objects.filter(staff_id=staff_id, since__lte=moment)
    return held.select_related("clinic", "staff").order_by("clinic__name", "id")


def job_actor(name: str, clinic: Clinic | None = None) -> Actor:
    """A job, working for one clinic or for the whole installation."""
    return Actor(
        uid=f"job:{name}",
        name=name,
        clinic_uid=clinic.uid if clinic else "",
        clinic_name=clinic.name if clinic else "",
        clinic_id=clinic.pk if clinic else NO_ROW,
    )


def patient_actor(patient_uid: str, clinic: Clinic) -> Actor:
    """A patient who came through a signed link: no rights beyond what the link itself opens."""
    return Actor(
        uid=f"patient:{patient_uid}",
        name="patient",
        clinic_uid=clinic.uid,
        clinic_name=clinic.name,
        clinic_id=clinic.pk,
        time_zone=clinic.time_zone,
        is_synthetic=clinic.is_synthetic,
    )


# Before anybody is known.
NOBODY = Actor(uid="", name="")


def is_open(expires_at: datetime) -> bool:
    """Whether a time limit is still ahead."""
    return expires_at > now()
