"""Who of a care team can let others into a restricted record: without one it would stay shut for good.

That takes the right to change the team, from a role held at the clinic now. Restricting leaves such a
member, nobody takes the last one off, and where a role ended all the same broken glass opens the team.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from openkap.care.accounts.models import RoleAssignment
from openkap.care.moment import now
from openkap.care.patients.models import Patient, TeamMember
from openkap.care.permissions import HOLDERS, Permission
from openkap.core.errors import InputError

MAY_LET_IN = tuple(role.value for role in HOLDERS[Permission.MANAGE_CARE_TEAM])


def has_keeper(patient: Patient) -> bool:
    """Whether somebody on the team can let others in."""
    return _keepers(patient.pk, now()).exists()


def without_keeper(clinic: int | OuterRef, moment: datetime) -> QuerySet[Patient]:
    """Restricted records of a clinic that nobody on their team can open to others."""
    shut = Patient.objects.filter(clinic=clinic, is_restricted=True)
    return shut.exclude(Exists(_keepers(OuterRef("pk"), moment)))


def refuse_last_keeper(patient: Patient, staff_uid: str) -> None:
    """Nobody takes the last one off the team of a restricted record who can let others in."""
    if not patient.is_restricted:
        return
    keepers = {row.staff.uid: row.staff.name for row in _keepers(patient.pk, now()).select_related("staff")}
    if set(keepers) == {staff_uid}:
        raise InputError(
            f"{keepers[staff_uid]} is the last on the team who can let others into this restricted record",
            remedy="put another prescriber or coordinator on the team first, or open the record to the "
            "whole clinic again on its chart",
            where="leave",
        )


def _keepers(patient: int | OuterRef, moment: datetime) -> QuerySet[TeamMember]:
    held = RoleAssignment.objects.filter(
        Q(until__isnull=True) | Q(until__gt=moment),
        staff=OuterRef("staff"),
        clinic=OuterRef("patient__clinic"),
        role__in=MAY_LET_IN,
        since__lte=moment,
    )
    members = TeamMember.objects.filter(patient=patient, until__isnull=True, staff__is_active=True)
    return members.filter(Exists(held))
