"""Recurring work of treatment: late readings become alerts, unanswered alerts are escalated."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from openkap.care.accounts.actor import job_actor
from openkap.care.jobs import Job
from openkap.care.treatment.alert_actions import escalate, raise_alerts
from openkap.care.treatment.models import Session
from openkap.protocol.windows import windows


def watch_sessions(worker: str) -> int:
    """Look at every running session, also where no page is open."""
    done = 0
    running = Session.objects.filter(state__in=("dosing", "recovery"), locked_at__isnull=True)
    for session in running.select_related("course", "patient__clinic"):
        by = job_actor("watch-sessions", session.patient.clinic)
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
