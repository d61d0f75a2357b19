"""How a session ends: leaving, signing and locking, and words added afterwards."""

from __future__ import annotations

import hashlib
import json

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Signature, Staff
from openkap.care.accounts.signing import sign
from openkap.care.audit.actions import record
from openkap.care.columns import longest_in, refuse_long
from openkap.care.contributions import contributions
from openkap.care.enrolment.assessment import canonical
from openkap.care.moment import now
from openkap.care.permissions import Permission
from openkap.care.treatment.access import session_for
from openkap.care.treatment.dose.delivery_actions import open_doubts
from openkap.care.treatment.drug.drawn import in_use_ug
from openkap.care.treatment.models import (
    Addendum,
    Alert,
    Discharge,
    DoseEvent,
    Session,
    SessionSigned,
)
from openkap.care.treatment.rows import facts as reading
from openkap.care.treatment.rows.acts import State, locked_session, move_on, once, told_audit
from openkap.care.treatment.rows.stamps import Stamp
from openkap.care.treatment.session.readiness import ready_since
from openkap.care.treatment.session.record import record_of
from openkap.core.errors import InputError
from openkap.protocol.monitoring import Discharge as LeaveAnswer
from openkap.protocol.monitoring import discharge as may_leave
from openkap.protocol.rules import Action


@transaction.atomic
def let_go(
    *,
    by: Actor,
    patient: str,
    uid: str,
    escort: str,
    against_because: str = "",
    person: Staff | None = None,
    stamp: Stamp | None = None,
) -> Discharge:
    """The patient leaves: every condition holds, or they leave against it with the reason, signed.

    Nobody leaves past an alert that asks to act now: it is answered first. ``person`` is whoever proved who
    they are, asked of those who let somebody go against the conditions.
    """
    session, stamp = locked_session(by, patient, uid, Permission.DISCHARGE), stamp or Stamp()
    held = once(Discharge, session, stamp)
    if held is not None:
        return held
    if session.state != State.RECOVERY:
        raise InputError(
            "the dose is still running or the session is over", value=session.get_state_display()
        )
    _refuse_unanswered(session)
    begun = reading.started_at(reading.dose_events(session))
    assert begun is not None
    moment = stamp.observed_at or now()
    rows = reading.rows_of(session)
    facts = reading.discharge_facts(session, rows, moment, begun)
    answer = may_leave(facts, reading.protocol_of_session(session))
    against = not answer.may_leave
    if against and not against_because.strip():
        raise InputError(
            "not yet: the patient stays",
            value=_first_unmet(answer),
            remedy="wait and enter what is missing; leaving against it needs the reason",
            where="leave",
        )
    if not escort.strip():
        raise InputError(
            "who takes the patient home is missing",
            remedy="write the name; where they leave alone against the conditions, write that",
            where="escort",
        )
    refuse_long(Discharge, escort=escort)
    if against and person is None:
        raise InputError(
            "leaving against the conditions is signed", remedy="enter your password", where="password"
        )
    told = canonical(answer.as_dict() | {"facts": {fact.element.id: fact.as_dict() for fact in facts}})
    fields = stamp.fields(by) | {"reason": against_because.strip() if against else ""}
    row = Discharge.objects.create(
        session=session,
        snapshot=told,
        fingerprint=hashlib.sha256(told.encode()).hexdigest(),
        may_leave=answer.may_leave,
        ready_at=None if against else ready_since(session, rows, moment),
        escort=escort.strip(),
        against=against,
        **fields,
    )
    if against and person is not None:
        sign(
            by=by,
            person=person,
            meaning=_left_against(row.escort, row.reason),
            entity="session",
            uid=session.uid,
            content=told,
        )
    move_on(session, State.LEFT)
    told_audit(by, "session.left", session, row, against=against)
    return row


def _first_unmet(answer: LeaveAnswer) -> str:
    """One condition whole and how many more: a list of all would be cut inside a word."""
    first, more = answer.unmet[0], len(answer.unmet) - 1
    return f"{first.rule.title}, {first.said}" + (f"; and {more} more" if more else "")


def _left_against(escort: str, reason: str) -> str:
    """What is signed; a reason longer than a signature's words stands in the record beside it."""
    said = f"I let the patient leave against the conditions, with {escort}"
    whole = f"{said}: {reason}"
    return whole if len(whole) <= (longest_in(Signature, "meaning") or 0) else f"{said}: see the reason"


