"""Sessions in the database, as Django keeps them: a row that is deleted ends the session at once."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.contrib.sessions.models import Session
from django.core import signing
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from openkap.care.prepared import prepared

_SAVE = "UPDATE django_session SET session_data = %s, expire_date = %s WHERE session_key = %s"


class _Text:
    """Leaves what is signed as it is."""

    @staticmethod
    def loads(text: bytes) -> bytes:
        return text


# The same text comes with each request of a person: its signature is worked out once.
@lru_cache(maxsize=1024)
def _signed(text: str, salt: str) -> bytes:
    found: bytes = signing.loads(text, salt=salt, serializer=_Text)  # type: ignore[arg-type]
    return found


@prepared
def _open(key: str, moment: datetime) -> QuerySet[Session]:
    return Session.objects.filter(session_key=key, expire_date__gt=moment)


class SessionStore(DatabaseSessions):
    """Reads the row with a prepared statement; the first read of every request."""

    def _get_session_from_db(self) -> Any:
        # The wall clock, as the library has it: a browser's cookie knows no other.
        key = self.session_key or ""
        found = _open(key, timezone.now()) if key.isalnum() else []
        if not found:
            self._session_key = None
            return None
        return found[0]

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """What the session holds; a text that we did not sign is the library's to log, and holds nothing."""
        try:
            held: dict[str, Any] = json.loads(_signed(str(session_data), self.key_salt))
        except (signing.BadSignature, ValueError):
            return dict(super().decode(session_data))
        return held

    def save(self, must_create: bool = False) -> None:
        """One statement for a session that exists: it needs no transaction of its own."""
        if must_create or self.session_key is None:
            super().save(must_create)
            return
        # The type stubs do not know the library's own way to what the session holds.
        row = self.create_model_instance(self._get_session())  # type: ignore[attr-defined]
        expires = connection.ops.adapt_datetimefield_value(row.expire_date)
        with connection.cursor() as cursor:
            cursor.execute(_SAVE, [row.session_data, expires, row.session_key])
            if not cursor.rowcount:
                # Ended meanwhile: what came late must not open it again.
                raise UpdateError

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session
