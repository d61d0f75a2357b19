"""Reads about the people who work here."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import RoleAssignment
from openkap.care.moment import now
from openkap.care.permissions import Role


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody in one of their roles at this clinic."""

    staff_id: int
    uid: str
    name: str
    role: str

    @property
    def role_words(self) -> str:
        return Role(self.role).words


def colleagues_by_role(by: Actor, *roles: Role) -> list[Colleague]:
    """The clinic's people who treat, or those in the given roles, by role and name."""
    wanted = roles or (Role.PRESCRIBER, Role.NURSE, Role.THERAPIST, Role.COORDINATOR)
    moment = now()
    rows = (
        RoleAssignment.objects.filter(clinic_id=by.clinic_id, role__in=wanted, since__lte=moment)
        .filter(Q(until__isnull=True) | Q(until__gt=moment), staff__is_active=True)
        .select_related("staff")
        .order_by("role", "staff__name")
    )
    return [Colleague(row.staff_id, row.staff.uid, row.staff.name, row.role) for row in rows]
