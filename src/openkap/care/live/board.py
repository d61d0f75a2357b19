"""The board on the wall: every chair of the clinic, by what is due first. No names of patients."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from openkap.care.accounts.actor import Actor
from openkap.care.live.queries import current_state
from openkap.care.live.state import marks_of, ms
from openkap.care.live.waiting import gone_to
from openkap.care.moment import now
from openkap.care.permissions import Permission, Role
from openkap.care.treatment.access import chairs_of, staff_with
from openkap.care.treatment.models import Session

DAY = timedelta(hours=16)
IN_CHAIR = ("arrived", "cleared", "dosing", "recovery", "ready")
NOT_STARTED = ("planned", "arrived", "cleared")
PRIORITIES = ("high", "medium", "low")


def board_of(by: Actor) -> dict[str, Any]:
    """Chairs, what is due in them, and who is free."""
    moment = now()
    chairs = list(chairs_of(by))
    sessions = (
        Session.objects.filter(chair__in=chairs, starts_at__gt=moment - DAY, starts_at__lt=moment + DAY)
        .exclude(state__in=["cancelled", "aborted", "left"])
        .select_related("course", "patient__identity", "chair", "nurse", "prescriber")
        .order_by("starts_at")
    )
    of_chair: dict[int, list[Session]] = defaultdict(list)
    for session in sessions:
        of_chair[session.chair_id].append(session)
    may_see = by.may(Permission.SEE_PATIENT)
    marks = marks_of([each for each in sessions if each.state in IN_CHAIR])
    rows = [
        _row(chair.name, of_chair[chair.pk], may_see, marks) | _late_start(of_chair[chair.pk], moment)
        for chair in chairs
    ]
    rows.sort(key=_first)
    busy = {s.nurse_id for found in of_chair.values() for s in found if s.state in IN_CHAIR}
    free = [person.name for person in staff_with(by, Role.NURSE) if person.pk not in busy]
    return {"now": ms(moment), "rows": rows, "free": free, "clinic": by.clinic_name, "zone": by.time_zone}


def _late_start(sessions: list[Session], moment: datetime) -> dict[str, Any]:
    """The first session of a chair whose planned time has passed without a dose."""
    late = (each for each in sessions if each.state in NOT_STARTED and each.starts_at < moment)
    found = next(late, None)
    return {"not_started": ms(found.starts_at) if found else None}


def _first(row: dict[str, Any]) -> tuple[bool, bool, bool, int, str]:
    """What nobody has answered, then an alert that asks for an act; then what is due first."""
    return (
        row["escalated"] is None,
        row["priority"] != "high",
        row["due"] is None,
        row["due"] or row["planned"] or 10**15,
        row["chair"],
    )


def _row(chair: str, sessions: list[Session], may_see: bool, marks: dict[int, str]) -> dict[str, Any]:
    current = next((each for each in sessions if each.state in IN_CHAIR), None)
    empty: dict[str, Any] = {
        "chair": chair,
        "state": "free",
        "words": "free",
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
        "pump": "",
    }
    if current is None:
        ahead = next((each for each in sessions if each.state == "planned"), None)
        return empty | {"planned": ms(ahead.starts_at) if ahead else None}
    told = current_state(current, marks[current.pk])
    waiting = [alert for alert in told["alerts"] if not alert["seen_at"]]
    waiting.sort(key=lambda alert: PRIORITIES.index(alert["priority"]))
    return empty | {
        "state": current.state,
        "words": current.get_state_display(),
        "code": current.patient.code if may_see else "",
        "url": _url(current) if may_see else "",
        "begun": told["begun"],
        "due": told["due"]["at"] if told["due"] else None,
        "why": told["due"]["why"] if told["due"] else "",
        "alerts": len(waiting),
        "priority": waiting[0]["priority"] if waiting else "",
        "rule": waiting[0]["told"].get("title", waiting[0]["rule"]) if waiting else "",
        "escalated": _escalated(current, waiting, now()),
        "doubts": sum(each["is_open"] for each in told["doubts"]),
        "nurse": current.nurse.name,
        "planned": ms(current.starts_at),
        "pump": told["dose"]["pump"] if told["dose"] else "",
    }


def _escalated(session: Session, waiting: list[dict[str, Any]], moment: datetime) -> dict[str, Any] | None:
    """To whom what nobody answered has gone, and since when; ``None`` while nothing has."""
    since = [alert["escalated"] for alert in waiting if alert["escalated"]]
    if not since:
        return None
    first = datetime.fromtimestamp(min(since) / 1000, moment.tzinfo)
    return {"to": gone_to(session, first, moment), "since": min(since), "count": len(since)}


def _url(session: Session) -> str:
    from django.urls import reverse

    return reverse("live", args=[session.patient.uid, session.uid])
