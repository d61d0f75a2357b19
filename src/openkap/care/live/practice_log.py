"""The log of a practice run with its corrections: what counts, what was corrected, what was taken back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from openkap.care.live.models import PracticeEntry

CORRECTING = ("correct", "take_back")


@dataclass(frozen=True)
class Standing:
    """One entry as it stands: a correction has the act of what it corrects, with its own time and values."""

    id: str
    act: str
    payload: dict[str, Any]
    observed_at: datetime
    entered_at: datetime
    reason: str = ""
    corrects: str = ""
    counts: bool = True
    retracts: bool = False
    was: datetime | None = None


def standing(entries: Iterable[PracticeEntry]) -> list[Standing]:
    """Every entry in the order of time, the corrected ones too."""
    held: dict[str, Standing] = {}
    for row in sorted(entries, key=lambda each: each.pk):
        payload = json.loads(row.payload)
        made = Standing(row.client_id, row.act, payload, row.observed_at, row.entered_at)
        old = held.get(str(payload.get("corrects", ""))) if row.act in CORRECTING else None
        if old is not None:
            held[old.id] = replace(old, counts=False)
            made = _in_place_of(old, made)
        held[row.client_id] = made
    return sorted(held.values(), key=lambda each: each.observed_at)


def _in_place_of(old: Standing, made: Standing) -> Standing:
    named = replace(
        made,
        act=old.act,
        reason=str(made.payload.get("reason", "")),
        corrects=old.id,
        was=old.observed_at,
    )
    if made.act == "take_back":
        values = dict(old.payload.get("values", {}))
        gone = values.pop(str(made.payload.get("element", "")), None)
        if gone is None or not values:
            return replace(named, payload={}, counts=False, retracts=True)
        # One value of a set: the others stand as they were seen.
        return replace(named, payload=old.payload | {"values": values}, observed_at=old.observed_at)
    # What the correction does not name stays as it was.
    about = ("corrects", "reason")
    changed = {name: value for name, value in made.payload.items() if value and name not in about}
    return replace(named, payload=old.payload | changed)
