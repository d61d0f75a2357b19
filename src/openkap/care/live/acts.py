"""What a tablet may send for a session, and the act of treatment each stands for.

An entry is a mapping: ``id`` (the client's own), ``act``, ``observed_at``, and what the act needs. The same
id twice is one row. An entry that comes before what it stands on (a reading before the start has arrived
from another tablet) is answered ``later`` and stays on the tablet; nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.live.late import keep_late
from openkap.care.live.models import AlertAnswer, Photo
from openkap.care.live.pictures import picture_of
from openkap.care.live.session_record import digest
from openkap.care.permissions import Permission
from openkap.care.treatment.dose.delivery_actions import KINDS, keep_dose_event, refuse_no_rate
from openkap.care.treatment.dose.doubt_actions import correct_doubt, settle_doubt
from openkap.care.treatment.models import (
    AdverseEvent,
    Alert,
    Clearance,
    DoseDoubt,
    DoseEvent,
    Entry,
    Session,
)
from openkap.care.treatment.monitoring.adverse_actions import (
    Event,
    cross_out_adverse_event,
    record_adverse_event,
)
from openkap.care.treatment.monitoring.alert_actions import acknowledge
from openkap.care.treatment.monitoring.session_actions import enter, take_back
from openkap.care.treatment.monitoring.value_actions import cross_out
from openkap.care.treatment.rows.acts import State, corrected, locked_session, once, reread, told_audit
from openkap.care.treatment.rows.stamps import Stamp
from openkap.care.typed import amount_typed, count_typed, refuse_far
from openkap.core.clock import parse_moment
from openkap.core.errors import InputError

# How far a session has come, to tell "not yet" from "no longer".
ORDER = (
    State.PLANNED,
    State.ARRIVED,
    State.CLEARED,
    State.DOSING,
    State.RECOVERY,
    State.LEFT,
)
# act -> the state from which on it can be taken
SINCE = {
    "gates": State.ARRIVED,
    "vitals": State.DOSING,
    "leaving": State.DOSING,
    "note": State.ARRIVED,
    "photo": State.ARRIVED,
    "start": State.CLEARED,
    "pause": State.DOSING,
    "resume": State.DOSING,
    "rate": State.DOSING,
    "stop": State.DOSING,
    "correct": State.ARRIVED,
    "take_back": State.ARRIVED,
    "acknowledge": State.DOSING,
    "settle": State.DOSING,
    "event": State.PLANNED,
    "event_in_error": State.PLANNED,
    "photo_in_error": State.ARRIVED,
}
DOSE = KINDS
# An adverse event has its own way into a signed record.
OF_EVENTS = ("event", "event_in_error")
KIND = {"gates": Entry.Kind.GATE, "vitals": Entry.Kind.VITALS, "leaving": Entry.Kind.DISCHARGE}


class TooEarly(InputError):
    """What this entry stands on has not arrived yet: the tablet keeps it and sends it again."""


@dataclass(frozen=True)
class Sent:
    """One entry as a tablet sent it."""

    by: Actor
    patient: str
    session: str
    act: str
    payload: Mapping[str, Any]
    stamp: Stamp

    def text(self, name: str) -> str:
        given = self.payload.get(name, "")
        if given is None:
            return ""
        if not isinstance(given, str | int | float):
            raise InputError("this is not text", where=name, remedy="send text")
        return str(given).strip()

    def number(self, name: str) -> Decimal | None:
        return not_negative(self.text(name), where=name)

    def where(self) -> dict[str, Any]:
        return {"by": self.by, "patient": self.patient, "uid": self.session}


def not_negative(text: str, *, where: str) -> Decimal | None:
    """An amount of drug or a rate, with a point or a comma; ``None`` when empty."""
    number = amount_typed(text.replace(",", "."), where=where)
    if number is not None and number < 0:
        raise InputError("this is below 0", value=text, limit="0", remedy="correct it", where=where)
    return number


def perform(sent: Sent, session: Session) -> str:
    """Do what the entry says; returns the id of its row. ``InputError`` when it cannot be taken."""
    act = ACTS.get(sent.act)
    if act is None:
        raise InputError("no such act", value=sent.act[:20], limit=", ".join(ACTS))
    reread(session)
    if session.locked_at is not None and sent.act not in OF_EVENTS:
        return keep_late(
            by=sent.by, session=session, act=sent.act, payload=dict(sent.payload), stamp=sent.stamp
        )
    if session.state in ORDER and ORDER.index(State(session.state)) < ORDER.index(_since(sent, session)):
        raise TooEarly(
            "the server does not know yet that this is possible",
            value=session.get_state_display(),
            remedy="it stays on this tablet and is sent again",
        )
    return act(sent, session)


def _since(sent: Sent, session: Session) -> State:
    """From when on an act can be taken; a tablet may start before it hears of a release taken back."""
    if sent.act == "start" and Clearance.objects.filter(session=session).exists():
        return State.ARRIVED
    return SINCE[sent.act]


def _enter(sent: Sent, session: Session) -> str:
    values = sent.payload.get("values") or {}
    if not isinstance(values, dict):
        raise InputError("values are missing", remedy="send a mapping of element to value")
    row = enter(
        **sent.where(),
        kind=KIND[sent.act],
        values=values,
        stamp=sent.stamp,
        confirmed=sent.payload.get("confirmed") is True,
        note=sent.text("note"),
    )
    return str(row.uid)


def _note(sent: Sent, session: Session) -> str:
    row = enter(**sent.where(), kind=Entry.Kind.NOTE, values={}, stamp=sent.stamp, note=sent.text("note"))
    return str(row.uid)


def _dose(sent: Sent, session: Session) -> str:
    row = keep_dose_event(
        **sent.where(),
        kind=sent.act,
        rate_ml_h=sent.number("rate_ml_h"),
        given_mg=sent.number("given_mg"),
        stamp=sent.stamp,
        confirmed=sent.payload.get("confirmed") is True,
    )
    return str(row.uid)


def _correct(sent: Sent, session: Session) -> str:
    """A corrected entry or dose event: a new row that names the old one, with the reason."""
    old = _named(sent, session)
    stamp = replace(sent.stamp, corrects=old.uid, reason=sent.text("reason"))
    if isinstance(old, DoseDoubt):
        rate = _rate(sent)
        return str(correct_doubt(**sent.where(), doubt=old.uid, rate_ml_h=rate, stamp=stamp).uid)
    if isinstance(old, DoseEvent):
        rate = _rate(sent) or old.rate_ml_h
        return str(keep_dose_event(**sent.where(), kind=old.kind, rate_ml_h=rate, stamp=stamp).uid)
    row = enter(
        **sent.where(),
        kind=old.kind,
        values=sent.payload.get("values") or {},
        stamp=stamp,
        confirmed=sent.payload.get("confirmed") is True,
        note=sent.text("note"),
    )
    return str(row.uid)


def _rate(sent: Sent) -> Decimal | None:
    rate = sent.number("rate_ml_h")
    refuse_no_rate(rate)
    return rate


def _take_back(sent: Sent, session: Session) -> str:
    """An entry made in error, or the one value of it that is named."""
    old = _named(sent, session)
    if not isinstance(old, Entry):
        raise InputError("what was done with the drug stays", remedy="correct its time, with the reason")
    where = sent.where() | {"entry": old.uid, "reason": sent.text("reason"), "stamp": sent.stamp}
    element = sent.text("element")
    return str((cross_out(**where, element=element) if element else take_back(**where)).uid)


def _settle(sent: Sent, session: Session) -> str:
    """An act in doubt did not happen so: crossed out, with the reason."""
    return settle_doubt(**sent.where(), doubt=sent.text("doubt"), reason=sent.text("reason")).uid


def _named(sent: Sent, session: Session) -> Entry | DoseEvent | DoseDoubt:
    """The row an entry corrects, by its client id; a correction may come before what it corrects."""
    # A repeated correction finds its own row first, in ``enter`` and ``keep_dose_event``.
    name = sent.text("corrects")
    for model in (Entry, DoseEvent, DoseDoubt):
        found = model._default_manager.filter(session=session, client_id=name).first()
        if found is not None:
            return found
    raise TooEarly(
        "the server does not have the entry yet that this one corrects",
        remedy="it stays on this tablet and is sent again",
    )


@transaction.atomic
def _acknowledge(sent: Sent, session: Session) -> str:
    """Seen, and what was done, at the time the tablet was told; a second answer is kept as a note."""
    held = once(AlertAnswer, session, sent.stamp) or once(Entry, session, sent.stamp)
    if held is not None:
        return held.uid
    alert = _answered(sent, session)
    if alert is None or alert.acknowledged_at is not None:
        rule = alert.rule if alert else sent.text("rule")
        words = f"Alert {rule} {'answered also' if alert else 'on the tablet'}: {sent.text('done')}"
        row = enter(**sent.where(), kind=Entry.Kind.NOTE, values={}, stamp=sent.stamp, note=words)
        return str(row.uid)
    fields = sent.stamp.fields(sent.by)
    acknowledge(**sent.where(), alert=alert.uid, done=sent.text("done"), answered_at=sent.stamp.observed_at)
    return AlertAnswer.objects.create(session=session, alert=alert, **fields).uid


def _answered(sent: Sent, session: Session) -> Alert | None:
    """The alert an answer is for, by its id or, from a tablet in a cut, by rule and reading.

    ``None`` where the server never raised it.
    """
    uid = sent.text("alert")
    if uid:
        found = Alert.objects.filter(session=session, uid=uid).first()
        if found is None:
            raise InputError("no such alert in this session", remedy="reload the page")
        return found
    entry = Entry.objects.filter(session=session, client_id=sent.text("entry")).first()
    if entry is None:
        raise TooEarly(
            "the server does not have the reading yet that raised this alert",
            remedy="it stays on this tablet and is sent again",
        )
    raised = Alert.objects.filter(session=session, rule=sent.text("rule"))
    return raised.filter(entry=entry).first() or raised.filter(at=entry.observed_at).first()


def _event(sent: Sent, session: Session) -> str:
    given = sent.payload
    event = Event(
        term=sent.text("term"),
        onset_at=sent.stamp.observed_at or moment_of(sent.text("onset_at"), "onset_at"),
        ended_at=moment_of(sent.text("ended_at"), "ended_at") if sent.text("ended_at") else None,
        grade=count_typed(sent.text("grade"), where="grade"),
        is_serious=given.get("is_serious") is True,
        serious_because=sent.text("serious_because"),
        relation=sent.text("relation"),
        action_taken=sent.text("action_taken"),
        outcome=sent.text("outcome"),
        words=sent.text("words"),
        treatment=sent.text("treatment"),
        corrects=_known_event(sent, session) if sent.text("corrects") else "",
        reason=sent.text("reason"),
    )
    return str(record_adverse_event(**sent.where(), event=event, client_id=sent.stamp.client_id).uid)


def _event_in_error(sent: Sent, session: Session) -> str:
    """An adverse event that did not happen to this patient."""
    event, reason = _known_event(sent, session), sent.text("reason")
    row = cross_out_adverse_event(**sent.where(), event=event, reason=reason, client_id=sent.stamp.client_id)
    return row.uid


def _known_event(sent: Sent, session: Session) -> str:
    """The adverse event that this entry is about, by its client id; this entry may come first."""
    name = sent.text("corrects")
    rows = AdverseEvent.objects.filter(session=session)
    found = rows.filter(client_id=name).first() or rows.filter(uid=name).first()
    if found is None:
        raise TooEarly(
            "the server does not have the adverse event yet that this one is about",
            remedy="it stays on this tablet and is sent again",
        )
    return found.uid


@transaction.atomic
def _photo(sent: Sent, session: Session) -> str:
    session = locked_session(sent.by, sent.patient, sent.session, Permission.RECORD_SESSION)
    held = once(Photo, session, sent.stamp)
    if held is not None:
        return held.uid
    image, media_type = picture_of(sent.text("image"))
    row = Photo.objects.create(
        session=session,
        image=image,
        media_type=media_type,
        about=sent.text("note")[:200],
        sha256=digest(image),
        **sent.stamp.fields(sent.by),
    )
    told_audit(sent.by, "session.photo", session, row, size=len(image))
    return row.uid


@transaction.atomic
def _photo_in_error(sent: Sent, session: Session) -> str:
    """Of another patient, or of nothing: the photograph stays, crossed out by a row without a picture."""
    session = locked_session(sent.by, sent.patient, sent.session, Permission.RECORD_SESSION)
    held = once(Photo, session, sent.stamp)
    if held is not None:
        return held.uid
    photo = Photo.objects.filter(session=session, client_id=sent.text("corrects")).first()
    if photo is None:
        raise TooEarly(
            "the server does not have the photograph yet that this one crosses out",
            remedy="it stays on this tablet and is sent again",
        )
    stamp = replace(sent.stamp, corrects=photo.uid, reason=sent.text("reason"))
    row = Photo.objects.create(
        session=session, image=b"", corrects=corrected(Photo, session, stamp), **stamp.fields(sent.by)
    )
    told_audit(sent.by, "session.photo_crossed_out", session, row)
    return row.uid


def moment_of(text: str, where: str) -> datetime:
    """An aware moment from ISO text."""
    found = parse_moment(text, where=where)
    refuse_far(found.date(), text, where=where)
    return found


ACTS: dict[str, Callable[[Sent, Session], str]] = {
    "gates": _enter,
    "vitals": _enter,
    "leaving": _enter,
    "note": _note,
    **dict.fromkeys(DOSE, _dose),
    "correct": _correct,
    "take_back": _take_back,
    "settle": _settle,
    "acknowledge": _acknowledge,
    "event": _event,
    "event_in_error": _event_in_error,
    "photo": _photo,
    "photo_in_error": _photo_in_error,
}
