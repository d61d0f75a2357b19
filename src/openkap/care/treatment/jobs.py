"""Recurring work of treatment: late readings become alerts, unanswered alerts are escalated."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from openkap.care.accounts.actor import job_actor
from openkap.care.jobs import Job, one_by_one
from openkap.care.treatment.models import Alert, Session
from openkap.care.treatment.monitoring.alert_actions import escalate, raise_alerts
from openkap.care.treatment.rows.acts import RUNNING, hold
from openkap.protocol.windows import windows


def watch_sessions(worker: str) -> int:
    """Look at every running session, also where no page is open, and at alerts until somebody answers."""
    waiting = Exists(Alert.objects.filter(session=OuterRef("pk"), acknowledged_at__isnull=True))
    watched = Session.objects.filter(Q(state__in=RUNNING) | waiting, locked_at__isnull=True)
    return one_by_one(watched.select_related("course", "patient__clinic"), _watch)


def _watch(session: Session) -> int:
    done = 0
    if session.state in RUNNING:
        with transaction.atomic():
            hold(session)
            # The patient may have left since.
            done = len(raise_alerts(session)) if session.state in RUNNING else 0
    by = job_actor("watch-sessions", session.patient.clinic)
    return done + escalate(by=by, session=session, after=windows().span("escalates_after"))


JOBS = [
    Job(
        "watch-sessions",
        watch_sessions,
        timedelta(seconds=30),
        "late readings become alerts; unanswered alerts are escalated",
    )
]
