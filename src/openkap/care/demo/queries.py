"""Reads of the demo."""

from __future__ import annotations

from openkap.care.accounts.models import Staff
from openkap.care.demo.cast import CAST
from openkap.care.treatment.models import Session
from openkap.care.treatment.rows.acts import BEFORE, State


def find_cast_member(key: str) -> Staff | None:
    """The person of the cast with this key, if the demo was filled."""
    if key not in {part.key for part in CAST}:
        return None
    return Staff.objects.filter(email=f"{key}@example.org").first()


def is_full_morning() -> bool:
    """Whether somebody is about to begin, somebody under the drug, and somebody in recovery."""
    sessions = Session.objects.filter(state__in=(*BEFORE, State.DOSING, State.RECOVERY))
    here = {session.state for session in sessions.only("state")}
    return {State.DOSING, State.RECOVERY} <= here and not here.isdisjoint(BEFORE)
