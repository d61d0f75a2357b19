"""The whole record of a session as plain data: page, PDF and signature are made from it alone."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from openkap.care.patients.queries import display_name
from openkap.care.treatment import facts as reading
from openkap.care.treatment.doubt_actions import doubts_of
from openkap.care.treatment.models import (
    AdverseEvent,
    Alert,
    Clearance,
    Discharge,
    DoseCheck,
    DoseEvent,
    Entry,
    LedgerEntry,
    Prescription,
    Session,
)
from openkap.protocol.elements import dictionary


def record_of(session: Session) -> dict[str, Any]:
    """Everything that was written down in a session, corrections included, in the order it was true."""
    events = reading.dose_events(session)
    begun = reading.started_at(events)
    return {
        "patient": {"code": session.patient.code, "name": display_name(session.patient.identity)},
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
            "state": session.get_state_display(),
            "because": session.state_because,
        },
        "gates": _snapshot(Clearance.objects.filter(session=session).order_by("-id").first()),
        "prescriptions": _prescriptions(session),
        "checks": _checks(session),
        "dose": _dose(session),
        "dose_doubts": _dose_doubts(session),
        "entries": _entries(session, begun),
        "alerts": _alerts(session, begun),
        "adverse_events": _adverse_events(session),
        "discharge": _discharge(session),
        "ledger": _ledger(session),
    }


def _at(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def minute(moment: datetime, begun: datetime | None) -> int | None:
    """Minutes from the start of the dose."""
    return None if begun is None else round((moment - begun).total_seconds() / 60)


def mg(ug: int | None) -> str:
    """Micrograms as milligrams, without trailing zeros."""
    return "" if ug is None else f"{(Decimal(ug) / 1000).normalize():f}"


def _snapshot(row: Clearance | None) -> Any:
    return json.loads(row.snapshot) if row else []


def _prescriptions(session: Session) -> list[dict[str, Any]]:
    rows = Prescription.objects.filter(session=session).select_related("signature", "corrected_by")
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
        for row in rows.order_by("id")
    ]


def _checks(session: Session) -> list[dict[str, Any]]:
    rows = DoseCheck.objects.filter(session=session).select_related("lot", "second", "entered_by")
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
        for row in rows.order_by("id")
    ]


def _dose(session: Session) -> list[dict[str, Any]]:
    rows = DoseEvent.objects.filter(session=session).select_related("entered_by", "corrects", "corrected_by")
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
        for row in rows.order_by("observed_at", "id")
    ]


def _dose_doubts(session: Session) -> list[dict[str, Any]]:
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
        for row in doubts_of(session)
    ]


def _entries(session: Session, begun: datetime | None) -> list[dict[str, Any]]:
    elements = dictionary()
    rows = Entry.objects.filter(session=session).select_related("entered_by", "corrects", "corrected_by")
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
            "values": {
                value.element: {"label": elements[value.element].label, "value": value.value}
                for value in row.values.all()
            },
        }
        for row in rows.prefetch_related("values").order_by("observed_at", "id")
    ]


def _alerts(session: Session, begun: datetime | None) -> list[dict[str, Any]]:
    rows = Alert.objects.filter(session=session).select_related("acknowledged_by").order_by("at", "id")
    return [
        json.loads(row.snapshot)
        | {
            "uid": row.uid,
            "at": _at(row.at),
            "minute": minute(row.at, begun),
            "acknowledged_by": row.acknowledged_by.name if row.acknowledged_by else "",
            "acknowledged_at": _at(row.acknowledged_at),
            "done": row.done,
            "escalated_at": _at(row.escalated_at),
        }
        for row in rows
    ]


def _adverse_events(session: Session) -> list[dict[str, Any]]:
    rows = AdverseEvent.objects.filter(session=session).select_related("entered_by", "corrected_by")
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
            "replaced": hasattr(row, "corrected_by"),
        }
        for row in rows.order_by("onset_at", "id")
    ]


def _discharge(session: Session) -> dict[str, Any] | None:
    row = Discharge.objects.filter(session=session).select_related("entered_by").first()
    if row is None:
        return None
    return {
        "at": _at(row.observed_at),
        "by": row.entered_by.name,
        "escort": row.escort,
        "against": row.against,
        "reason": row.reason,
        "answer": json.loads(row.snapshot),
    }


def _ledger(session: Session) -> list[dict[str, Any]]:
    rows = LedgerEntry.objects.filter(session=session).select_related("lot", "entered_by", "witness")
    return [
        {
            "what": row.kind,
            "mg": mg(row.amount_ug),
            "lot": row.lot.lot_number,
            "balance_mg": mg(row.balance_ug),
            "by": row.entered_by.name,
            "witness": row.witness.name if row.witness else "",
            "at": _at(row.at),
        }
        for row in rows.order_by("id")
    ]
