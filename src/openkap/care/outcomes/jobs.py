"""Recurring work of outcomes: plan, send, remind, close, escalate, detect relapse."""

from __future__ import annotations

from datetime import timedelta

from openkap.care.jobs import Job
from openkap.care.outcomes import planning, safety

JOBS = [
    Job(
        name="escalate-signals",
        run=safety.escalate_due,
        every=timedelta(seconds=30),
        says="Call the next people about alarming answers nobody has acknowledged",
    ),
    Job(
        name="plan-measures",
        run=planning.plan_due,
        every=timedelta(minutes=10),
        says="Plan the measures that sessions and courses ask for",
    ),
    Job(
        name="send-measures",
        run=planning.send_due,
        every=timedelta(minutes=1),
        says="Send the links that are due",
    ),
    Job(
        name="remind-measures",
        run=planning.remind_due,
        every=timedelta(minutes=10),
        says="Remind once, half-way through the open time",
    ),
    Job(
        name="close-missed-measures",
        run=planning.close_missed,
        every=timedelta(minutes=10),
        says="Turn unanswered measures into gaps with their reason",
    ),
    Job(
        name="detect-relapses",
        run=planning.detect_relapses,
        every=timedelta(hours=1),
        says="Judge new readings; ask again where one looks like a relapse; propose maintenance",
    ),
]
