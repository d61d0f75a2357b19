"""What stands in the way of a date: a taken chair, a person in two places, a window that is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import combinations

from django.db.models import Q
from django.utils.timezone import localtime

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
    # Whose time it is: nobody is treated and seen at the same time. None for a visit beside the own dose.
    patient: int | None = None
    # Rows that move with it and do not stand in its way.
    except_session: int | None = None
    except_visits: tuple[int, ...] = ()


def conflicts_of(slots: Iterable[Slot]) -> list[str]:
    """Every conflict in words, each with what is in the way: rows that are there, and slot with slot."""
    slots = list(slots)
    if not slots:
        return []
    first, last = min(s.starts_at for s in slots), max(s.ends_at for s in slots)
    chairs = {slot.chair.pk for slot in slots if slot.chair}
    people = {person.pk for slot in slots for person in slot.staff}
    patients = {slot.patient for slot in slots if slot.patient}
    sessions = list(
        Session.objects.filter(starts_at__lt=last, ends_at__gt=first)
        .filter(Q(chair_id__in=chairs) | Q(nurse_id__in=people) | Q(patient_id__in=patients))
        .exclude(state__in=GIVEN_UP)
        .select_related("chair", "nurse")
    )
    visits = list(
        Visit.objects.filter(starts_at__lt=last, starts_at__gt=first - timedelta(hours=12))
        .filter(Q(therapist_id__in=people) | Q(patient_id__in=patients))
        .exclude(state__in=GIVEN_UP)
        .select_related("therapist")
    )
    said = [each for slot in slots for each in _of_one(slot, sessions, visits)]
    return said + [each for one, other in combinations(slots, 2) for each in _between(one, other)]


def _of_one(slot: Slot, sessions: list[Session], visits: list[Visit]) -> list[str]:
    said = []
    people = {person.pk for person in slot.staff}
    for other in sessions:
        span = span_words(other.starts_at, other.ends_at)
        if other.pk == slot.except_session or not _overlap(slot, other.starts_at, other.ends_at):
            continue
        if slot.chair and other.chair_id == slot.chair.pk:
            said.append(f"{slot.what}: {other.chair.name} is taken {span}")
        if other.nurse_id in people:
            said.append(f"{slot.what}: {other.nurse.name} has a session {span}")
        if other.patient_id == slot.patient:
            said.append(f"{slot.what}: the patient has session {other.number} {span}")
    for visit in visits:
        ends_at = visit.starts_at + timedelta(minutes=visit.minutes)
        if visit.pk in slot.except_visits or not _overlap(slot, visit.starts_at, ends_at):
            continue
        span = span_words(visit.starts_at, ends_at)
        if visit.therapist_id in people:
            said.append(f"{slot.what}: {visit.therapist.name} has a visit {span}")
        if visit.patient_id == slot.patient and visit.kind != Visit.Kind.DOSING_DAY:
            said.append(f"{slot.what}: the patient has {visit.get_kind_display()} {visit.number} {span}")
    return said


def _between(one: Slot, other: Slot) -> list[str]:
    """Two dates of the same plan that want the same person, chair or patient at the same time."""
    if not _overlap(one, other.starts_at, other.ends_at):
        return []
    taken = [person.name for person in one.staff if person in other.staff]
    if one.chair and one.chair == other.chair:
        taken.append(one.chair.name)
    if one.patient and one.patient == other.patient:
        taken.append("the patient")
    span = span_words(other.starts_at, other.ends_at)
    return [f"{one.what} and {other.what} both need {' and '.join(taken)} {span}"] if taken else []


def _overlap(slot: Slot, starts_at: datetime, ends_at: datetime) -> bool:
    return slot.starts_at < ends_at and starts_at < slot.ends_at


def span_words(starts_at: datetime, ends_at: datetime) -> str:
    """From when to when."""
    return f"{localtime(starts_at):%d %b %H:%M} to {localtime(ends_at):%H:%M}"


def unfit(needed: Iterable[tuple[Staff, Role, date]]) -> list[InputError]:
    """Who does not meet what their part needs on that day: nobody is assigned who does not."""
    found = []
    for person, role, day in needed:
        try:
            require_qualified(person.pk, role, on=day)
        except NotQualified as refused:
            found.append(
                InputError(
                    f"{person.name}: {refused.what}",
                    value=f"{day:%d %b %Y}",
                    remedy=refused.remedy,
                    where=role.value,
                )
            )
    return found


def in_words(refused: InputError) -> str:
    """A refusal as one line of a list."""
    return "; ".join(str(part) for part in (refused.what, refused.value, refused.remedy) if part)


def hold(chairs: Iterable[Chair], people: Iterable[Staff]) -> None:
    """Until the transaction ends nobody else takes these chairs or people: always in the same order."""
    for rows, wanted in ((Chair.objects.all(), chairs), (Staff.objects.all(), people)):
        held = rows.filter(pk__in={each.pk for each in wanted}).order_by("pk")
        list(held.select_for_update(no_key=True).values_list("pk", flat=True))


def refuse_unseen(now_shown: str, seen: str | None) -> None:
    """What is done is what was on the screen; ``None`` is an act without a screen."""
    if seen is not None and seen != now_shown:
        raise InputError(
            "these dates are not the ones you have seen" if seen else "nobody has looked at these dates",
            remedy="look at them below, then confirm",
            where="seen",
        )
