"""Messages that never arrived: read along with the alert, the questions or the account they were about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils.timezone import localtime

from openkap.care.messaging.actions import CALL
from openkap.care.messaging.models import Message

MEASURE = "measure"
ACCOUNT = "account"


def undelivered(purpose: str, about: str = "uid") -> QuerySet[Message]:
    """The messages about the outer row that could not be delivered, the newest first.

    ``about`` is the path from the outer row to the public id that they are about.
    """
    gone = Q(failed_at__isnull=False)
    if purpose in (CALL, ACCOUNT):
        # Told after the first failure: the next try of a call may come too late, and a mistyped address
        # fails each time.
        gone |= Q(sent_at__isnull=True) & ~Q(last_error="")
    mine = Message.objects.filter(gone, purpose=purpose, about_uid=OuterRef(about))
    if purpose != CALL:
        # Sent anew, the later message says whether somebody was reached; calls go to several people.
        later = Message.objects.filter(
            purpose=purpose, about_uid=OuterRef("about_uid"), created_at__gt=OuterRef("created_at")
        )
        mine = mine.filter(~Exists(later))
    return mine.order_by("-created_at")


def undelivered_fields(purpose: str, about: str = "uid") -> dict[str, Any]:
    """What to annotate: to whom the newest of them was, and since when."""
    newest = undelivered(purpose, about)
    return {
        "undelivered_to": Subquery(newest.values("address")[:1]),
        "undelivered_since": Subquery(newest.values("created_at")[:1]),
    }


def in_words(address: str | None, since: datetime | None) -> str:
    """To whom and since when, for a person; empty where everything arrived."""
    if not address or since is None:
        return ""
    return f"a message could not be delivered: to {address}, since {localtime(since):%-d %b %Y %H:%M}"
