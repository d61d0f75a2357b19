"""How a person obtains rows about staff: their own, or, for the site administrator, those of their clinic."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import BreakGlass, RoleAssignment, Staff
from openkap.care.moment import now
from openkap.care.permissions import Permission


def require(by: Actor, permission: Permission) -> None:
    """Raise ``PermissionDenied`` unless the person holds the right at their clinic."""
    if not by.may(permission):
        raise PermissionDenied(f"needs the right to {permission.value.replace('_', ' ')}")


def staff_of_clinic(by: Actor) -> QuerySet[Staff]:
    """Everybody with a role, past or present, at the person's clinic."""
    return Staff.objects.filter(assignments__clinic_id=by.clinic_id).distinct().order_by("name")


def colleague(by: Actor, uid: str, permission: Permission) -> Staff:
    """One member of the clinic's staff, for somebody who holds the right; 404 for anybody else's."""
    require(by, permission)
    found = staff_of_clinic(by).filter(uid=uid).first()
    if found is None:
        raise Http404("no such colleague at this clinic")
    return found


def holds_role(clinic_id: int, staff_id: int, role: str) -> bool:
    """Whether somebody plays that role at the clinic now."""
    moment = now()
    held = RoleAssignment.objects.filter(clinic_id=clinic_id, staff_id=staff_id, role=role, since__lte=moment)
    return held.filter(Q(until__isnull=True) | Q(until__gt=moment), staff__is_active=True).exists()


def open_glass(by: Actor, patient_uid: str) -> BreakGlass | None:
    """The emergency door this person has open to that patient, if any."""
    return BreakGlass.objects.filter(
        staff_id=by.staff_id, clinic_id=by.clinic_id, patient_uid=patient_uid, expires_at__gt=now()
    ).first()
