"""Recurring work: a nightly extract for each clinic and those asked for by hand, each in its own process."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from openkap.care.accounts.actor import job_actor
from openkap.care.accounts.models import Clinic
from openkap.care.insights.extract import ask_for_extract
from openkap.care.insights.models import ExtractRun
from openkap.care.jobs import Job
from openkap.care.moment import now

NAME = "registry extract"
# When the day before is over everywhere people might still be writing.
AT_NIGHT = time(2, 0)
PATIENCE = timedelta(hours=1)


def ask_nightly(worker: str) -> int:
    """Ask for tonight's extract of each clinic that has patients and has none yet; the first one at once."""
    asked = 0
    for clinic in Clinic.objects.filter(patients__isnull=False).distinct():
        if is_due(clinic):
            asked += _ask(clinic.pk)
    return asked


@transaction.atomic
def _ask(clinic_id: int) -> int:
    """Ask, unless another worker did so since."""
    clinic = Clinic.objects.select_for_update().get(pk=clinic_id)
    if not is_due(clinic):
        return 0
    ask_for_extract(by=job_actor(NAME, clinic), clinic=clinic)
    return 1


def is_due(clinic: Clinic) -> bool:
    """Whether the clinic's extract of this night is still to be asked for."""
    zone = ZoneInfo(clinic.time_zone)
    here = now().astimezone(zone)
    tonight = datetime.combine(here.date(), AT_NIGHT, zone)
    runs = ExtractRun.objects.filter(clinic=clinic)
    if not runs.exists():
        return True
    return here >= tonight and not runs.filter(asked_at__gte=tonight).exists()


def begin_asked(worker: str) -> int:
    """Begin what was asked for; a process of its own, so that alarms are not kept waiting."""
    begun = 0
    for run in ExtractRun.objects.filter(begun_at__isnull=True).order_by("pk"):
        # Claimed by whoever writes the moment first.
        with transaction.atomic():
            mine = ExtractRun.objects.filter(pk=run.pk, begun_at__isnull=True).update(begun_at=now())
        if mine:
            launch(run.uid)
            begun += 1
    return begun


def launch(uid: str) -> None:
    """Start the extract of one run and do not wait for it."""
    subprocess.Popen(  # noqa: S603 - our own command with an id we made
        [sys.executable, "-m", "openkap", "registry", "extract", "--run", uid],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def is_lost(run: ExtractRun) -> bool:
    """Begun long ago and never ended: its process was killed."""
    return run.begun_at is not None and run.ended_at is None and now() - run.begun_at > PATIENCE


JOBS = [
    Job(
        name="ask-nightly-extract",
        run=ask_nightly,
        every=timedelta(minutes=5),
        says="Ask for the night's extract to the registry",
    ),
    Job(
        name="begin-extracts",
        run=begin_asked,
        every=timedelta(seconds=5),
        says="Begin the extracts that were asked for",
    ),
]
