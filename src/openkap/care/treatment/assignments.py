"""Sessions and visits to come with somebody, and whether they may still take them: no names of patients."""

from __future__ import annotations

from django.db.models import Q
from django.utils.timezone import localdate

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.credentials import lacking
from openkap.care.accounts.models import Staff
from openkap.care.contributions import Assignment
from openkap.care.moment import now
from openkap.care.permissions import Role
from openkap.care.treatment.models import Session, Visit

MOST = 200


def assignments(by: Actor, person: Staff) -> list[Assignment]:
    """Every planned date of this clinic on which the person is needed."""
    sessions = (
        Session.objects.filter(
            Q(nurse=person) | Q(prescriber=person),
            state=Session.State.PLANNED,
            starts_at__gt=now(),
            chair__clinic_id=by.clinic_id,
        )
        .select_related("chair")
        .order_by("starts_at")[:MOST]
    )
    visits = Visit.objects.filter(
        therapist=person,
        state=Visit.State.PLANNED,
        starts_at__gt=now(),
        patient__clinic_id=by.clinic_id,
    ).order_by("starts_at")[:MOST]
    needed = [
        (row.starts_at, f"Session {row.number} as {role.words}, {row.chair.name}", role)
        for row in sessions
        for role, holder in ((Role.NURSE, row.nurse_id), (Role.PRESCRIBER, row.prescriber_id))
        if holder == person.pk
    ]
    needed += [(row.starts_at, row.get_kind_display().capitalize(), Role.THERAPIST) for row in visits]
    lacks = lacking((person.pk, role, localdate(at)) for at, _, role in needed)
    return [
        Assignment(at, what, lacks.get((person.pk, role, localdate(at)), "")) for at, what, role in needed
    ]
