"""Recurring work of the outbox."""

from datetime import timedelta

from openkap.care.jobs import Job
from openkap.care.messaging.actions import send_due
from openkap.care.messaging.heartbeat import beat

JOBS = [
    Job(name="heartbeat", run=beat, every=timedelta(seconds=10), says="Leave a mark that the jobs run"),
    Job(name="send-messages", run=send_due, every=timedelta(seconds=15), says="Send messages that are due"),
]
