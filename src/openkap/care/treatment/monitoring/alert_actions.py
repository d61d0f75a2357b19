"""Alerts: raised from the readings, acknowledged by a person, escalated when nobody does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from openkap.care.accounts.actor import Actor
from openkap.care.enrolment.assessment import canonical
from openkap.care.moment import now
from openkap.care.permissions import Permission
from openkap.care.prepared import prepared
from openkap.care.treatment.models import Alert, Entry, Session
from openkap.care.treatment.monitoring.alert_basis import since_raised
from openkap.care.treatment.release.gates import Gate
from openkap.care.treatment.rows import facts as reading
from openkap.care.treatment.rows.acts import locked_session, told_audit
from openkap.core.errors import InputError
from openkap.core.source import Grade
from openkap.protocol.condition import facts_of
from openkap.protocol.model import Protocol
from openkap.protocol.monitoring import watch
from openkap.protocol.rules import Action

# Alarms that stand for no rule of a protocol.
UNFIT, WITHDRAWN = "CREDENTIAL", "CONSENT"


def raise_alerts(session: Session, since: datetime | None = None) -> list[Alert]:
    """Store every alert of the readings so far that is not stored yet; returns the new ones.

    ``since`` where nothing has changed but one reading of that moment, which was added.
    """
    events = reading.dose_events(session)
    begun = reading.started_at(events)
    if begun is None:
        return []
    written, protocol = reading.entries_of(session), reading.protocol_of_session(session)
    rows = reading.rows_among(written)
    seen = watch(
        protocol,
        reading.readings_of(rows),
        started_at=begun,
        now=now(),
        baseline=reading.baseline_of(rows),
        longer=reading.longer_than_usual(session, protocol, events),
        since=since,
    )
    entries = {entry.observed_at: entry for entry in rows.of(Entry.Kind.VITALS)}
    known = _known(session, written, protocol)
    made = []
    for alert in seen.alerts:
        # A late reading belongs to the minute it was due, so that it is one alert however often we look.
        is_late = "missed_vital_sign_min" in facts_of(alert.rule.condition)
        if is_late and (seen.next_due is None or not seen.next_due.overdue):
            continue
        at = seen.next_due.at if is_late and seen.next_due else alert.at
        if (alert.rule.id, at) not in known:
            known.add((alert.rule.id, at))
            told = alert.as_dict(protocol) | {"action_words": alert.action.words}
            made.append(
                Alert(
                    session=session,
                    rule=alert.rule.id,
                    at=at,
                    entry=None if is_late else entries.get(alert.at),
                    action=alert.action.value,
                    snapshot=canonical(told),
                    raised_at=now(),
                )
            )
    # Whoever gets here holds the session's row: nobody else raises the same alert meanwhile.
    return Alert.objects.bulk_create(made)


def started_while_held(session: Session, held: Sequence[Gate], at: datetime) -> list[Alert]:
    """The drug runs although a gate holds it: what is done is recorded, and nobody can miss it."""
    made = [
        _alarm(
            *(session, gate.rule.id, at, Action.PAUSE),
            title=f"Started although a gate holds the dose: {gate.title}",
            value=gate.saw,
            limit=gate.limit,
            say=gate.running.say if gate.running else "Pause the drug and call the prescriber now.",
            who=gate.running.who if gate.running else session.prescriber.name,
            grade=gate.grade,
            sources=list(gate.sources),
        )
        for gate in held
    ]
    return Alert.objects.bulk_create(made)


def started_unfit(session: Session, name: str, lack: str, at: datetime) -> None:
    """Somebody started the dose whose credentials do not hold: it is recorded, and nobody can miss it."""
    _alarm(
        *(session, UNFIT, at, Action.PAUSE),
        title=f"Started by {name}, whose credentials do not hold today",
        value=lack,
        limit="every credential of the part valid on the day",
        say="A colleague whose credentials hold takes over now; call the prescriber.",
        who=session.prescriber.name,
    ).save()


def dosing_without_consent(session: Session, at: datetime) -> None:
    """The patient withdrew while the drug runs; to pause or to stop it is a person's act."""
    _alarm(
        *(session, WITHDRAWN, at, Action.STOP_DOSE),
        title="The patient has withdrawn consent",
        value="consent withdrawn while the dose runs",
        limit="no dose without valid consent",
        say="Pause the pump now and call the prescriber. Nothing more is given without consent: stop the "
        "dose and enter what was given. The readings go on until the patient may leave.",
        who=f"session nurse, {session.nurse.name}; prescriber, {session.prescriber.name}",
    ).save()


def _alarm(session: Session, rule: str, at: datetime, action: Action, **told: Any) -> Alert:
    """An alert that no reading has raised, not stored yet; without a rule of the content it is our own."""
    ours = {"grade": Grade.PLATFORM.value, "sources": []}
    return Alert(
        session=session,
        rule=rule,
        at=at,
        action=action.value,
        snapshot=canonical(ours | told | {"rule": rule, "action_words": action.words}),
        raised_at=now(),
    )


def _known(session: Session, written: Sequence[Entry], protocol: Protocol) -> set[tuple[str, datetime]]:
    """What was raised already; an alert says nothing about a value that was corrected since."""
    rows = _raised(session.pk)
    corrected = [row for row in rows if row.entry is not None and hasattr(row.entry, "corrected_by")]
    changed = since_raised(corrected, written, protocol) if corrected else {}
    return {(row.rule, row.at) for row in rows if not changed.get(row.pk)}


@prepared
def _raised(session_id: int) -> QuerySet[Alert]:
    return Alert.objects.filter(session_id=session_id).select_related("entry__corrected_by")


@transaction.atomic
def acknowledge(
    *, by: Actor, patient: str, uid: str, alert: str, done: str, answered_at: datetime | None = None
) -> Alert:
    """Say that an alert was seen, and what was done.

    ``answered_at`` is when a tablet was told; an answer that comes out of a cut of the network is not as late
    as its arrival.
    """
    session = locked_session(by, patient, uid, Permission.RECORD_SESSION)
    row = Alert.objects.select_for_update().filter(session=session, uid=alert).first()
    if row is None:
        raise InputError("no such alert in this session", remedy="reload the page")
    if row.acknowledged_at is not None:
        if (row.acknowledged_by_id, row.done) == (by.staff_id, done.strip()):
            return row
        raise InputError(
            "somebody has answered this alert meanwhile",
            value=row.done,
            remedy="write a note if more was done",
        )
    if not done.strip():
        raise InputError("what was done is missing", remedy="write it in a few words", where=f"alert-{alert}")
    answered = min(answered_at or now(), now())
    Alert.objects.filter(pk=row.pk).update(
        acknowledged_at=answered, acknowledged_by_id=by.staff_id, done=done.strip()
    )
    said = {"rule": row.rule, "done": done.strip(), "answered_at": answered.isoformat()}
    told_audit(by, "alert.acknowledged", session, row, **said)
    row.refresh_from_db()
    return row


def escalate(*, by: Actor, session: Session, after: timedelta) -> int:
    """Mark alerts nobody has acknowledged for so long; they stand first on the prescribers' page."""
    waiting = Alert.objects.filter(
        session=session, acknowledged_at__isnull=True, escalated_at__isnull=True, raised_at__lte=now() - after
    )
    rows = list(waiting)
    for row in rows:
        with transaction.atomic():
            Alert.objects.filter(pk=row.pk).update(escalated_at=now())
            told_audit(by, "alert.escalated", session, row, rule=row.rule)
    return len(rows)
