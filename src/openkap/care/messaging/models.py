"""The outbox: a message is stored with the act that caused it and sent after that act is safe."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from openkap.care.ids import new_uid
from openkap.care.jobs import Claimable


class Message(Claimable):
    """One message to one address. The text names no health fact; the address is blanked once sent."""

    class Kind(models.TextChoices):
        EMAIL = "email", "e-mail"
        TEXT = "text", "text message"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    clinic_uid = models.CharField(max_length=12, blank=True)
    kind = models.CharField(max_length=5, choices=Kind.choices)
    address = models.CharField(max_length=254, blank=True)
    subject = models.CharField(max_length=120, blank=True)
    body = models.TextField()
    # What it is for ("measure", "page", "reminder") and the public id of the row it belongs to.
    purpose = models.CharField(max_length=40)
    about_uid = models.CharField(max_length=12, blank=True)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(sent_at__isnull=True) | Q(failed_at__isnull=True), name="message_sent_or_failed"
            ),
            models.CheckConstraint(
                condition=Q(sent_at__isnull=True) | Q(address=""), name="message_address_gone_once_sent"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                condition=Q(sent_at__isnull=True, failed_at__isnull=True),
                name="message_waiting",
            ),
            models.Index(fields=["about_uid"], name="message_about"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.uid}"


class Heartbeat(models.Model):
    """When the jobs ran last, and where. One row, renewed."""

    name = models.CharField(max_length=20, unique=True)
    worker = models.CharField(max_length=60)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at}"
