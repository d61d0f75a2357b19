"""Reads for polling tablets: the whole state when something changed, a few bytes when nothing did."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.live.change_mark import mark_of, with_the_clock
from openkap.care.live.rules import PRIORITIES, priority_of
from openkap.care.live.state import ms, screens_of, state_of
from openkap.care.moment import now
from openkap.care.treatment.models import Alert, Session
from openkap.care.treatment.monitoring.alert_actions import escalate, raise_alerts
from openkap.care.treatment.rows.acts import RUNNING, hold, reread
from openkap.core.quantity import Quantity
from openkap.protocol.windows import windows

MOST_KEPT = 512

# (session, mark) -> state, in this process; the mark makes an old one harmless.
_kept: dict[tuple[str, str], dict[str, Any]] = {}


def refreshed(session: Session, by: Actor, known_mark: str) -> dict[str, Any]:
    """What a tablet that knows ``known_mark`` needs to know now."""
    moment = now()
    state = current_state(session)
    if _wants_attention(session, state, by):
        reread(session)
        state = current_state(session)
    told = {
        "now": ms(moment),
        "mark": state["mark"],
        "screens": screens_of(session, moment),
    }
    return told if known_mark == state["mark"] else told | {"state": state}


def current_state(session: Session, mark: str = "") -> dict[str, Any]:
    """The state now; worked out once a process for each mark."""
    moment = now()
    mark = with_the_clock(mark or mark_of(session), session, moment)
    key = (session.uid, mark)
    if key not in _kept:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        _kept[key] = state_of(session, moment) | {"mark": mark}
    return _kept[key]


def _wants_attention(session: Session, state: dict[str, Any], by: Actor) -> bool:
    """A reading that is late raises its alert by the clock alone; an alert nobody saw goes further."""
    moment = now()
    made = False
    due = state["due"]
    if due is not None and session.state in RUNNING:
        late = Quantity.parse(_late_after(session)).number("min")
        known = any(alert["at"] == due["at"] and not alert["entry"] for alert in state["alerts"])
        if not known and ms(moment) > due["at"] + late * 60_000:
            with transaction.atomic():
                hold(session)
                # The patient may have left since.
                made = session.state in RUNNING and bool(raise_alerts(session))
    waiting = [each for each in state["alerts"] if not each["seen_at"] and not each["escalated"]]
    oldest = min((each["raised"] for each in waiting), default=None)
    # Nobody acknowledged: the alert goes to the prescribers' page as well.
    after = windows().span("escalates_after")
    if oldest is not None and ms(moment - after) >= oldest:
        made = escalate(by=by, session=session, after=after) > 0 or made
    return made


def _late_after(session: Session) -> str:
    from openkap.care.treatment.rows.facts import protocol_of_session

    return protocol_of_session(session).vitals.late_after


def alerts_waiting(session: Session) -> dict[str, Any]:
    """How many alerts nobody has acknowledged, and the weight of the worst: all that a locked screen says."""
    waiting = Alert.objects.filter(session=session, acknowledged_at__isnull=True)
    found = [priority_of(action) for action in waiting.values_list("action", flat=True)]
    return {"alerts": len(found), "worst": min(found, key=PRIORITIES.index, default="")}
