"""How a session ends: adverse events, leaving, signing and locking, and words added afterwards."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.accounts.signing import sign
from openkap.care.audit.actions import record
from openkap.care.enrolment.assessment import canonical
from openkap.care.ids import new_uid
from openkap.care.moment import now
from openkap.care.permissions import Permission
from openkap.care.treatment import facts as reading
from openkap.care.treatment.access import session_for
from openkap.care.treatment.delivery_actions import open_doubts
from openkap.care.treatment.drug_actions import in_use_ug
from openkap.care.treatment.models import (
    Addendum,
    AdverseEvent,
    Alert,
    Discharge,
    DoseEvent,
    Session,
    SessionSigned,
)
from openkap.care.treatment.readiness import ready_since
from openkap.care.treatment.record import record_of
from openkap.care.treatment.session_rows import State, locked_session, move_on, once, told_audit
from openkap.care.treatment.stamps import Stamp
from openkap.core.errors import InputError
from openkap.protocol.monitoring import discharge as may_leave
from openkap.protocol.session_words import adverse_event_words


@dataclass(frozen=True, slots=True)
class Event:
    """An adverse event as somebody describes it."""

    term: str
    onset_at: datetime
    grade: int
    relation: str
    action_taken: str
    outcome: str
    ended_at: datetime | None = None
    is_serious: bool = False
    serious_because: str = ""
    words: str = ""
    treatment: str = ""
    corrects: str = ""
    reason: str = ""


@transaction.atomic
def record_adverse_event(
    *, by: Actor, patient: str, uid: str, event: Event, client_id: str = ""
) -> AdverseEvent:
    """Record something untoward of a session, or update what was recorded by a new row."""
    session = session_for(by, patient, uid, Permission.RECORD_SESSION)
    held = AdverseEvent.objects.filter(client_id=client_id).first() if client_id else None
    if held is not None:
        return held
    words = adverse_event_words()
    group = words.group_of(event.term)
    _refuse_unknown_words(event)
    old = None
    if event.corrects:
        old = AdverseEvent.objects.filter(session=session, uid=event.corrects).first()
        if old is None or hasattr(old, "corrected_by"):
            raise InputError("there is nothing to update here", remedy="reload the page")
        if not event.reason.strip():
            raise InputError("an update needs its reason", remedy="write why", where="reason")
    row = AdverseEvent.objects.create(
        patient=session.patient,
        session=session,
        client_id=client_id or new_uid(),
        term=event.term,
        words=event.words.strip(),
        onset_at=event.onset_at,
        ended_at=event.ended_at,
        grade=event.grade,
        is_serious=event.is_serious,
        serious_because=event.serious_because,
        relation=event.relation,
        action_taken=event.action_taken,
        treatment=event.treatment.strip(),
        outcome=event.outcome,
        is_expected=group.expected == "yes",
        entered_by_id=by.staff_id,
        entered_at=now(),
        corrects=old,
        reason=event.reason.strip(),
    )
    detail = {"term": row.term, "grade": row.grade, "serious": row.is_serious}
    told_audit(by, "adverse_event.recorded", session, row, **detail)
    return row


def _refuse_unknown_words(event: Event) -> None:
    words = adverse_event_words()
    grades = [int(each.value) for each in words.grades]
    for name, given, known in (
        ("grade", event.grade, grades),
        ("relation", event.relation, words.relations),
        ("action_taken", event.action_taken, words.actions),
        ("outcome", event.outcome, words.outcomes),
    ):
        if given not in known:
            said = ", ".join(map(str, known))
            raise InputError(f"the {name.replace('_', ' ')} is missing", limit=said, where=name)
    if event.is_serious and event.serious_because not in words.serious:
        raise InputError(
            "why it is serious is missing",
            limit=", ".join(words.serious),
            remedy="choose one",
            where="serious_because",
        )
    if event.onset_at > now() or (event.ended_at is not None and event.ended_at < event.onset_at):
        raise InputError(
            "the times do not fit",
            limit="onset not in the future, end not before onset",
            remedy="correct them",
            where="onset_at",
        )


@transaction.atomic
def report_adverse_event(*, by: Actor, patient: str, event: str, to: str) -> AdverseEvent:
    """A serious event was reported: to whom, now."""
    from openkap.care.patients.access import patient_for

    row_patient = patient_for(by, patient, Permission.PRESCRIBE, seen="")
    row = AdverseEvent.objects.select_for_update().filter(patient=row_patient, uid=event).first()
    if row is None or not to.strip():
        raise InputError("to whom it was reported is missing", remedy="name the body or company")
    AdverseEvent.objects.filter(pk=row.pk).update(reported_at=now(), reported_to=to.strip())
    detail = {"to": to.strip()}
    record("adverse_event.reported", by=by, entity="adverseevent", uid=event, patient=patient, detail=detail)
    row.refresh_from_db()
    return row


@transaction.atomic
def let_go(
    *,
    by: Actor,
    patient: str,
    uid: str,
    escort: str,
    against_because: str = "",
    stamp: Stamp | None = None,
) -> Discharge:
    """The patient leaves: every condition holds, or they leave against it with the reason written down."""
    session, stamp = locked_session(by, patient, uid, Permission.DISCHARGE), stamp or Stamp()
    held = once(Discharge, session, stamp)
    if held is not None:
        return held
    if session.state not in (State.RECOVERY, State.READY):
        raise InputError(
            "the dose is still running or the session is over", value=session.get_state_display()
        )
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
            value="; ".join(each.said for each in answer.unmet[:4]),
            remedy="wait and enter what is missing; leaving against it needs the reason",
            where="leave",
        )
    if not against and not escort.strip():
        raise InputError("who takes the patient home is missing", remedy="write the name", where="escort")
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
    move_on(session, State.LEFT)
    told_audit(by, "session.left", session, row, against=against)
    return row


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


@transaction.atomic
def sign_session(*, by: Actor, patient: str, uid: str, person: Staff) -> SessionSigned:
    """Sign the record: it is complete, and locked from now on."""
    session = locked_session(by, patient, uid, Permission.DISCHARGE)
    open_now = open_ends(session)
    if open_now:
        raise InputError("; ".join(open_now), remedy="do these first, then sign", where="sign")
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
        detail={"fingerprint": row.fingerprint},
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
