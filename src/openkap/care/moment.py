"""What time it is for the clinic: one clock, handed in for the length of a block.

Actions and pages ask ``now()``. A request uses the wall clock; tests, the demo clinic and jobs that are
run again for a past moment set their own with ``clock_at``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime

from django.utils import timezone

from openkap.core.clock import Clock, fixed_clock, system_clock

_clock: ContextVar[Clock] = ContextVar("clock", default=system_clock)


def now() -> datetime:
    """The present moment, aware, by the clock in force."""
    return _clock.get()()


def today() -> date:
    """The present day in the time zone of the clinic whose page is being served."""
    return timezone.localdate(now())


def day_begins(moment: datetime) -> datetime:
    """Midnight before a moment, in the time zone of the clinic whose page is being served."""
    return timezone.localtime(moment).replace(hour=0, minute=0, second=0, microsecond=0)


@contextmanager
def clock_at(clock: Clock | datetime) -> Iterator[None]:
    """Within the block it is that moment, or whatever that clock says."""
    token = _clock.set(fixed_clock(clock) if isinstance(clock, datetime) else clock)
    try:
        yield
    finally:
        _clock.reset(token)
