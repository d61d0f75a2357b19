"""Signed, expiring links for patients: what they open is sealed in them and cannot be changed or guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.urls import reverse

from openkap.care.moment import now
from openkap.core.errors import InputError


def make_link(purpose: str, uid: str, *, lasts: timedelta, url_name: str) -> str:
    """The full address with a token for one row and one purpose that ends after ``lasts``."""
    token = signing.dumps([uid, int((now() + lasts).timestamp())], salt=f"link:{purpose}")
    return settings.BASE_URL + reverse(url_name, args=[token])


def end_of_link(purpose: str, token: str) -> datetime:
    """When a link that opens ends."""
    _, until = signing.loads(token, salt=f"link:{purpose}")
    return datetime.fromtimestamp(until, UTC)


def open_link(purpose: str, token: str, *, even_ended: bool = False) -> str:
    """The public id inside a token; ``InputError`` when it was changed, is for another use or has ended.

    ``even_ended``: taken after its end too, for what may arrive but must not be read.
    """
    try:
        content: Any = signing.loads(token, salt=f"link:{purpose}")
        uid, until = content
    except (signing.BadSignature, ValueError):
        raise InputError(
            "this link cannot be read",
            remedy="open the link from the message again, or ask the clinic for a new one",
        ) from None
    if until < now().timestamp() and not even_ended:
        raise InputError("this link has ended", remedy="ask the clinic for a new one")
    return str(uid)
