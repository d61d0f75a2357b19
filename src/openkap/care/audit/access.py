"""How a person obtains the audit: the auditor, of their own clinic; anybody's own look-ups are not enough."""

from __future__ import annotations

from typing import Protocol

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet

from openkap.care.audit.models import AuditEvent
from openkap.care.permissions import Permission


class Asking(Protocol):
    """The part of an actor that the audit needs; the accounts stand above this app."""

    @property
    def clinic_uid(self) -> str: ...
    def may(self, permission: Permission) -> bool: ...


def events_for(by: Asking) -> QuerySet[AuditEvent]:
    """The chain of the person's clinic, for those who may read the audit."""
    if not by.may(Permission.READ_AUDIT):
        raise PermissionDenied("needs the right to read the audit")
    return AuditEvent.objects.filter(chain=by.clinic_uid)
