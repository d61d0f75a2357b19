"""Putting messages into the outbox and sending those that are due."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db.models import Case, QuerySet, When

from openkap.care.jobs import claim
from openkap.care.messaging.channels import Channel, channel
from openkap.care.messaging.models import Message
from openkap.care.moment import now

log = logging.getLogger("openkap.messages")

# Somebody is called about a patient: these leave first.
CALL = "call"
# Few at a time: with a mail server that does not answer, all of them fit into one claim's lease.
MOST_AT_ONCE = 20
# After this many tries over about a day the message is marked failed and shown to people.
MOST_ATTEMPTS = 8
FIRST_WAIT = timedelta(minutes=2)


def enqueue(
    *,
    kind: str,
    address: str,
    subject: str,
    body: str,
    purpose: str,
    clinic_uid: str = "",
    about_uid: str = "",
    due_at: datetime | None = None,
) -> Message:
    """Store a message with the act that causes it. No health data in subject or body."""
    return Message.objects.create(
        clinic_uid=clinic_uid,
        kind=kind,
        address=address,
        subject=subject,
        body=body,
        purpose=purpose,
        about_uid=about_uid,
        due_at=due_at or now(),
        created_at=now(),
    )


def waiting() -> QuerySet[Message]:
    """Messages that are due: calls first, then the oldest."""
    due = Message.objects.filter(sent_at__isnull=True, failed_at__isnull=True, due_at__lte=now())
    return due.order_by(Case(When(purpose=CALL, then=0), default=1), "due_at", "id")


def send_due(worker: str, *, through: Channel | None = None) -> int:
    """Send what is due; a failure waits longer each time and keeps no other message in.

    Returns how many left the house.
    """
    through = through or channel()
    sent = 0
    for message in claim(waiting(), worker=worker, limit=MOST_AT_ONCE):
        try:
            through.send(
                kind=message.kind, address=message.address, subject=message.subject, body=message.body
            )
        except Exception as failed:
            log.warning("message %s could not be sent: %s", message.uid, type(failed).__name__)
            message.last_error = type(failed).__name__
            if message.attempts >= MOST_ATTEMPTS:
                message.failed_at = now()
            else:
                message.due_at = now() + FIRST_WAIT * 2 ** (message.attempts - 1)
        else:
            message.sent_at, message.address = now(), ""
            sent += 1
        message.claimed_by, message.claimed_until = "", None
        message.save()
    return sent
