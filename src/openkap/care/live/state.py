"""Everything the live page shows of a session, as plain data.

Times are milliseconds since 1970 on the server's clock, because that is what a browser counts in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.timezone import localdate

from openkap.care.enrolment.banner import consent_item
from openkap.care.enrolment.facts import answered
from openkap.care.live.expected import Earlier, Subject, departures, expected
from openkap.care.live.models import Photo, Screen
from openkap.care.live.rules import priority_of
from openkap.care.live.session_record import late
from openkap.care.live.waiting import gone_to
from openkap.care.prepared import prepared
from openkap.care.treatment.dose.delivered import Given, Ordered, as_ordered, given_so_far, with_the_rest
from openkap.care.treatment.dose.doubt_actions import doubts_of
from openkap.care.treatment.models import (
    AdverseEvent,
    Alert,
    Discharge,
    DoseCheck,
    DoseDoubt,
    DoseEvent,
    Entry,
    Prescription,
    Session,
    Value,
)
from openkap.care.treatment.monitoring.alert_basis import since_raised
from openkap.care.treatment.monitoring.reporting import report_clock
from openkap.care.treatment.monitoring.value_actions import crossed_out
from openkap.care.treatment.release.actions import gates_now, said
from openkap.care.treatment.release.gates import holding
from openkap.care.treatment.rows import facts as reading
from openkap.care.treatment.rows.acts import BEFORE, RUNNING
from openkap.core.quantity import Quantity
from openkap.protocol.condition import facts_of
from openkap.protocol.elements import Value as Known
from openkap.protocol.elements import dictionary
from openkap.protocol.facts import Facts
from openkap.protocol.model import Protocol
from openkap.protocol.monitoring import Reading, Unmet, discharge, due_minutes, watch
from openkap.protocol.scale_times import CADSS_6, next_scale_due, scale_minutes

# Somebody is there while their screen was heard of in this time.
HEARD = timedelta(seconds=15)
BASELINE_OF = {"sbp_predose": "sbp", "dbp_predose": "dbp", "heart_rate_predose": "heart_rate"}


def ms(moment: datetime | None) -> int | None:
    """Milliseconds since 1970."""
    return None if moment is None else round(moment.timestamp() * 1000)


@dataclass(frozen=True)
class Course:
    """What a session is measured against."""

    protocol: Protocol
    ordered: Ordered | None
    begun: datetime | None
    baseline: Reading | None
    events: Sequence[DoseEvent]


def state_of(session: Session, moment: datetime) -> dict[str, Any]:
    """The whole state at that moment."""
    entries, protocol = reading.entries_of(session), reading.protocol_of_session(session)
    rows, events = reading.rows_among(entries), reading.dose_events(session)
    begun = reading.started_at(events)
    baseline = reading.baseline_of(rows)
    order = reading.order_of(session)
    course = Course(protocol, _ordered(session, order), begun, baseline, events)
    told: dict[str, Any] = {
        "session": _session(session),
        "consent": _consent(session),
        "begun": ms(begun),
        "dose": _dose(course, moment),
        "events": [_event(each) for each in events],
        "doubts": [_doubt(each) for each in doubts_of(session)],
        "entries": _entries(entries),
        "alerts": _alerts(session, entries, protocol, moment),
        "adverse": _adverse(session),
        "photos": _photos(session),
        "late": _late(session) if session.locked_at else [],
        "baseline": _baseline(baseline),
        "held": said(holding(gates_now(session))) if session.state in BEFORE else "",
        "due": None,
        "scale_due": None,
        "schedule": [],
        "leaving": None,
        "expected": {"minutes": [], "warnings": [], "bands": {}, "why_not": "the dose has not started"},
    }
    if begun is None or course.ordered is None:
        return told
    told["expected"] = _expected(session, course, moment)
    readings = reading.readings_of(rows)
    for entry in told["entries"]:
        if entry["kind"] == "vitals" and entry["counts"]:
            numbers = {name: each["number"] for name, each in entry["values"].items() if each["number"]}
            minute = (entry["at"] - told["begun"]) / 60_000
            entry["unexpected"] = departures(told["expected"], minute, numbers)
    longer = reading.longer_by(protocol, events, order)
    minutes = due_minutes(protocol, longer)
    told["schedule"] = [told["begun"] + minute * 60_000 for minute in minutes]
    if session.state in RUNNING:
        # Alerts are rows; of the watch only what is due next is wanted.
        seen = watch(
            protocol,
            readings,
            started_at=begun,
            now=moment,
            baseline=baseline,
            longer=longer,
            since=moment,
        )
        if seen.next_due is not None:
            told["due"] = {"at": ms(seen.next_due.at), "why": seen.next_due.why}
        told["scale_due"] = ms(_scale_due(protocol, readings, begun, longer))
        told["leaving"] = _leaving(session, reading.discharge_facts(session, rows, moment, begun, longer))
    return told


def _scale_due(
    protocol: Protocol, readings: Sequence[Reading], begun: datetime, longer: timedelta
) -> datetime | None:
    """When the short dissociation scale is due next, where the protocol uses it."""
    taken = [each.at for each in readings if "cadss_6_total" in each.values]
    return next_scale_due(scale_minutes(protocol, CADSS_6, longer), taken, started_at=begun)


def _session(session: Session) -> dict[str, Any]:
    return {
        "uid": session.uid,
        "state": session.state,
        "words": session.get_state_display(),
        "number": session.number,
        "chair": session.chair.name,
        "prescriber": session.prescriber.name,
        "nurse": session.nurse.name,
        "is_locked": session.locked_at is not None,
        "planned": ms(session.starts_at),
    }


def _consent(session: Session) -> dict[str, str]:
    """As the banner says it; a page that is open already follows."""
    item = consent_item(session.patient.pk)
    return {"words": item.value, "tone": item.tone}


def _ordered(session: Session, row: Prescription | None) -> Ordered | None:
    if row is None:
        return None
    return as_ordered(row, next(iter(_checks(session.pk)), None))


@prepared
def _checks(session_id: int) -> QuerySet[DoseCheck]:
    rows = DoseCheck.objects.filter(session_id=session_id, corrected_by__isnull=True)
    return rows.order_by("-id")[:1]


def given_of(course: Course, moment: datetime) -> Given | None:
    """The dose so far, or ``None`` before one is ordered."""
    return given_so_far(course.ordered, list(course.events), moment) if course.ordered else None


def _dose(course: Course, moment: datetime) -> dict[str, Any] | None:
    given = given_of(course, moment)
    if given is None or course.ordered is None:
        return None
    return {
        "drug": course.protocol.dosing.drug,
        "route": course.protocol.dosing.route,
        "ordered_mg": course.ordered.dose_mg,
        "over_min": course.ordered.over_min,
        "first_rate": course.ordered.rate_ml_h,
        "way": course.ordered.way,
        "rate_ml_h": given.rate_ml_h,
        "given_mg": round(given.given_mg, 2),
        "pump": given.pump,
        "rates": [list(pair) for pair in given.rates],
    }


def _event(row: DoseEvent) -> dict[str, Any]:
    return {
        "uid": row.uid,
        "id": row.client_id,
        "kind": row.kind,
        "words": row.get_kind_display(),
        "at": ms(row.observed_at),
        "entered": ms(row.entered_at),
        "rate_ml_h": float(row.rate_ml_h) if row.rate_ml_h is not None else None,
        "given_mg": row.given_ug / 1000 if row.given_ug is not None else None,
        "by": row.entered_by.name,
        "reason": row.reason,
        "was": ms(row.corrects.observed_at) if row.corrects else None,
        "was_mg": _was_mg(row),
    }


def _was_mg(row: DoseEvent) -> float | None:
    """The amount that was mistyped; ``None`` where the amount was not what was corrected."""
    if not isinstance(row.corrects, DoseEvent) or row.corrects.given_ug in (None, row.given_ug):
        return None
    return (row.corrects.given_ug or 0) / 1000


def _doubt(row: DoseDoubt) -> dict[str, Any]:
    """An act with the drug that does not fit; open while nobody has decided."""
    return {
        "uid": row.uid,
        "id": row.client_id,
        "kind": row.kind,
        "words": row.get_kind_display(),
        "at": ms(row.observed_at),
        "entered": ms(row.entered_at),
        "rate_ml_h": float(row.rate_ml_h) if row.rate_ml_h is not None else None,
        "given_mg": row.given_ug / 1000 if row.given_ug is not None else None,
        "by": row.entered_by.name,
        "why": row.why,
        "reason": row.reason,
        "would_correct": ms(row.names.observed_at) if row.names else None,
        "is_open": not row.settlement,
        "decision": row.get_settlement_display(),
        "decided_by": row.settled_by.name if row.settled_by else "",
        "because": row.settled_because,
    }


def _entries(rows: Sequence[Entry]) -> list[dict[str, Any]]:
    """Every entry, the corrected ones too: they are shown crossed out."""
    held = {row.pk: row for row in rows}
    values = {row.pk: reading.values_of(row) for row in rows}
    return [
        {
            "uid": row.uid,
            "id": row.client_id,
            "kind": row.kind,
            "at": ms(row.observed_at),
            "entered": ms(row.entered_at),
            "by": row.entered_by.name,
            "device": row.device,
            "ahead_s": row.device_ahead_s,
            "note": row.note,
            "reason": row.reason,
            "corrects": row.corrects.uid if row.corrects else "",
            "counts": not hasattr(row, "corrected_by") and not row.is_retraction,
            "retracts": row.is_retraction,
            "values": _values(values[row.pk]),
            "crossed_out": _values(crossed_out(row, held, values)),
        }
        for row in rows
    ]


def _values(rows: Sequence[Value]) -> dict[str, dict[str, Any]]:
    return {
        row.element: {"text": row.value, "number": float(row.number) if row.number is not None else None}
        for row in rows
    }


def _alerts(
    session: Session, entries: Sequence[Entry], protocol: Protocol, moment: datetime
) -> list[dict[str, Any]]:
    rows = _raised(session.pk)
    became = since_raised(rows, entries, protocol)
    return [
        {
            "uid": row.uid,
            "rule": row.rule,
            "entry": row.entry.client_id if row.entry else "",
            "action": row.action,
            "priority": priority_of(row.action),
            "at": ms(row.at),
            "raised": ms(row.raised_at),
            "escalated": ms(row.escalated_at),
            "gone_to": gone_to(session, row.escalated_at, moment)
            if row.escalated_at and not row.acknowledged_at
            else "",
            "seen_by": row.acknowledged_by.name if row.acknowledged_by else "",
            "seen_at": ms(row.acknowledged_at),
            "seen_entered": ms(row.answer.entered_at) if hasattr(row, "answer") else None,
            "done": row.done,
            "told": json.loads(row.snapshot),
            "since": became.get(row.pk, ""),
        }
        for row in rows
    ]


@prepared
def _raised(session_id: int) -> QuerySet[Alert]:
    rows = Alert.objects.filter(session_id=session_id).select_related("acknowledged_by", "entry", "answer")
    return rows.order_by("at", "id")


def _adverse(session: Session) -> list[dict[str, Any]]:
    """Every adverse event, the updated ones too; of a serious one by when it is reported."""
    rows = _adverse_events(session.pk)
    updated = {row.corrects_id for row in rows}
    counts = {row.pk: row.pk not in updated and not row.is_retraction for row in rows}
    return [_adverse_event(session, row, counts[row.pk]) for row in rows]


def _adverse_event(session: Session, row: AdverseEvent, counts: bool) -> dict[str, Any]:
    # Already read, with its course: the drug decides which deadline holds.
    row.session = session
    clock = report_clock(row) if counts else None
    return {
        "uid": row.uid,
        "id": row.client_id,
        "term": row.term,
        "words": row.words,
        "at": ms(row.onset_at),
        "ended": ms(row.ended_at),
        "grade": row.grade,
        "serious": row.is_serious,
        "serious_because": row.serious_because,
        "relation": row.relation,
        "action_taken": row.action_taken,
        "treatment": row.treatment,
        "outcome": row.outcome,
        "by": row.entered_by.name,
        "entered": ms(row.entered_at),
        "reason": row.reason,
        "counts": counts,
        "in_error": row.is_retraction,
        "after_signing": bool(row.after_signing),
        "reported": ms(row.reported_at),
        "reported_to": row.reported_to,
        "reported_by": row.reported_by.name if row.reported_by else "",
        "report_by": ms(clock.due) if clock else None,
        "report_why": clock.why if clock else "",
    }


@prepared
def _adverse_events(session_id: int) -> QuerySet[AdverseEvent]:
    rows = AdverseEvent.objects.filter(session_id=session_id)
    return rows.select_related("entered_by", "reported_by").order_by("onset_at", "id")


def _late(session: Session) -> list[dict[str, Any]]:
    """What arrived after the signature."""
    return [
        each
        | {"at": ms(each["at"]), "entered": ms(each["entered"])}
        | {"url": _photo_url(session, each["uid"]) if each["is_photo"] else ""}
        for each in late(session)
    ]


def _photo_url(session: Session, uid: str) -> str:
    return reverse("session_photo", args=[session.patient.uid, session.uid, uid])


def _photos(session: Session) -> list[dict[str, Any]]:
    return [
        {
            "uid": uid,
            "id": client_id,
            "at": ms(at),
            "about": about,
            "by": by,
            "gone": gone or "",
            "url": _photo_url(session, uid),
        }
        for uid, client_id, at, about, by, gone in _photographs(session.pk)
    ]


@prepared
def _photographs(session_id: int) -> QuerySet[Photo, tuple[str, str, datetime, str, str, str | None]]:
    """Each with why it was crossed out, where it was."""
    rows = Photo.objects.filter(session_id=session_id, corrects__isnull=True).order_by("observed_at", "id")
    return rows.values_list(
        "uid", "client_id", "observed_at", "about", "entered_by__name", "corrected_by__reason"
    )


def _baseline(baseline: Reading | None) -> dict[str, float]:
    return {} if baseline is None else numbers_of(baseline)


def numbers_of(each: Reading) -> dict[str, float]:
    """The numbers of a reading, each in its element's unit."""
    return {
        name: number for name, value in each.values.items() if (number := _number(name, value)) is not None
    }


