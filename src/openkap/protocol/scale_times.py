"""When a scale of the session is due: the protocol's minutes, and what has been taken already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from openkap.core.quantity import Quantity
from openkap.protocol.model import Protocol
from openkap.protocol.monitoring import NOT_LONGER

CADSS_6 = "CADSS-6"


def scale_minutes(protocol: Protocol, scale: str, longer: timedelta = NOT_LONGER) -> tuple[int, ...]:
    """The minutes at which the protocol asks for a scale; empty where it does not use it.

    What is due at the end of the usual infusion or after it moves with an infusion that runs ``longer``.
    """
    over = protocol.dosing.step(protocol.dosing.start).over
    end = Quantity.parse(over).number("min") if over else None
    extra = max(0, round(longer.total_seconds() / 60))
    minutes = next((each.minutes for each in protocol.scales if each.scale == scale), ())
    return tuple(each + extra if end is not None and each >= end else each for each in minutes)


def next_scale_due(
    minutes: Sequence[int], taken: Sequence[datetime], *, started_at: datetime
) -> datetime | None:
    """The first minute without a score of its own; a score counts from half the gap before its minute on.

    One that was missed stays due until the next one has been taken; ``None`` when none is left.
    """
    for before, minute in zip((None, *minutes), minutes, strict=False):
        early = minute if before is None else (before + minute) / 2
        since = started_at + timedelta(minutes=early)
        is_taken = bool(taken) if before is None else any(at >= since for at in taken)
        if not is_taken:
            return started_at + timedelta(minutes=minute)
    return None
