"""The state of a practice run in the shape the live page knows, and what the simulated monitor shows."""

from __future__ import annotations

import json
from typing import Any

from openkap.care.live.expected import Subject, departures, expected
from openkap.care.live.page import protocol_data
from openkap.care.live.practice import Run
from openkap.care.live.practice_log import standing
from openkap.care.live.rules import priority_of
from openkap.care.live.simulated import trace
from openkap.care.live.state import ms, numbers_of
from openkap.care.moment import now
from openkap.care.treatment.dose.delivered import with_the_rest
from openkap.protocol.monitoring import watch

EVENT_WORDS = {
    "start": "started",
    "pause": "paused",
    "resume": "resumed",
    "rate": "rate changed",
    "stop": "stopped",
}


def practice_state(run: Run) -> dict[str, Any]:
    """As ``state.state_of``, for a simulated patient."""
    moment = run.session_time(now())
    given = run.given(moment)
    who, dosing = run.scenario.person, run.protocol.dosing
    subject = Subject(
        drug=dosing.drug,
        route=dosing.route,
        weight_kg=who.number("weight", "kg"),
        age_years=who.number("age", "a"),
        sbp=float(who.sbp),
        dbp=float(who.dbp),
        heart_rate=float(who.heart_rate),
    )
    bands = expected(
        subject, run.ordered, with_the_rest(run.ordered, given), run.protocol.vitals.minutes[-1] + 40
    )
    seen = watch(run.protocol, run.readings, started_at=run.begun, now=moment, baseline=run.baseline)
    is_over = given.pump == "stopped"
    return {
        "session": {
            "uid": run.row.uid,
            "state": "recovery" if is_over else "dosing",
            "words": "recovery (practice)" if is_over else "dosing (practice)",
            "number": 0,
            "chair": "Practice",
            "prescriber": "prescriber",
            "nurse": "you",
            "is_locked": run.row.ended_at is not None,
            "planned": ms(run.begun),
        },
        "begun": ms(run.begun),
        "dose": {
            "drug": dosing.drug,
            "route": dosing.route,
            "ordered_mg": run.ordered.dose_mg,
            "over_min": run.ordered.over_min,
            "first_rate": run.ordered.rate_ml_h,
            "way": "",
            "rate_ml_h": given.rate_ml_h,
            "given_mg": round(given.given_mg, 2),
            "pump": given.pump,
            "rates": [list(pair) for pair in given.rates],
        },
        "events": [_event(act) for act in run.acts],
        "doubts": [],
        "entries": _entries(run, bands),
        "alerts": _alerts(run, seen),
        "adverse": [],
        "photos": [],
        "baseline": numbers_of(run.baseline),
        "due": {"at": ms(seen.next_due.at), "why": seen.next_due.why} if seen.next_due else None,
        "scale_due": None,
        "schedule": [ms(run.begun) + minute * 60_000 for minute in run.protocol.vitals.minutes],  # type: ignore[operator]
        "leaving": None,
        "expected": bands,
    }


def practice_page(run: Run, urls: dict[str, str]) -> dict[str, Any]:
    """What the page is started with."""
    return protocol_data(run.protocol) | {
        "now": ms(run.session_time(now())),
        "key": f"practice-{run.row.uid}",
        "who": {"uid": "", "name": "you"},
        "patient": "the simulated patient",
        "zone": "UTC",
        "may_write": True,
        "may_give": True,
        "speed": run.row.speed,
        "practice": True,
        "state": practice_state(run) | {"mark": ""},
        "monitor": monitor(run),
        "ends_min": float(run.scenario.ends),
        "happenings": [
            {
                "at": float(each.at),
                "until": float(each.until),
                "say": each.say,
                "cut": each.network == "cut",
            }
            for each in run.scenario.events
        ],
        "urls": urls,
    }


def monitor(run: Run) -> dict[str, Any]:
    """The simulated monitor over the whole scenario, with the dose acts so far."""
    moment = run.session_time(now())
    acts = {act.kind: run.minute(act.observed_at) for act in run.acts if act.kind in {"pause", "stop"}}
    return trace(run.scenario, run.delivered(moment), run.row.seed, acts)


def _event(act: Any) -> dict[str, Any]:
    return {
        "uid": act.uid,
        "id": act.client_id,
        "kind": act.kind,
        "words": EVENT_WORDS[act.kind],
        "at": ms(act.observed_at),
        "entered": ms(act.entered_at),
        "rate_ml_h": float(act.rate_ml_h) if act.rate_ml_h is not None else None,
        "given_mg": act.given_ug / 1000 if act.given_ug is not None else None,
        "by": "you",
        "reason": act.reason,
        "was": ms(act.was),
        "was_mg": None,
    }


def _entries(run: Run, bands: dict[str, Any]) -> list[dict[str, Any]]:
    told = []
    for entry in standing(run.entries):
        if entry.act not in {"vitals", "note", "event"}:
            continue
        values = entry.payload.get("values", {})
        numbers = {
            name: float(value) for name, value in values.items() if str(value).replace(".", "").isdigit()
        }
        told.append(
            {
                "uid": entry.id,
                "id": entry.id,
                "kind": "vitals" if entry.act == "vitals" else "note",
                "at": ms(entry.observed_at),
                "entered": ms(entry.observed_at),
                "by": "you",
                "device": "",
                "ahead_s": 0,
                "note": entry.payload.get("note", "") or entry.payload.get("term", ""),
                "reason": entry.reason,
                "corrects": entry.corrects,
                "counts": entry.counts,
                "retracts": entry.retracts,
                "values": {
                    name: {"text": str(value), "number": numbers.get(name)} for name, value in values.items()
                },
                "crossed_out": {},
                "unexpected": departures(bands, run.minute(entry.observed_at), numbers)
                if entry.counts
                else [],
            }
        )
    return sorted(told, key=lambda each: each["at"])


def _alerts(run: Run, seen: Any) -> list[dict[str, Any]]:
    """Alerts of the rules; acknowledged by the entries that name them."""
    acks = [(json.loads(e.payload), e) for e in run.entries if e.act == "acknowledge"]
    ids = {entry.observed_at: entry.id for entry in run.counting if entry.act == "vitals"}
    told = []
    for alert in seen.alerts:
        uid = f"{alert.rule.id}@{ms(alert.at)}"
        is_late = alert.at not in ids
        if is_late:
            uid = f"{alert.rule.id}@{ms(seen.next_due.at) if seen.next_due else 0}"
        entry = ids.get(alert.at, "")
        ack = next(
            (
                (payload, row)
                for payload, row in acks
                if payload.get("alert") == uid
                or (payload.get("rule") == alert.rule.id and payload.get("entry") == entry and entry)
            ),
            None,
        )
        told.append(
            {
                "uid": uid,
                "rule": alert.rule.id,
                "entry": entry,
                "action": alert.action.value,
                "priority": priority_of(alert.action.value),
                "at": ms(alert.at),
                "raised": ms(alert.at),
                "escalated": None,
                "seen_by": "you" if ack else "",
                "seen_at": ms(ack[1].observed_at) if ack else None,
                "done": ack[0].get("done", "") if ack else "",
                "told": alert.as_dict(run.protocol) | {"action_words": alert.action.words},
                "since": "",
            }
        )
    return told