def _number(name: str, value: Known) -> float | None:
    return value.number(dictionary()[name].unit or "1") if isinstance(value, Quantity) else None


def _leaving(session: Session, facts: Facts) -> dict[str, Any]:
    answer = discharge(facts, reading.protocol_of_session(session))
    # Since when they could leave; where that was not recorded yet, when they left, and the page says which.
    stays = [
        {
            "min": round(((row.ready_at or row.observed_at) - start).total_seconds() / 60),
            "is_ready": row.ready_at is not None,
        }
        for row in _left_before(session.patient.pk, session.pk)
        if (start := reading.started_at(reading.dose_events(row.session))) is not None
    ]
    return answer.as_dict() | {
        "unmet": [_unmet(each) for each in answer.unmet],
        "warnings": [_unmet(each) for each in answer.warnings],
        "earlier": stays,
    }


@prepared
def _left_before(patient_id: int, session_id: int) -> QuerySet[Discharge]:
    rows = Discharge.objects.filter(session__patient_id=patient_id, may_leave=True)
    return rows.exclude(session_id=session_id).select_related("session").order_by("-id")[:5]


def _unmet(each: Unmet) -> dict[str, Any]:
    return {
        "rule": each.rule.id,
        "title": each.rule.title,
        "said": each.said,
        "is_known": each.is_known,
        "facts": list(facts_of(each.rule.condition)),
    }


