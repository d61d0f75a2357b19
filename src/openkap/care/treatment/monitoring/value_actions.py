"""One value of a set was wrong: a new row crosses it out and keeps the others; what rests on it follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.permissions import Permission
from openkap.care.prepared import insert
from openkap.care.treatment.models import Entry, Session, Value
from openkap.care.treatment.monitoring.alert_actions import raise_alerts
from openkap.care.treatment.monitoring.scale_items import stands_with
from openkap.care.treatment.monitoring.session_actions import take_back
from openkap.care.treatment.release.actions import look_again
from openkap.care.treatment.rows.acts import RUNNING, locked_session, once, told_audit
from openkap.care.treatment.rows.stamps import Stamp
from openkap.core.errors import InputError
from openkap.protocol.elements import dictionary


@transaction.atomic
def cross_out(
    *, by: Actor, patient: str, uid: str, entry: str, element: str, reason: str, stamp: Stamp | None = None
) -> Entry:
    """Cross out one value of an entry; the others stand as they were seen, in a row in its place."""
    session = locked_session(by, patient, uid, Permission.RECORD_SESSION)
    stamp = stamp or Stamp()
    held = once(Entry, session, stamp)
    if held is not None:
        return held
    old = _standing(session, entry)
    values = list(Value.objects.filter(entry=old).order_by("id")) if old and not old.is_retraction else []
    others = [each for each in values if each.element not in stands_with(element)]
    if old is None or len(others) == len(values):
        raise InputError(
            "this value does not stand in the record",
            value=dictionary()[element].label if element in dictionary() else element[:40],
            remedy="reload the page: it has been corrected or crossed out already",
        )
    if not others and not old.note:
        return take_back(by=by, patient=patient, uid=uid, entry=old.uid, reason=reason, stamp=stamp)
    if not reason.strip():
        raise InputError("a correction needs its reason", remedy="write why", where="reason")
    named = Stamp(stamp.client_id, old.observed_at, stamp.device, stamp.device_now, old.uid, reason)
    row = Entry(session=session, kind=old.kind, note=old.note, corrects=old, **named.fields(by))
    insert([row])
    copied = ("element", "value", "number", "unit", "is_confirmed")
    insert([Value(entry=row, **{name: getattr(each, name) for name in copied}) for each in others])
    if session.state in RUNNING:
        # Readings after it, or all of them where it was the baseline, may mean something else now.
        raise_alerts(session)
    told_audit(by, "session.value_in_error", session, row, kind=old.kind, element=element)
    if old.kind == Entry.Kind.GATE:
        look_again(by, session)
    return row


def _standing(session: Session, uid: str) -> Entry | None:
    """What stands in the place of that entry now: another tablet may have corrected it meanwhile."""
    row = Entry.objects.filter(session=session, uid=uid).first()
    while row is not None and hasattr(row, "corrected_by"):
        row = row.corrected_by
    return row


def crossed_out(row: Entry, rows: Mapping[int, Entry], values: Mapping[int, Sequence[Value]]) -> list[Value]:
    """The values that a corrected entry had and the row in its place has no more."""
    old = rows.get(row.corrects_id or 0)
    if old is None or row.is_retraction:
        return []
    kept = {each.element for each in values[row.pk]}
    return [each for each in values[old.pk] if each.element not in kept]
