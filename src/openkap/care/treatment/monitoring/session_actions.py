"""What people write down in a session: each function one act, whole or not at all, and audited.

Every act that writes a row takes a ``Stamp``: the same client id twice is one row, so that a tablet may
send again after a cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.timezone import localtime

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.moment import today
from openkap.care.patients.out_of_care import refuse_out_of_care
from openkap.care.permissions import Permission
from openkap.care.prepared import insert
from openkap.care.treatment.course.given_up import give_up_with_it
from openkap.care.treatment.models import Entry, Session, Value
from openkap.care.treatment.monitoring.alert_actions import raise_alerts
from openkap.care.treatment.monitoring.scale_items import with_total
from openkap.care.treatment.planning.due_dates import last_dose
from openkap.care.treatment.release.actions import look_again
from openkap.care.treatment.rows import facts as reading
from openkap.care.treatment.rows.acts import (
    BEFORE,
    RUNNING,
    State,
    corrected,
    locked_session,
    move_on,
    once,
    refuse_before_its_day,
    told_audit,
)
from openkap.care.treatment.rows.stamps import Stamp
from openkap.core.errors import InputError
from openkap.protocol.elements import dictionary

# Where a refusal says that the session is of another day: the page offers to move it.
OTHER_DAY = "day"


class Implausible(InputError):
    """Values that are possible but unusual: nothing is stored until they are confirmed."""

    def __init__(self, elements: tuple[str, ...], said: str) -> None:
        super().__init__(
            f"unusual: {said}", remedy="confirm that this is what was seen, or correct it", where=elements[0]
        )
        self.elements = elements


@transaction.atomic
def arrive(*, by: Actor, patient: str, uid: str) -> Session:
    """The patient is here, on the day of the session: its visits and what is due go by that day."""
    session = locked_session(by, patient, uid, Permission.RECORD_SESSION)
    if session.state != State.PLANNED:
        raise InputError("this session is not waiting for anybody", value=session.get_state_display())
    refuse_out_of_care(session.patient)
    planned = localtime(session.starts_at)
    if planned.date() != today():
        raise InputError(
            f"session {session.number} is planned for another day",
            value=f"{planned:%A, %-d %B %Y, %H:%M}",
            limit=f"today, {today():%-d %B %Y}",
            remedy="take today's session, or have this one moved to today by whoever plans",
            where=OTHER_DAY,
        )
    move_on(session, State.ARRIVED, came=True)
    told_audit(by, "session.arrived", session, session)
    return session


@transaction.atomic
def enter(
    *,
    by: Actor,
    patient: str,
    uid: str,
    kind: str,
    values: Mapping[str, Any],
    stamp: Stamp | None = None,
    confirmed: bool = False,
    note: str = "",
) -> Entry:
    """Write down a set of values: gates, vital signs, conditions for leaving, or a note.

    Impossible values are refused, unusual ones raise ``Implausible`` until confirmed, abnormal ones are
    taken and raise alerts.
    """
    session, stamp = locked_session(by, patient, uid, Permission.RECORD_SESSION), stamp or Stamp()
    held = once(Entry, session, stamp)
    if held is not None:
        return held
    refuse_before_its_day(session, stamp)
    _refuse_kind(session, kind)
    parsed = with_total(_parsed(values, confirmed))
    if not parsed and not note.strip():
        raise InputError("nothing was entered", remedy="enter at least one value")
    old = corrected(Entry, session, stamp)
    row = Entry(session=session, kind=kind, note=note.strip(), corrects=old, **stamp.fields(by))
    insert([row])
    elements, made = dictionary(), []
    for name, value in parsed.items():
        number, unit = reading.as_number(value, elements[name].unit)
        text = _text_of(value)
        made.append(
            Value(entry=row, element=name, value=text, number=number, unit=unit, is_confirmed=confirmed)
        )
    insert(made)
    if kind == Entry.Kind.VITALS:
        # A correction changes what earlier alerts rested on; one more reading does not.
        raise_alerts(session, since=None if old else row.observed_at)
    told_audit(by, "session.entered", session, row, kind=kind, elements=sorted(parsed))
    if kind == Entry.Kind.GATE:
        look_again(by, session)
    return row


def _refuse_kind(session: Session, kind: str) -> None:
    allowed = {
        Entry.Kind.GATE: BEFORE,
        # A reading that waited on a tablet without network may come after the patient has left.
        Entry.Kind.VITALS: (*RUNNING, State.LEFT),
        Entry.Kind.DISCHARGE: RUNNING,
        Entry.Kind.NOTE: (*BEFORE, *RUNNING, State.LEFT, State.ABORTED),
    }
    if kind not in allowed or session.state not in allowed[Entry.Kind(kind)]:
        raise InputError(
            "this cannot be entered now",
            value=f"{kind}, session is {session.get_state_display()}",
            remedy="look at what the session page asks for",
        )


def _parsed(values: Mapping[str, Any], confirmed: bool) -> dict[str, Any]:
    elements, parsed, unusual = dictionary(), {}, []
    for name, given in values.items():
        if given in ("", None):
            continue
        element = elements.find(name)
        text = f"{given}".strip()
        if (
            element.kind == "quantity"
            and element.unit
            and not element.unit.startswith("{")
            and _is_bare(text)
        ):
            text = f"{text} {element.unit}"
        try:
            parsed[name] = element.parse(text)
        except InputError as refused:
            refused.where = name
            raise
        if element.is_implausible(parsed[name]):
            unusual.append(name)
    said = [f"{elements[name].label.lower()} {parsed[name]}" for name in unusual]
    if _is_turned(parsed):
        unusual.append("dbp")
        said.append(f"diastolic {parsed['dbp']} is not below systolic {parsed['sbp']}")
    if unusual and not confirmed:
        raise Implausible(tuple(unusual), ", ".join(said))
    return parsed


def _is_turned(parsed: Mapping[str, Any]) -> bool:
    """The two pressures of one reading, the lower of them in the place of the upper."""
    pair = [parsed[name] for name in ("sbp", "dbp") if name in parsed]
    if len(pair) < 2:
        return False
    upper, lower = (each.number(dictionary()["sbp"].unit) for each in pair)
    return bool(lower >= upper)


def _is_bare(text: str) -> bool:
    return text.replace(".", "", 1).replace(",", "", 1).lstrip("+-").isdigit()


def _text_of(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


@transaction.atomic
def take_back(
    *, by: Actor, patient: str, uid: str, entry: str, reason: str, stamp: Stamp | None = None
) -> Entry:
    """An entry was made in error: it stays on record, crossed out, and counts no more."""
    session = locked_session(by, patient, uid, Permission.RECORD_SESSION)
    stamp = stamp or Stamp()
    held = once(Entry, session, stamp)
    if held is not None:
        return held
    named = Stamp(stamp.client_id, stamp.observed_at, stamp.device, stamp.device_now, entry, reason)
    old = corrected(Entry, session, named)
    assert old is not None
    row = Entry.objects.create(
        session=session, kind=old.kind, is_retraction=True, corrects=old, **named.fields(by)
    )
    if session.state in RUNNING:
        # Readings after it, or all of them where it was the baseline, may mean something else now.
        raise_alerts(session)
    told_audit(by, "session.entered_in_error", session, row, kind=old.kind)
    if old.kind == Entry.Kind.GATE:
        look_again(by, session)
    return row


@transaction.atomic
def give_up(*, by: Actor, patient: str, uid: str, reason: str, came: bool | None = None) -> Session:
    """No dose today: the visit ends without one, what hangs on it is given up, and somebody re-plans it.

    ``came`` says whether the patient was there; of one who was received that is known.
    """
    session = locked_session(by, patient, uid, Permission.RECORD_SESSION)
    if session.state not in (State.PLANNED, *BEFORE):
        raise InputError("the dose has begun or the session is over", value=session.get_state_display())
    if not reason.strip():
        raise InputError("the reason is missing", remedy="write why", where="reason")
    last = last_dose(session.course)
    here = True if session.state in BEFORE else came
    move_on(session, State.ABORTED, because=reason.strip(), came=here)
    give_up_with_it(session, f"no dose in session {session.number}: {reason.strip()}", last)
    record("session.given_up", by=by, entity="session", uid=uid, patient=patient, reason=reason.strip())
    return session