ACT_NOW = (Action.EMERGENCY.value, Action.STOP_DOSE.value, Action.PAUSE.value)


def _refuse_unanswered(session: Session) -> None:
    waiting = Alert.objects.filter(session=session, acknowledged_at__isnull=True, action__in=ACT_NOW)
    titles = [json.loads(row.snapshot).get("title", row.rule) for row in waiting.order_by("at", "id")]
    if titles:
        raise InputError(
            "an alert that asks to act now is not answered"
            if len(titles) == 1
            else f"{len(titles)} alerts that ask to act now are not answered",
            value="; ".join(dict.fromkeys(titles)),
            remedy="look at the patient, answer each alert with what was done, then let them go",
            where="leave",
        )


def open_ends(session: Session) -> list[str]:
    """What still has to be done before the record can be signed, in words."""
    said = []
    if session.state not in (State.LEFT, State.ABORTED):
        said.append("the patient has not left yet")
    left = in_use_ug(session)
    if left:
        said.append(f"{left / 1000:g} mg of the drawn drug are neither given nor wasted")
    waiting = Alert.objects.filter(session=session, acknowledged_at__isnull=True).count()
    if waiting:
        said.append(f"{waiting} alert{'s' if waiting > 1 else ''} not acknowledged")
    doubts = len(open_doubts(session))
    if doubts:
        said.append(f"{doubts} act{'s' if doubts > 1 else ''} with the drug wait for a decision")
    started = DoseEvent.objects.filter(session=session, kind="start").exists()
    stopped = DoseEvent.objects.filter(session=session, kind="stop").exists()
    if started and not stopped:
        said.append("the dose has no end")
    return said


def unsent(session: Session) -> list[str]:
    """Tablets that hold entries of this session which the server does not have, by their own account."""
    return [said for each in contributions("session_record") for said in each.unsent(session)]


@transaction.atomic
def sign_session(
    *, by: Actor, patient: str, uid: str, person: Staff, despite_unsent: bool = False
) -> SessionSigned:
    """Sign the record: it is complete, and locked from now on.

    ``despite_unsent`` once somebody has read that other tablets still hold entries: these come in later,
    marked as after the signature.
    """
    session = locked_session(by, patient, uid, Permission.DISCHARGE)
    open_now = open_ends(session)
    if open_now:
        raise InputError("; ".join(open_now), remedy="do these first, then sign", where="sign")
    waiting = unsent(session)
    if waiting and not despite_unsent:
        raise InputError(
            f"not sent yet: {'; '.join(waiting)}",
            remedy="open the session on these tablets with network, or tick that you sign without them",
            where="sign",
        )
    told = canonical(record_of(session))
    signature = sign(
        by=by,
        person=person,
        meaning="This record of the session is complete and true.",
        entity="session",
        uid=session.uid,
        content=told,
    )
    row = SessionSigned.objects.create(
        session=session,
        record=told,
        fingerprint=hashlib.sha256(told.encode()).hexdigest(),
        signature=signature,
        signed_at=now(),
    )
    Session.objects.filter(pk=session.pk).update(locked_at=now())
    record(
        "session.signed",
        by=by,
        entity="session",
        uid=uid,
        patient=patient,
        detail={"fingerprint": row.fingerprint} | ({"unsent": waiting} if waiting else {}),
    )
    return row


@transaction.atomic
def add_addendum(*, by: Actor, patient: str, uid: str, text: str, person: Staff) -> Addendum:
    """Add words to a locked record, signed."""
    session = session_for(by, patient, uid, Permission.RECORD_SESSION)
    if session.locked_at is None:
        raise InputError("the record is not locked yet", remedy="enter it in the record itself")
    if not text.strip():
        raise InputError("the addendum is empty", remedy="write it", where="text")
    signature = sign(
        by=by,
        person=person,
        meaning="Addendum to a signed record",
        entity="session",
        uid=session.uid,
        content=text.strip(),
    )
    row = Addendum.objects.create(
        session=session,
        text=text.strip(),
        signature=signature,
        written_by_id=by.staff_id,
        written_at=now(),
    )
    record("session.addendum", by=by, entity="addendum", uid=row.uid, patient=patient)
    return row
