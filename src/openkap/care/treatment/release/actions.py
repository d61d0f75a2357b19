"""The release of the dose: every gate is looked at, and looked at again whenever something new is known."""

from __future__ import annotations

import hashlib
from datetime import date

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.enrolment.assessment import canonical
from openkap.care.enrolment.standing import since_decision
from openkap.care.moment import now, today
from openkap.care.permissions import Permission
from openkap.care.treatment.course.rules import holds_of
from openkap.care.treatment.models import Clearance, GateDecision, Session
from openkap.care.treatment.release.closed_gate import closed_gates
from openkap.care.treatment.release.duties import duty_gates
from openkap.care.treatment.release.gates import Gate, as_data, course_gates, gates_of, holding, wished
from openkap.care.treatment.rows import facts as reading
from openkap.care.treatment.rows.acts import State, locked_session, move_on, once, told_audit
from openkap.care.treatment.rows.stamps import Stamp
from openkap.core.errors import InputError

NAMED = 4


def gates_now(session: Session, *, on: date | None = None) -> list[Gate]:
    """Everything that may hold the session's dose as it stands now; credentials as of that day."""
    rows, moment = reading.rows_of(session), now()
    decisions = {
        row.rule: row
        for row in GateDecision.objects.filter(session=session).select_related("entered_by").order_by("id")
    }
    protocol, since = reading.protocol_of_session(session), since_decision(session.patient)
    gates = gates_of(
        protocol,
        reading.gate_facts(session, rows, moment),
        decisions,
        reading.readings_before(session, rows, moment),
    )
    return [
        *closed_gates(session.patient_id),
        *duty_gates(session, on or today()),
        *wished(gates, since),
        *course_gates(protocol, holds_of(session.course), since, decisions),
    ]


@transaction.atomic
def clear(*, by: Actor, patient: str, uid: str, stamp: Stamp | None = None) -> Clearance:
    """Release the dose: every gate was looked at and none holds it."""
    session, stamp = locked_session(by, patient, uid, Permission.GIVE_DOSE), stamp or Stamp()
    held = once(Clearance, session, stamp)
    if held is not None:
        return held
    if session.state != State.ARRIVED:
        raise InputError("this session cannot be cleared now", value=session.get_state_display())
    gates = gates_now(session)
    if waiting := holding(gates):
        raise InputError(
            f"{len(waiting)} gates hold the dose" if len(waiting) > 1 else "a gate holds the dose",
            value=said(waiting),
            remedy=_remedies(waiting, "answer them, ask the prescriber, or re-plan the visit"),
        )
    told = canonical(as_data(gates))
    row = Clearance.objects.create(
        session=session,
        snapshot=told,
        fingerprint=hashlib.sha256(told.encode()).hexdigest(),
        **stamp.fields(by),
    )
    move_on(session, State.CLEARED)
    told_audit(by, "session.cleared", session, row, fingerprint=row.fingerprint)
    return row


def look_again(by: Actor, session: Session) -> None:
    """Something before the dose has changed: a release that no longer stands is taken back."""
    if session.state != State.CLEARED:
        return
    if waiting := holding(gates_now(session)):
        because = f"the release was taken back: {said(waiting)}"
        move_on(session, State.ARRIVED, because=because)
        record(
            "session.release_taken_back",
            by=by,
            entity="session",
            uid=session.uid,
            patient=session.patient.uid,
            detail={"because": because},
        )


def refuse_held(waiting: list[Gate]) -> None:
    """Before the start: what was clear at the release may have become old or been changed since."""
    if waiting:
        raise InputError(
            "the dose cannot start: a gate holds it again",
            value=said(waiting),
            remedy=_remedies(
                waiting, "answer it on the session's page and release the dose anew, or re-plan the visit"
            ),
        )


def _remedies(waiting: list[Gate], usual: str) -> str:
    return "; ".join(dict.fromkeys(gate.remedy or usual for gate in waiting))


def said(waiting: list[Gate]) -> str:
    """The gates that hold the dose, each with what it saw."""
    first = sorted(waiting, key=lambda gate: gate.state != "shut")
    named = [f"{gate.title}{f', {gate.saw}' if gate.saw else ''}" for gate in first[:NAMED]]
    rest = len(waiting) - NAMED
    return "; ".join(named) + (f"; and {rest} more" if rest > 0 else "")
