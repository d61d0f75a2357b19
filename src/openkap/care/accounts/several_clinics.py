"""People who work at several clinics: who may act on what they have everywhere, and who is told of it.

An account, its second factor and its credentials are one, wherever somebody works. So they are changed by an
administrator of the clinic that the person came to first, or of all of them; and each clinic's chain says so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db.models import Q, QuerySet

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Clinic, RoleAssignment, Staff
from openkap.care.audit.actions import record
from openkap.care.moment import now
from openkap.care.permissions import Role
from openkap.core.errors import InputError


def clinics_of(person: Staff) -> list[Clinic]:
    """Where somebody works now, or last worked, the clinic they came to first in front."""
    ever = RoleAssignment.objects.filter(staff=person).select_related("clinic").order_by("since", "id")
    rows = list(_held(ever)) or list(ever)
    return list({row.clinic_id: row.clinic for row in rows}.values())


def _held(rows: QuerySet[RoleAssignment]) -> QuerySet[RoleAssignment]:
    moment = now()
    return rows.filter(Q(until__isnull=True) | Q(until__gt=moment), since__lte=moment)


def kept_elsewhere(by: Actor, person: Staff) -> str:
    """The clinic whose administrator keeps the person's account; empty where this one may."""
    clinics = clinics_of(person)
    if not clinics or clinics[0].pk == by.clinic_id:
        return ""
    mine = _held(RoleAssignment.objects.filter(staff_id=by.staff_id, role=Role.SITE_ADMIN))
    administered = set(mine.values_list("clinic_id", flat=True))
    return "" if administered.issuperset(each.pk for each in clinics) else clinics[0].name


def require_keeper(by: Actor, person: Staff, *, where: str) -> None:
    """Refuse what would reach into another clinic."""
    if keeper := kept_elsewhere(by, person):
        raise InputError(
            f"{person.name} works at another clinic too, and this would change it there",
            limit=f"an administrator of {keeper}, or of every clinic they work at",
            remedy=f"ask the administrator of {keeper}",
            where=where,
        )


def record_at_all(action: str, *, by: Actor, person: Staff, detail: dict[str, Any], **told: str) -> None:
    """One event in the chain of every clinic of the person, and of the one where it was done."""
    # Always in the same order, so that two who do this at once never wait for each other.
    for chain in sorted({by.clinic_uid, *(each.uid for each in clinics_of(person))}):
        record(action, by=replace(by, clinic_uid=chain), detail=detail | {"done_at": by.clinic_uid}, **told)
