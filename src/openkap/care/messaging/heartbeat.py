"""A mark that the jobs leave while they run: without them nothing is sent and nobody is called."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from openkap.care.messaging.models import Heartbeat
from openkap.care.moment import now

JOBS = "jobs"
# Well below the first escalation; well above a round in which a mail server does not answer.
TOO_OLD = timedelta(minutes=5)
_BEGAN = time.monotonic()


@dataclass(frozen=True, slots=True)
class JobsHealth:
    """Whether jobs belong here, when they last ran, and whether that is well."""

    is_expected: bool
    age: timedelta | None
    is_well: bool


def beat(worker: str) -> int:
    """Leave the mark."""
    Heartbeat.objects.update_or_create(name=JOBS, defaults={"at": now(), "worker": worker})
    return 1


def jobs_health() -> JobsHealth:
    """The newest mark, whichever machine left it; what just began has time to leave its first."""
    row = Heartbeat.objects.filter(name=JOBS).first()
    age = now() - row.at if row else None
    is_fresh = age is not None and age <= TOO_OLD
    is_well = not settings.JOBS_EXPECTED or is_fresh or up_for() < TOO_OLD
    return JobsHealth(settings.JOBS_EXPECTED, age, is_well)


def up_for() -> timedelta:
    """How long this process is there."""
    return timedelta(seconds=time.monotonic() - _BEGAN)
