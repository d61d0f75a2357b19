"""The board on the wall: every chair of the clinic, by what is due first. No names of patients."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from openkap.care.accounts.access import open_glass
from openkap.care.accounts.actor import Actor
from openkap.care.live.change_mark import marks_of
from openkap.care.live.queries import current_state
from openkap.care.live.rules import PRIORITIES
from openkap.care.live.state import ms
from openkap.care.moment import now
from openkap.care.patients.access import visible
from openkap.care.patients.models import Patient
from openkap.care.patients.out_of_care import out_of_care
from openkap.care.permissions import Permission, Role
from openkap.care.treatment.access import chairs_of, staff_with
from openkap.care.treatment.models import Session
from openkap.care.treatment.planning.held import session_says, with_withdrawal

State = Session.State
DAY = timedelta(hours=16)
IN_CHAIR = ("arrived", "cleared", "dosing", "recovery")
NOT_STARTED = ("planned", "arrived", "cleared")
# Whoever sits in a chair is on the board however long ago that began; a record nobody signed is told too.
NOT_CLOSED = Q(state__in=IN_CHAIR) | Q(state=State.LEFT, locked_at=None)


def board_of(by: Actor) -> dict[str, Any]:
    """Chairs, what is due in them, and who is free; for who sees numbers only, how many."""
    told = _whole_board(by)
    if by.may(Permission.SEE_PATIENT):
        return told
    return {"now": told["now"], "clinic": told["clinic"], "zone": told["zone"], "counts": _counts(told)}


def _counts(told: dict[str, Any]) -> dict[str, int]:
    """No chair by itself: what happens in one is what happens to one person."""
    rows = told["rows"]
    return {
        "chairs": len(rows),
        "in_use": sum(row["state"] in IN_CHAIR for row in rows),
        "late": sum(row["not_started"] is not None for row in rows),
        "alerts": sum(row["alerts"] for row in rows),
        "unanswered": sum(row["escalated"]["count"] for row in rows if row["escalated"]),
        "not_closed": sum(row["not_closed"] is not None for row in rows),
        "unsigned": sum(row["unsigned"] is not None for row in rows),
    }


def _whole_board(by: Actor) -> dict[str, Any]:
    moment = now()
    chairs = list(chairs_of(by))
    sessions = (
        with_withdrawal(Session.objects.filter(chair__in=chairs))
        .filter(NOT_CLOSED | _expected(moment))
        .select_related("course", "patient__identity", "chair", "nurse", "prescriber")
        .annotate(in_sight=Exists(visible(by.clinic_id, by.staff_id).filter(pk=OuterRef("patient"))))
        .order_by("starts_at")
    )
    of_chair: dict[int, list[Session]] = defaultdict(list)
    for session in sessions:
        of_chair[session.chair_id].append(session)
    marks = marks_of([each for each in sessions if each.state in IN_CHAIR])
    rows = [
        _row(chair.name, of_chair[chair.pk], _named(by, of_chair[chair.pk]), marks)
        | _late_start(of_chair[chair.pk], moment)
        | _not_closed(of_chair[chair.pk], moment)
        for chair in chairs
    ]
    rows.sort(key=_first)
    busy = {s.nurse_id for found in of_chair.values() for s in found if s.state in IN_CHAIR}
    free = [person.name for person in staff_with(by, Role.NURSE) if person.pk not in busy]
    return {"now": ms(moment), "rows": rows, "free": free, "clinic": by.clinic_name, "zone": by.time_zone}


def _expected(moment: datetime) -> Q:
    """Planned about now; nobody waits for who has died or is not treated here any more."""
    treated = Patient.objects.exclude(out_of_care())
    return Q(state=State.PLANNED, starts_at__gt=moment - DAY, starts_at__lt=moment + DAY, patient__in=treated)


def _late_start(sessions: list[Session], moment: datetime) -> dict[str, Any]:
    """The first session of a chair whose planned time has passed without a dose; a held one is not late."""
    waiting = (each for each in sessions if each.state in NOT_STARTED and not _held(each))
    late = (each for each in waiting if each.starts_at < moment)
    found = next(late, None)
    return {"not_started": ms(found.starts_at) if found else None}


def _held(session: Any) -> str:
    return session_says(session.state, session.withdrawn_at)


def _not_closed(sessions: list[Session], moment: datetime) -> dict[str, Any]:
    """Since when somebody is in the chair of an earlier day, and since when a session is not signed."""
    old = [each for each in sessions if each.state in IN_CHAIR and each.starts_at <= moment - DAY]
    unsigned = [each for each in sessions if each.state == State.LEFT]
    return {
        "not_closed": ms(old[0].starts_at) if old else None,
        "unsigned": ms(unsigned[0].starts_at) if unsigned else None,
    }


def _first(row: dict[str, Any]) -> tuple[bool, bool, bool, int, str]:
    """What nobody has answered, then an alert that asks for an act; then what is due first."""
    return (
        row["escalated"] is None,
        row["priority"] != "high",
        row["due"] is None,
        row["due"] or row["planned"] or 10**15,
        row["chair"],
    )


def _in_chair(sessions: list[Session]) -> Session | None:
    # The one that sits there now stands before one of an earlier day that nobody closed.
    return next((each for each in reversed(sessions) if each.state in IN_CHAIR), None)


def _named(by: Actor, sessions: list[Session]) -> dict[str, str]:
    """Code and link of who sits there, for those who may open the record; else that it is restricted."""
    found = _in_chair(sessions)
    if found is None or not by.may(Permission.SEE_PATIENT):
        return {}
    uid = found.patient.uid
    if not found.in_sight and open_glass(by, uid) is None:  # type: ignore[attr-defined]
        return {"code": "restricted"}
    return {"patient": uid, "code": found.patient.code, "url": reverse("live", args=[uid, found.uid])}


def _row(chair: str, sessions: list[Session], named: dict[str, str], marks: dict[int, str]) -> dict[str, Any]:
    current = _in_chair(sessions)
    empty: dict[str, Any] = {
        "chair": chair,
        "state": "free",
        "words": "free",
        "patient": "",
        "code": "",
        "url": "",
        "begun": None,
        "due": None,
        "why": "",
        "alerts": 0,
        "priority": "",
        "rule": "",
        "escalated": None,
        "doubts": 0,
        "nurse": "",
        "planned": None,
        "held": "",
        "pump": "",
    }
    if current is None:
        ahead = next((each for each in sessions if each.state == "planned"), None)
        return empty | ({"planned": ms(ahead.starts_at), "held": _held(ahead)} if ahead else {})
    told = current_state(current, marks[current.pk])
    waiting = [alert for alert in told["alerts"] if not alert["seen_at"]]
    waiting.sort(key=lambda alert: PRIORITIES.index(alert["priority"]))
    return (
        empty
        | named
        | {
            "state": current.state,
            "words": current.get_state_display(),
            "begun": told["begun"],
            "due": told["due"]["at"] if told["due"] else None,
            "why": told["due"]["why"] if told["due"] else "",
            "alerts": len(waiting),
            "priority": waiting[0]["priority"] if waiting else "",
            "rule": waiting[0]["told"].get("title", waiting[0]["rule"]) if waiting else "",
            "escalated": _escalated(waiting),
            "doubts": sum(each["is_open"] for each in told["doubts"]),
            "nurse": current.nurse.name,
            "planned": ms(current.starts_at),
            "pump": told["dose"]["pump"] if told["dose"] else "",
        }
    )


def _escalated(waiting: list[dict[str, Any]]) -> dict[str, Any] | None:
    """To whom what nobody answered has gone, and since when; ``None`` while nothing has."""
    gone = [alert for alert in waiting if alert["escalated"]]
    if not gone:
        return None
    first = min(gone, key=lambda alert: alert["escalated"])
    return {"to": first["gone_to"], "since": first["escalated"], "count": len(gone)}
