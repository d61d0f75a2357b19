"""Messages that never arrived: read along with the alert or the invitation that they were about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils.timezone import localtime

from openkap.care.messaging.actions import CALL
from openkap.care.messaging.models import Message

MEASURE = "measure"


def undelivered(purpose: str) -> QuerySet[Message]:
    """The messages about the outer row that could not be delivered, the newest first."""
    gone = Q(failed_at__isnull=False)
    if purpose == CALL:
        # A call that failed once is told at once: the next try may come too late.
        gone |= Q(sent_at__isnull=True) & ~Q(last_error="")
    mine = Message.objects.filter(gone, purpose=purpose, about_uid=OuterRef("uid"))
    return mine.order_by("-created_at")


def undelivered_fields(purpose: str) -> dict[str, Any]:
    """What to annotate: to whom the newest of them was, and since when."""
    newest = undelivered(purpose)
    return {
        "undelivered_to": Subquery(newest.values("address")[:1]),
        "undelivered_since": Subquery(newest.values("created_at")[:1]),
    }


def in_words(address: str | None, since: datetime | None) -> str:
    """To whom and since when, for a person; empty where everything arrived."""
    if not address or since is None:
        return ""
    return f"a message could not be delivered: to {address}, since {localtime(since):%-d %b %Y %H:%M}"
