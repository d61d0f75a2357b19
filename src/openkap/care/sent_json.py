"""What a script of our pages sends as JSON: an object whose words can be stored, or nothing."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest
from django.http.request import RawPostDataException


def sent_by(request: HttpRequest) -> bytes:
    """The body as it came; of a form with parts nothing, as its body has been read as one."""
    try:
        return request.body
    except RawPostDataException:
        return b""


def read_object(sent: bytes) -> dict[str, Any] | None:
    """The object, or ``None`` where it cannot be read.

    JSON can say NUL, which PostgreSQL does not store, and half a character (a lone surrogate), which no
    encoding writes.
    """
    try:
        found = json.loads(sent.decode("utf-8", errors="replace"))
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and b"\\u0000" not in sent else None
