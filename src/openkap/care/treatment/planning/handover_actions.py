"""Changing who: one person's part in planned sessions or visits passes to somebody else, looked at first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.timezone import localdate

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.accounts.signing import fingerprint
from openkap.care.audit.actions import record
from openkap.care.moment import now
from openkap.care.permissions import Permission, Role
from openkap.care.treatment.access import TAKE, course_for, join_as, staff_with
from openkap.care.treatment.models import Course, Handover, Session, Visit
from openkap.care.treatment.planning.conflicts import Slot, conflicts_of, hold, in_words, refuse_unseen, unfit
from openkap.care.treatment.planning.parts import person_of, rows_with, title_of
from openkap.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose part passes to whom; ``only`` is one session or visit, all that remain without it."""

    part: Role
    before: str
    after: str
    only: str = ""


@dataclass(frozen=True, slots=True)
class Passing:
    """One date that passes to somebody else."""

    row: Session | Visit
    what: str
    starts_at: datetime


@dataclass(frozen=True)
class Passed:
    """A handover as it would be, with what stands in the way."""

    part: Role
    before: Staff
    after: Staff
    dates: tuple[Passing, ...]
    problems: tuple[str, ...]
    # Of the dates and the two people shown: what is passed on is what was seen.
    fingerprint: str


def preview_handover(*, by: Actor, course: Course, wanted: Wanted) -> Passed:
    """What would pass to whom: every date of the part that remains, or one of them."""
    after = _taker(by, wanted)
    rows = [each for each in rows_with(course, wanted.part) if _is_meant(each, wanted)]
    if not rows:
        raise InputError(
            f"there is no planned date with this person as {wanted.part.words}",
            remedy="look who is planned for what",
            where="before",
        )
    before = person_of(rows[0], wanted.part)
    if before == after:
        raise InputError(
            "it is this person already", value=after.name, remedy="choose somebody else", where="after"
        )
    dates = tuple(Passing(row, title_of(row), row.starts_at) for row in rows)
    last = localdate(dates[-1].starts_at)
    problems = [in_words(each) for each in unfit([(after, wanted.part, last)])]
    problems += conflicts_of(_slots(rows, wanted.part, after))
    seen = [(each.row.uid, each.row.version, each.starts_at) for each in dates]
    return Passed(
        wanted.part,
        before,
        after,
        dates,
        tuple(dict.fromkeys(problems)),
        fingerprint(repr((wanted, seen))),
    )


def _taker(by: Actor, wanted: Wanted) -> Staff:
    roles = TAKE[wanted.part]
    found = staff_with(by, *roles).filter(uid=wanted.after).first()
    if found is None:
        raise InputError(
            f"this person cannot take over as {wanted.part.words}",
            limit=f"somebody who is {' or '.join(role.words for role in roles)} here",
            remedy="choose one of them",
            where="after",
        )
    return found


def _is_meant(row: Session | Visit, wanted: Wanted) -> bool:
    return person_of(row, wanted.part).uid == wanted.before and wanted.only in ("", row.uid)


def _slots(rows: Sequence[Session | Visit], part: Role, after: Staff) -> list[Slot]:
    """The new person's time; a prescriber answers for several sessions at once."""
    if part is Role.PRESCRIBER:
        return []
    return [
        Slot(row.starts_at, row.ends_at, title_of(row), (after,), except_sessions=(row.pk,))
        if isinstance(row, Session)
        else Slot(
            row.starts_at,
            row.starts_at + timedelta(minutes=row.minutes),
            title_of(row),
            (after,),
            except_visits=(row.pk,),
        )
        for row in rows
    ]


@transaction.atomic
def hand_over(
    *, by: Actor, patient: str, uid: str, wanted: Wanted, reason: str, seen: str | None = None
) -> Handover:
    """Pass somebody's planned dates to somebody else; refused when anything stands in the way.

    ``seen`` is the fingerprint of the dates that were on the screen: others are shown first.
    """
    course = course_for(by, patient, uid, Permission.PLAN_COURSE)
    hold((), [_taker(by, wanted)])
    list(rows_with(course, wanted.part).select_for_update(of=("self",)))
    passed = preview_handover(by=by, course=course, wanted=wanted)
    if passed.problems:
        raise InputError("; ".join(passed.problems), remedy="choose somebody else", where="after")
    refuse_unseen(passed.fingerprint, seen)
    if not reason.strip():
        raise InputError("the reason is missing", remedy="write why", where="reason")
    model: Any = Visit if wanted.part is Role.THERAPIST else Session
    model.objects.filter(pk__in=[each.row.pk for each in passed.dates]).update(
        **{wanted.part.value: passed.after}, version=F("version") + 1
    )
    row = Handover.objects.create(
        course=course,
        part=wanted.part,
        before=passed.before,
        after=passed.after,
        dates=[
            {"uid": each.row.uid, "what": each.what, "at": each.starts_at.isoformat()}
            for each in passed.dates
        ],
        reason=reason.strip(),
        decided_by_id=by.staff_id,
        decided_at=now(),
    )
    join_as(by, course.patient, [(passed.after, wanted.part)])
    detail = {
        "part": wanted.part.value,
        "from": passed.before.uid,
        "to": passed.after.uid,
        "dates": [each.row.uid for each in passed.dates],
    }
    record(
        "course.handed_over",
        by=by,
        entity="handover",
        uid=row.uid,
        patient=patient,
        reason=row.reason,
        detail=detail,
    )
    return row
