"""Reads about the people who work here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import Q, QuerySet

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.backends import is_locked
from openkap.care.accounts.credentials import Standing, revoked_words, standing_of, standings_in
from openkap.care.accounts.models import BreakGlass, Credential, RoleAssignment, Staff
from openkap.care.accounts.requirements import kinds
from openkap.care.accounts.several_clinics import kept_elsewhere
from openkap.care.contributions import Assignment, contributions
from openkap.care.messaging.undelivered import ACCOUNT, in_words, undelivered_fields
from openkap.care.moment import now, today
from openkap.care.permissions import Role
from openkap.care.prepared import prepared


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
    rows = _current_roles(by).filter(role__in=wanted).select_related("staff").order_by("role", "staff__name")
    return [Colleague(row.staff_id, row.staff.uid, row.staff.name, row.role) for row in rows]


@dataclass(frozen=True, slots=True)
class ListedColleague:
    """One line of the staff list."""

    uid: str
    name: str
    email: str
    roles: tuple[str, ...]
    # requirements that are not met or end soon, with their tone
    gaps: tuple[Standing, ...]
    has_second_factor: bool
    # whether any of their roles asks for a credential at all
    is_asked: bool
    # to whom their invitation could not be delivered, and since when
    undelivered: str = ""


def staff_overview(by: Actor) -> list[ListedColleague]:
    """Everybody with a role here now, their gaps first; a fixed number of queries."""
    rows = _current_roles(by).select_related("staff").order_by("staff__name", "role")
    people: dict[int, tuple[Staff, list[Role]]] = {}
    lost: dict[int, str] = {}
    for row in rows.annotate(**undelivered_fields(ACCOUNT, "staff__uid")):
        lost[row.staff_id] = _lost(row.staff, row)
        people.setdefault(row.staff_id, (row.staff, []))[1].append(Role(row.role))
    holders: dict[Role, list[int]] = {}
    for staff_id, (_, roles) in people.items():
        for role in roles:
            holders.setdefault(role, []).append(staff_id)
    by_role = standings_in(holders)
    secured = set(
        Authenticator.objects.filter(user_id__in=people)
        .exclude(type=Authenticator.Type.RECOVERY_CODES)
        .values_list("user_id", flat=True)
    )
    listed = [
        ListedColleague(
            uid=person.uid,
            name=person.name,
            email=person.email,
            roles=tuple(role.words for role in roles),
            gaps=tuple(each for role in roles for each in by_role[role][staff_id] if each.tone != "good"),
            has_second_factor=staff_id in secured,
            is_asked=any(by_role[role][staff_id] for role in roles),
            undelivered=lost[staff_id],
        )
        for staff_id, (person, roles) in people.items()
    ]
    return sorted(listed, key=lambda each: (not any(not gap.is_met for gap in each.gaps), each.name))


def next_to_end(by: Actor, most: int) -> list[tuple[date, str, str, str]]:
    """The credentials of people with a role here that end next: day, name, public id, what it is.

    Of several of one kind the last one counts: whoever renewed is not asked again.
    """
    last: dict[tuple[str, str], tuple[date, str]] = {}
    roles: dict[str, set[Role]] = {}
    for uid, name, role, kind, ends in _ending(by.clinic_id, now(), today()):
        last[uid, kind] = max(last.get((uid, kind), (ends, name)), (ends, name))
        roles.setdefault(uid, set()).add(Role(role))
    words = {uid: kinds(tuple(held)) for uid, held in roles.items()}
    found = [
        (ends, name, uid, words[uid][kind].words if kind in words[uid] else kind)
        for (uid, kind), (ends, name) in last.items()
    ]
    return sorted(found)[:most]


@prepared
def _ending(clinic_id: int, moment: datetime, day: date) -> QuerySet[RoleAssignment, tuple[Any, ...]]:
    here = RoleAssignment.objects.filter(clinic_id=clinic_id, since__lte=moment, staff__is_active=True)
    current = here.filter(Q(until__isnull=True) | Q(until__gt=moment))
    held = current.filter(
        staff__credentials__revoked_at__isnull=True, staff__credentials__expires_on__gte=day
    )
    columns = ("staff__uid", "staff__name", "role", "staff__credentials__kind")
    return held.values_list(*columns, "staff__credentials__expires_on")


def _lost(person: Staff, told: Any) -> str:
    """Of an invitation that is still needed: who has a password was reached in some way."""
    return "" if person.has_usable_password() else in_words(told.undelivered_to, told.undelivered_since)


def _current_roles(by: Actor) -> QuerySet[RoleAssignment]:
    moment = now()
    held = RoleAssignment.objects.filter(clinic_id=by.clinic_id, since__lte=moment)
    return held.filter(Q(until__isnull=True) | Q(until__gt=moment), staff__is_active=True)


def roles_here(by: Actor, person: Staff) -> list[Role]:
    """What the person may be at the actor's clinic."""
    return [Role(row.role) for row in _current_roles(by).filter(staff=person).order_by("role")]


def colleague_detail(by: Actor, person: Staff) -> dict[str, Any]:
    """One colleague for the site administrator's page."""
    roles = roles_here(by, person)
    known = kinds(roles)
    credentials = [
        {
            "uid": row.uid,
            "words": known[row.kind].words if row.kind in known else row.kind,
            "amount": row.amount,
            "unit": known[row.kind].unit if row.kind in known else "",
            "issued_on": row.issued_on,
            "expires_on": row.expires_on,
            "evidence": row.evidence,
            "checked_by": row.checked_by.name,
            "checked_at": row.checked_at,
            "revoked": revoked_words(row),
        }
        for row in Credential.objects.filter(staff=person).select_related("checked_by").order_by("-issued_on")
    ]
    return {
        "uid": person.uid,
        "name": person.name,
        "email": person.email,
        "register_number": person.register_number,
        "is_self": person.pk == by.staff_id,
        "kept_elsewhere": kept_elsewhere(by, person),
        "is_waiting": not person.has_usable_password(),
        "locked_until": person.locked_until if is_locked(person) else None,
        "undelivered": _lost(
            person, Staff.objects.filter(pk=person.pk).annotate(**undelivered_fields(ACCOUNT)).get()
        ),
        "roles": [{"value": role.value, "words": role.words} for role in roles],
        "standing": [(role.words, standing_of(person.pk, role)) for role in roles],
        "credentials": credentials,
        "assignments": assignments_of(by, person),
    }


def assignments_of(by: Actor, person: Staff) -> list[Assignment]:
    """What is planned at this clinic with somebody from now on, in the order of time."""
    found = [each for module in contributions("assignments") for each in module.assignments(by, person)]
    return sorted(found, key=lambda each: each.at)


def emergencies(by: Actor) -> list[dict[str, Any]]:
    """Broken glass of this clinic, what waits for review first."""
    rows = BreakGlass.objects.filter(clinic_id=by.clinic_id).select_related("staff", "reviewed_by")
    listed = [
        {
            "uid": row.uid,
            "who": row.staff.name,
            "patient": row.patient_uid,
            "reason": row.reason,
            "opened_at": row.opened_at,
            "expires_at": row.expires_at,
            "review": row.review,
            "reviewed_by": row.reviewed_by.name if row.reviewed_by else "",
        }
        for row in rows.order_by("-opened_at")[:200]
    ]
    return sorted(listed, key=lambda each: bool(each["review"]))
