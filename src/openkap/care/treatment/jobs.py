"""Recurring work of treatment: late readings become alerts, unanswered alerts are escalated."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from openkap.care.accounts.actor import job_actor
from openkap.care.jobs import Job
from openkap.care.treatment.models import Alert, Session
from openkap.care.treatment.monitoring.alert_actions import escalate, raise_alerts
from openkap.care.treatment.rows.acts import RUNNING
from openkap.protocol.windows import windows


def watch_sessions(worker: str) -> int:
    """Look at every running session, also where no page is open, and at alerts until somebody answers."""
    done = 0
    waiting = Exists(Alert.objects.filter(session=OuterRef("pk"), acknowledged_at__isnull=True))
    watched = Session.objects.filter(Q(state__in=RUNNING) | waiting, locked_at__isnull=True)
    for session in watched.select_related("course", "patient__clinic"):
        by = job_actor("watch-sessions", session.patient.clinic)
        if session.state in RUNNING:
            with transaction.atomic():
                Session.objects.select_for_update().get(pk=session.pk)
                done += len(raise_alerts(session))
        done += escalate(by=by, session=session, after=windows().span("escalates_after"))
    return done


JOBS = [
    Job(
        "watch-sessions",
        watch_sessions,
        timedelta(seconds=30),
        "late readings become alerts; unanswered alerts are escalated",
    )
]
