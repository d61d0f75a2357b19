"""The whole record of a session as plain data: page, PDF and signature are made from it alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from openkap.care.contributions import contributions
from openkap.care.treatment.dose.doubt_actions import doubts_of
from openkap.care.treatment.models import (
    AdverseEvent,
    Alert,
    Clearance,
    Discharge,
    DoseCheck,
    DoseDoubt,
    DoseEvent,
    Entry,
    LedgerEntry,
    Prescription,
    Session,
    Value,
)
from openkap.care.treatment.monitoring.value_actions import crossed_out
from openkap.care.treatment.rows import facts as reading
from openkap.care.treatment.rows.how_it_ended import words_now
from openkap.protocol.elements import dictionary

# An answer that takes longer than this came out of a cut of the network.
AT_ONCE = timedelta(minutes=1)


def record_of(session: Session) -> dict[str, Any]:
    """Everything that was written down in a session, corrections included, in the order it was true."""
    return records_of([session])[0]


def records_of(sessions: list[Session]) -> list[dict[str, Any]]:
    """The record of each, with one question a table for all of them together."""
    gates, doses = _of(Clearance.objects.order_by("id"), sessions), _doses(sessions)
    orders, checks, entries = _orders(sessions), _drawn(sessions), _written(sessions)
    doubts = _by_session(doubts_of(*sessions))
    alerts = _of(Alert.objects.select_related("acknowledged_by", "answer").order_by("at", "id"), sessions)
    events = _of(_written_events(), sessions)
    left = _of(Discharge.objects.select_related("entered_by").order_by("id"), sessions)
    ledger = _of(_movements(), sessions)
    added = [each.parts([session.pk for session in sessions]) for each in contributions("session_record")]
    told = []
    for session in sessions:
        key = session.pk
        counted = [row for row in doses[key] if not hasattr(row, "corrected_by")]
        begun = reading.started_at(counted)
        told.append(
            _head(session)
            | {
                "gates": _snapshot(gates[key]),
                "prescriptions": _prescriptions(orders[key]),
                "checks": _checks(checks[key]),
                "dose": _dose(doses[key]),
                "dose_doubts": _dose_doubts(doubts[key]),
                "entries": _entries(entries[key], begun),
                "alerts": _alerts(alerts[key], begun),
                "adverse_events": _adverse_events(events[key]),
                "discharge": _discharge(left[key]),
                "ledger": _ledger(ledger[key]),
            }
            | {name: rows.get(key, []) for parts in added for name, rows in parts.items()}
        )
    return told


def adverse_events_of(session: Session) -> list[dict[str, Any]]:
    """Every adverse event of a session as it stands now, what came after the signature included."""
    return _adverse_events(list(_written_events().filter(session=session)))


def _written_events() -> QuerySet[AdverseEvent]:
    rows = AdverseEvent.objects.select_related("entered_by", "corrects", "corrected_by", "reported_by")
    return rows.order_by("onset_at", "id")


def _by_session(rows: Iterable[Any]) -> defaultdict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.session_id].append(row)
    return found


def _of(rows: QuerySet[Any], sessions: list[Session]) -> defaultdict[int, list[Any]]:
    return _by_session(rows.filter(session__in=sessions))


def _movements() -> QuerySet[LedgerEntry]:
    rows = LedgerEntry.objects.select_related("lot", "entered_by", "witness", "reversed_by", "reverses")
    return rows.order_by("id")


def _doses(sessions: list[Session]) -> defaultdict[int, list[DoseEvent]]:
    rows = DoseEvent.objects.select_related("entered_by", "corrects", "corrected_by")
    return _of(rows.order_by("observed_at", "id"), sessions)


def _orders(sessions: list[Session]) -> defaultdict[int, list[Prescription]]:
    return _of(Prescription.objects.select_related("signature", "corrected_by").order_by("id"), sessions)


def _drawn(sessions: list[Session]) -> defaultdict[int, list[DoseCheck]]:
    return _of(DoseCheck.objects.select_related("lot", "second", "entered_by").order_by("id"), sessions)


def _written(sessions: list[Session]) -> defaultdict[int, list[Entry]]:
    rows = Entry.objects.select_related("entered_by", "corrects", "corrected_by").prefetch_related("values")
    return _of(rows.order_by("observed_at", "id"), sessions)


def _head(session: Session) -> dict[str, Any]:
    return {
        # By the pseudonym: what is signed outlasts the name.
        "patient": {"code": session.patient.code, "uid": session.patient.uid},
        "session": {
            "uid": session.uid,
            "number": session.number,
            "of": session.course.pattern,
            "protocol": f"{session.course.protocol} {session.course.protocol_version}",
            "protocol_fingerprint": session.course.protocol_fingerprint,
            "chair": session.chair.name,
            "prescriber": session.prescriber.name,
            "nurse": session.nurse.name,
            "planned": _at(session.starts_at),
            "state": words_now(session),
            "because": session.state_because,
        },
    }


def _at(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def minute(moment: datetime, begun: datetime | None) -> int | None:
    """Minutes from the start of the dose."""
    return None if begun is None else round((moment - begun).total_seconds() / 60)


def mg(ug: int | None) -> str:
    """Micrograms as milligrams, without trailing zeros."""
    return "" if ug is None else f"{(Decimal(ug) / 1000).normalize():f}"


def _snapshot(rows: list[Clearance]) -> Any:
    return json.loads(rows[-1].snapshot) if rows else []


def _prescriptions(rows: list[Prescription]) -> list[dict[str, Any]]:
    return [
        {
            "dose_mg": f"{row.dose_mg.normalize():f}",
            "over_min": row.over_min,
            "basis": row.basis,
            "step": row.step,
            "changed": row.is_changed,
            "reason": row.reason,
            "by": row.signature.name,
            "at": _at(row.signature.signed_at),
            "replaced": hasattr(row, "corrected_by"),
            "proposal": json.loads(row.proposal),
        }
        for row in rows
    ]


def _checks(rows: list[DoseCheck]) -> list[dict[str, Any]]:
    return [
        {
            "product": row.lot.name,
            "strength": row.lot.strength,
            "lot": row.lot.lot_number,
            "expires": row.lot.expires_on.isoformat(),
            "drawn_mg": mg(row.drawn_ug),
            "volume_ml": str(row.volume_ml or ""),
            "rate_ml_h": str(row.rate_ml_h or ""),
            "draw": row.draw,
            "drawn_by": row.entered_by.name,
            "checked_by": row.second.name,
            "at": _at(row.entered_at),
        }
        for row in rows
    ]


def _dose(rows: list[DoseEvent]) -> list[dict[str, Any]]:
    return [
        {
            "uid": row.uid,
            "what": row.get_kind_display(),
            "kind": row.kind,
            "at": _at(row.observed_at),
            "entered": _at(row.entered_at),
            "rate_ml_h": str(row.rate_ml_h or ""),
            "given_mg": mg(row.given_ug),
            "by": row.entered_by.name,
            "reason": row.reason,
            "replaced": hasattr(row, "corrected_by"),
        }
        for row in rows
    ]


def _dose_doubts(rows: list[DoseDoubt]) -> list[dict[str, Any]]:
    """What was entered about the drug and does not fit, with what was decided."""
    return [
        {
            "uid": row.uid,
            "what": row.get_kind_display(),
            "kind": row.kind,
            "at": _at(row.observed_at),
            "entered": _at(row.entered_at),
            "rate_ml_h": str(row.rate_ml_h or ""),
            "given_mg": mg(row.given_ug),
            "by": row.entered_by.name,
            "reason": row.reason,
            "why": row.why,
            "decision": row.get_settlement_display(),
            "decided_by": row.settled_by.name if row.settled_by else "",
            "decided_at": _at(row.settled_at),
            "because": row.settled_because,
        }
        for row in rows
    ]


def _entries(rows: list[Entry], begun: datetime | None) -> list[dict[str, Any]]:
    held = {row.pk: row for row in rows}
    values = {row.pk: list(row.values.all()) for row in rows}
    return [
        {
            "uid": row.uid,
            "kind": row.kind,
            "kind_words": row.get_kind_display(),
            "at": _at(row.observed_at),
            "minute": minute(row.observed_at, begun),
            "entered": _at(row.entered_at),
            "by": row.entered_by.name,
            "note": row.note,
            "reason": row.reason,
            "replaced": hasattr(row, "corrected_by"),
            "in_error": row.is_retraction,
            "device_ahead_s": row.device_ahead_s,
            "values": _values(values[row.pk]),
            "crossed_out": _values(crossed_out(row, held, values)),
        }
        for row in rows
    ]


def _values(rows: list[Value]) -> dict[str, dict[str, str]]:
    return {row.element: {"label": dictionary()[row.element].label, "value": row.value} for row in rows}


def _arrived(row: Alert) -> str:
    """When the answer of a tablet reached the server, where that was not at once."""
    answer = getattr(row, "answer", None)
    if answer is None or answer.entered_at - answer.observed_at < AT_ONCE:
        return ""
    return _at(answer.entered_at)


def _alerts(rows: list[Alert], begun: datetime | None) -> list[dict[str, Any]]:
    return [
        json.loads(row.snapshot)
        | {
            "uid": row.uid,
            "at": _at(row.at),
            "minute": minute(row.at, begun),
            "acknowledged_by": row.acknowledged_by.name if row.acknowledged_by else "",
            "acknowledged_at": _at(row.acknowledged_at),
            "answer_arrived": _arrived(row),
            "done": row.done,
            "escalated_at": _at(row.escalated_at),
        }
        for row in rows
    ]


def _adverse_events(rows: list[AdverseEvent]) -> list[dict[str, Any]]:
    return [
        {
            "uid": row.uid,
            "term": row.term,
            "words": row.words,
            "onset": _at(row.onset_at),
            "ended": _at(row.ended_at),
            "grade": row.grade,
            "serious": row.serious_because if row.is_serious else "",
            "relation": row.relation,
            "action": row.action_taken,
            "treatment": row.treatment,
            "outcome": row.outcome,
            "expected": row.is_expected,
            "by": row.entered_by.name,
            "entered": _at(row.entered_at),
            "after_signing": bool(row.after_signing),
            "corrects": row.corrects.uid if row.corrects else "",
            "reason": row.reason,
            "reported_at": _at(row.reported_at),
            "reported_to": row.reported_to,
            "reported_by": row.reported_by.name if row.reported_by else "",
            "in_error": row.is_retraction,
            "replaced": hasattr(row, "corrected_by"),
        }
        for row in rows
    ]


def _discharge(rows: list[Discharge]) -> dict[str, Any] | None:
    if not rows:
        return None
    row = rows[0]
    return {
        "at": _at(row.observed_at),
        "ready": _at(row.ready_at),
        "by": row.entered_by.name,
        "escort": row.escort,
        "against": row.against,
        "reason": row.reason,
        "answer": json.loads(row.snapshot),
    }


def _ledger(rows: list[LedgerEntry]) -> list[dict[str, Any]]:
    return [
        {
            "uid": row.uid,
            "what": row.get_kind_display(),
            "kind": row.kind,
            "mg": mg(row.amount_ug),
            "lot": row.lot.lot_number,
            "balance_mg": mg(row.balance_ug),
            "by": row.entered_by.name,
            "witness": row.witness.name if row.witness else "",
            "at": _at(row.at),
            "note": row.note,
            "replaced": hasattr(row, "reversed_by"),
        }
        for row in rows
    ]
