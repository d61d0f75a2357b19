"""Tests and contacts that the plan asks for: done, not done after all, or nobody was reached; each audited.

Measures are not ticked here: their forms are answered, and that says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time

from django.db import transaction
from django.utils.timezone import localtime, make_aware

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.columns import refuse_long
from openkap.care.moment import now, today
from openkap.care.permissions import Permission
from openkap.care.treatment.access import course_for
from openkap.care.treatment.models import Course, DueItem
from openkap.core.errors import InputError

TICKED = (DueItem.Kind.TEST, DueItem.Kind.CONTACT)


@transaction.atomic
def tick(
    *, by: Actor, patient: str, course: str, items: Sequence[str], done_on: date | None, note: str = ""
) -> list[DueItem]:
    """These tests and contacts were done that day; where the results are goes into the note."""
    row = course_for(by, patient, course, Permission.RECORD_TEST)
    if not items:
        raise InputError("nothing is chosen", remedy="tick what was done", where="items")
    day = done_on or today()
    if day > today():
        raise InputError(
            "this day is still to come",
            value=day.isoformat(),
            limit=today().isoformat(),
            remedy="enter the day it was done",
            where="done_on",
        )
    refuse_long(DueItem, note=note)
    done_at = now() if day == today() else make_aware(datetime.combine(day, time(12)))
    found = _open_items(row, items)
    if not found and not _is_told(by, row, items, note.strip()):
        raise InputError("somebody has marked this meanwhile", remedy="look at the list again", where="items")
    for item in found:
        item.done_at, item.done_by_id, item.note = done_at, by.staff_id, note.strip()
        item.save(update_fields=["done_at", "done_by", "note"])
        _told(by, row, item, "due.done", reason=note.strip())
    return found


@transaction.atomic
def not_reached(*, by: Actor, patient: str, course: str, items: Sequence[str], because: str) -> list[DueItem]:
    """Nobody was reached by these contacts and none is tried any more: each ends with the reason."""
    row = course_for(by, patient, course, Permission.RECORD_TEST)
    found = _open_items(row, items)
    if not found:
        raise InputError("nothing is chosen", remedy="tick the contact that reached nobody", where="items")
    if not because.strip():
        raise InputError(
            "the reason is missing", remedy="write whom you tried, and how", where="not_done_because"
        )
    refuse_long(DueItem, not_done_because=because)
    for item in found:
        _refuse_not_called_yet(item)
        item.done_at, item.done_by_id, item.not_done_because = now(), by.staff_id, because.strip()
        item.save(update_fields=["done_at", "done_by", "not_done_because"])
        _told(by, row, item, "due.not_reached", reason=because.strip())
    return found


def _refuse_not_called_yet(item: DueItem) -> None:
    if item.kind != DueItem.Kind.CONTACT:
        raise InputError(
            "only a contact ends because nobody was reached",
            value=item.what,
            remedy="leave the tests unticked; a test that is not done stays due",
            where="items",
        )
    if item.due_at > now():
        raise InputError(
            "this contact is still to come",
            value=f"{item.what}, {localtime(item.due_at):%-d %b %Y %H:%M}",
            remedy="try it when it is due, and end it then",
            where="items",
        )


def _open_items(course: Course, uids: Sequence[str]) -> list[DueItem]:
    """The items still open among these; what a colleague ticked meanwhile stays as it is."""
    rows = DueItem.objects.select_for_update().filter(course=course, kind__in=TICKED, done_at__isnull=True)
    return list(rows.filter(uid__in=uids))


def _is_told(by: Actor, course: Course, uids: Sequence[str], note: str) -> bool:
    """The same form a second time."""
    return DueItem.objects.filter(course=course, uid__in=uids, done_by_id=by.staff_id, note=note).exists()


@transaction.atomic
def untick(*, by: Actor, patient: str, course: str, item: str, reason: str) -> DueItem:
    """It was ticked in error: it is due again, and the audit keeps both."""
    row = course_for(by, patient, course, Permission.RECORD_TEST)
    found = DueItem.objects.select_for_update().filter(course=row, uid=item, done_at__isnull=False).first()
    if found is None:
        raise InputError("this is not marked as done", value=item, remedy="reload the page")
    if not reason.strip():
        raise InputError("the reason is missing", remedy="write why it is due again", where="reason")
    _told(by, row, found, "due.not_done", reason=reason.strip())
    found.done_at = found.done_by = None
    found.note = found.not_done_because = ""
    found.save(update_fields=["done_at", "done_by", "note", "not_done_because"])
    return found


def _told(by: Actor, course: Course, item: DueItem, what: str, *, reason: str) -> None:
    detail = {
        "item": item.uid,
        "what": item.what,
        "done_at": item.done_at.isoformat() if item.done_at else "",
    }
    record(
        what,
        by=by,
        entity="course",
        uid=course.uid,
        patient=course.patient.uid,
        reason=reason,
        detail=detail,
    )
