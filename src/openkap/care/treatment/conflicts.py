"""What stands in the way of a date: a taken chair, a person in two places, a window that is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q

from openkap.care.accounts.credentials import NotQualified, require_qualified
from openkap.care.accounts.models import Staff
from openkap.care.permissions import Role
from openkap.care.treatment.models import Chair, Session, Visit
from openkap.core.errors import InputError

GIVEN_UP = ("cancelled", "aborted", "missed")


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of somebody's time and of a chair."""

    starts_at: datetime
    ends_at: datetime
    what: str
    staff: tuple[Staff, ...] = ()
    chair: Chair | None = None
    # Rows that move with it and do not stand in its way.
    except_session: int | None = None
    except_visits: tuple[int, ...] = ()


def conflicts_of(slots: Iterable[Slot]) -> list[str]:
    """Every conflict in words, each with what is in the way."""
    slots = list(slots)
    if not slots:
        return []
    first, last = min(s.starts_at for s in slots), max(s.ends_at for s in slots)
    chairs = {slot.chair.pk for slot in slots if slot.chair}
    people = {person.pk for slot in slots for person in slot.staff}
    sessions = list(
        Session.objects.filter(starts_at__lt=last, ends_at__gt=first)
        .filter(Q(chair_id__in=chairs) | Q(nurse_id__in=people))
        .exclude(state__in=GIVEN_UP)
        .select_related("chair", "nurse")
    )
    visits = list(
        Visit.objects.filter(
            therapist_id__in=people, starts_at__lt=last, starts_at__gt=first - timedelta(hours=12)
        )
        .exclude(state__in=GIVEN_UP)
        .select_related("therapist")
    )
    return [said for slot in slots for said in _of_one(slot, sessions, visits)]


def _of_one(slot: Slot, sessions: list[Session], visits: list[Visit]) -> list[str]:
    said = []
    people = {person.pk for person in slot.staff}
    for other in sessions:
        span = _span(other.starts_at, other.ends_at)
        if other.pk == slot.except_session or not _overlap(slot, other.starts_at, other.ends_at):
            continue
        if slot.chair and other.chair_id == slot.chair.pk:
            said.append(f"{slot.what}: {other.chair.name} is taken {span}")
        if other.nurse_id in people:
            said.append(f"{slot.what}: {other.nurse.name} has a session {span}")
    for visit in visits:
        ends_at = visit.starts_at + timedelta(minutes=visit.minutes)
        if visit.pk in slot.except_visits or not _overlap(slot, visit.starts_at, ends_at):
            continue
        if visit.therapist_id in people:
            said.append(f"{slot.what}: {visit.therapist.name} has a visit {_span(visit.starts_at, ends_at)}")
    return said


def _overlap(slot: Slot, starts_at: datetime, ends_at: datetime) -> bool:
    return slot.starts_at < ends_at and starts_at < slot.ends_at


def _span(starts_at: datetime, ends_at: datetime) -> str:
    return f"{starts_at:%d %b %H:%M} to {ends_at:%H:%M}"


def refuse_unfit(person: Staff, role: Role, day: date) -> None:
    """Nobody is assigned who does not meet what the part needs on that day."""
    try:
        require_qualified(person.pk, role, on=day)
    except NotQualified as refused:
        raise InputError(
            f"{person.name}: {refused.what}",
            value=f"{day:%d %b %Y}",
            remedy=refused.remedy,
            where=role.value,
        ) from None
