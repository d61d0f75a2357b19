"""Recurring work of the outbox."""

from datetime import timedelta

from openkap.care.jobs import Job
from openkap.care.messaging.actions import send_due

JOBS = [
    Job(name="send-messages", run=send_due, every=timedelta(seconds=15), says="Send messages that are due")
]
