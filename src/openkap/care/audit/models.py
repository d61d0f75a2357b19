"""Rows of the audit: events that are only added, and the end of each chain."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from openkap.care.append_only import AppendOnly
from openkap.care.audit.chain import GENESIS

# What happens before anybody is known (a failed login) or beyond one clinic goes to this chain.
SYSTEM_CHAIN = "system"


class AuditEvent(models.Model):
    """One act or one look. ``body`` is the text that was hashed; the columns repeat it for searching."""

    chain = models.CharField(max_length=12)
    sequence = models.PositiveBigIntegerField()
    body = models.TextField()
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=40)
    action = models.CharField(max_length=60)
    entity = models.CharField(max_length=40, blank=True)
    entity_uid = models.CharField(max_length=40, blank=True)
    patient = models.CharField(max_length=12, blank=True)

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["chain", "sequence"], name="audit_one_event_per_place"),
            models.UniqueConstraint(fields=["chain", "previous"], name="audit_chain_does_not_fork"),
            models.CheckConstraint(condition=Q(sequence__gte=1), name="audit_sequence_from_one"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["chain", "patient", "-sequence"], name="audit_by_patient"),
            models.Index(fields=["chain", "actor", "-sequence"], name="audit_by_actor"),
            models.Index(fields=["chain", "at"], name="audit_by_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.chain} {self.sequence} {self.action}"


class ChainHead(models.Model):
    """The last event of a chain; locked while the next one is added, so that two never claim one place."""

    chain = models.CharField(max_length=12, primary_key=True)
    sequence = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, default=GENESIS)

    def __str__(self) -> str:
        return f"{self.chain} at {self.sequence}"