def _expected(session: Session, course: Course, moment: datetime) -> dict[str, Any]:
    assert course.ordered is not None
    given = given_so_far(course.ordered, list(course.events), moment)
    rest = with_the_rest(course.ordered, given)
    return expected(_subject(session, course), course.ordered, rest, course.protocol.vitals.minutes[-1] + 40)


def _subject(session: Session, course: Course) -> Subject:
    weight = answered(session.patient, "body_weight")
    born = session.patient.identity.birth_date
    begun = course.begun or session.starts_at
    baseline = _baseline(course.baseline)
    return Subject(
        drug=course.protocol.dosing.drug,
        route=course.protocol.dosing.route,
        weight_kg=weight.number("kg") if isinstance(weight, Quantity) else None,
        age_years=float((localdate(begun) - born).days // 365.25) if born else None,
        sbp=baseline.get("sbp"),
        dbp=baseline.get("dbp"),
        heart_rate=baseline.get("heart_rate"),
        earlier=_earlier(session),
    )


def _earlier(session: Session) -> tuple[Earlier, ...]:
    """The person's finished infusions with their readings, the last five."""
    before = _before(session.patient.pk, session.starts_at)
    return tuple(found for each in before if (found := _remembered(each)) is not None)


@prepared
def _before(patient_id: int, starts_at: datetime) -> QuerySet[Session]:
    rows = Session.objects.filter(patient_id=patient_id, starts_at__lt=starts_at, state=Session.State.LEFT)
    return rows.order_by("-starts_at")[:5]


# A locked session does not change: what it says of the person is read once a process.
_earlier_kept: dict[str, Earlier | None] = {}


def _remembered(session: Session) -> Earlier | None:
    if session.locked_at is None:
        return _one_earlier(session)
    if session.uid not in _earlier_kept:
        _earlier_kept[session.uid] = _one_earlier(session)
    return _earlier_kept[session.uid]


def _one_earlier(session: Session) -> Earlier | None:
    rows, events = reading.rows_of(session), reading.dose_events(session)
    begun, ordered = reading.started_at(events), _ordered(session, reading.order_of(session))
    base = _baseline(reading.baseline_of(rows))
    if begun is None or ordered is None or not ordered.over_min or not {"sbp", "dbp"} <= set(base):
        return None
    given = given_so_far(ordered, events, begun + timedelta(hours=4))
    seen = [
        ((each.at - begun).total_seconds() / 60, values["sbp"] - base["sbp"], values["dbp"] - base["dbp"])
        for each in reading.readings_of(rows)
        if {"sbp", "dbp"} <= set(values := numbers_of(each)) and each.at >= begun
    ]
    if not seen:
        return None
    minutes, systolic, diastolic = zip(*seen, strict=True)
    return Earlier(given.rates, given.until_min, minutes, systolic, diastolic)


def screens_of(session: Session, moment: datetime) -> list[dict[str, Any]]:
    """Who has the session open, how their clock runs, and what waits on their device."""
    return [
        {
            "device": device,
            "name": name,
            "by": by,
            "ahead_ms": ahead_ms,
            "waiting": waiting,
            "seen": ms(seen_at),
            "is_there": seen_at > moment - HEARD,
        }
        for device, name, by, ahead_ms, waiting, seen_at in _open_on(session.pk, moment - timedelta(hours=6))
    ]


@prepared
def _open_on(session_id: int, since: datetime) -> QuerySet[Screen, tuple[Any, ...]]:
    rows = Screen.objects.filter(session_id=session_id, seen_at__gt=since).order_by("name", "device")
    return rows.values_list("device", "name", "staff__name", "ahead_ms", "waiting", "seen_at")
