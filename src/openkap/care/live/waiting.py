"""Alerts that nobody answered, on their way: to the session's prescriber, then to everybody who may act.

Two circles, each after the span of ``escalates_after``. The second has the clinic's other prescribers and its
nurses. Nobody is named who may not act; the lead, who can open none of it, reads how many wait and where, to
send somebody. Where no prescriber is left, it says so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from openkap.care.accounts.access import require
from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import RoleAssignment
from openkap.care.moment import now
from openkap.care.patients.access import scope_of, visible
from openkap.care.patients.models import TeamMember
from openkap.care.permissions import HOLDERS, Permission, Role
from openkap.care.prepared import prepared
from openkap.care.treatment.models import Alert, Session
from openkap.care.treatment.planning.parts import here
from openkap.protocol.windows import windows

MOST = 50
NOBODY_LEFT = "no other prescriber is here: open the emergency card and call for help"


def waiting_for(by: Actor) -> dict[str, Any]:
    """How many, since when, and where to answer them: the one chair, or the board when there are more."""
    further = now() - windows().span("escalates_after")
    sees_patients = by.may(Permission.RECORD_SESSION)
    if sees_patients:
        found = _escalated(*scope_of(by, Permission.RECORD_SESSION), further)
    else:
        require(by, Permission.SEE_AGGREGATES)
        found = _of_clinic(by.clinic_id, further)
    if not found:
        return {"count": 0}
    places = {(patient, session): chair for patient, session, chair, _ in found}
    is_one = len(places) == 1 and sees_patients
    return {
        "count": len(found),
        "since": found[0][3],
        "where": ", ".join(dict.fromkeys(places.values())),
        "url": reverse("live", args=next(iter(places))) if is_one else reverse("board"),
        "may_act": sees_patients,
    }


def _gone_further(further: datetime) -> Q:
    """Nobody answered for another span, or the session's prescriber does not work here any more."""
    is_here = here("session__prescriber", "session__patient__clinic", Role.PRESCRIBER)
    return Q(escalated_at__lte=further) | Q(~is_here)


def _open(rows: QuerySet[Alert]) -> QuerySet[Alert, tuple[str, str, str, datetime | None]]:
    order = rows.filter(acknowledged_at__isnull=True, escalated_at__isnull=False).order_by(
        "escalated_at", "id"
    )
    return order.values_list("session__patient__uid", "session__uid", "session__chair__name", "escalated_at")[
        :MOST
    ]


@prepared
def _escalated(
    clinic_id: int, staff_id: int, further: datetime
) -> QuerySet[Alert, tuple[str, str, str, datetime | None]]:
    mine = Q(session__prescriber_id=staff_id)
    rows = Alert.objects.filter(session__patient__in=visible(clinic_id, staff_id))
    return _open(rows.filter(mine | _gone_further(further)))


@prepared
def _of_clinic(clinic_id: int, further: datetime) -> QuerySet[Alert, tuple[str, str, str, datetime | None]]:
    rows = Alert.objects.filter(session__patient__clinic_id=clinic_id)
    return _open(rows.filter(_gone_further(further)))


def gone_to(session: Session, since: datetime, moment: datetime) -> str:
    """Whom an alert of the session has reached that nobody answered, in words."""
    people = _who_may_act(session.patient.clinic_id, moment)
    if session.patient.is_restricted:
        team = set(_team(session.patient_id))
        people = [each for each in people if each[0] in team]
    named = [name for pk, name, role in people if pk == session.prescriber_id and role == Role.PRESCRIBER]
    if named and moment - since < windows().span("escalates_after"):
        return named[0]
    others = [name for pk, name, role in people if role == Role.PRESCRIBER and pk != session.prescriber_id]
    rest = [name for _, name, role in people if role == Role.NURSE]
    told = ", ".join(dict.fromkeys([*named, *others, *rest]))
    if others:
        return told
    return f"{told}; {NOBODY_LEFT}" if told else NOBODY_LEFT


@prepared
def _who_may_act(clinic_id: int, moment: datetime) -> QuerySet[RoleAssignment, tuple[int, str, str]]:
    rows = RoleAssignment.objects.filter(
        Q(until__isnull=True) | Q(until__gt=moment),
        clinic_id=clinic_id,
        role__in=[each.value for each in HOLDERS[Permission.RECORD_SESSION]],
        since__lte=moment,
        staff__is_active=True,
    )
    return rows.order_by("staff__name", "id").values_list("staff_id", "staff__name", "role")


@prepared
def _team(patient_id: int) -> QuerySet[TeamMember, int]:
    rows = TeamMember.objects.filter(patient_id=patient_id, until__isnull=True)
    return rows.values_list("staff_id", flat=True)
