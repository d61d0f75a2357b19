"""Connections to PostgreSQL as the clinic holds them: values bound by the server, plans kept, rows held.

A page of the clinic asks the same dozen questions again and again; a server that is sent the text and the
values apart plans each of them once a connection. ``?prepare=no`` in the address turns that off, for poolers
that hand one connection to several clients.
"""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.backends.postgresql import base, operations
from django.db.backends.postgresql.psycopg_any import BaseTzLoader

# How often a statement comes before its plan is kept, and how many plans a connection keeps.
PREPARE_AFTER = 3
MOST_PREPARED = 500
# A connection unused for longer is asked whether it still answers; a network may drop it without a word.
QUIET = 30.0


class MomentLoader(BaseTzLoader):  # type: ignore[misc]
    """A moment as the server writes it. A chart holds hundreds; the driver takes each apart in Python."""

    timezone = UTC

    def load(self, data: Any) -> Any:
        text = bytes(data).decode()
        # The line tells time in UTC; before Christ, for ever, and other zones are the driver's.
        return datetime.fromisoformat(text) if text.endswith("+00") else super().load(data)


class DatabaseOperations(operations.DatabaseOperations):
    """How statements are written."""

    def for_update_sql(
        self,
        nowait: bool = False,
        skip_locked: bool = False,
        of: Sequence[str] = (),
        no_key: bool = False,
    ) -> str:
        """A row that an act holds keeps nobody from writing beside it: no act of ours changes a key.

        The stronger lock keeps out every new row that names the held one. Whoever signs holds the end of the
        audit and then writes such rows; whoever holds the patient comes to the audit last: each would wait
        for the other.
        """
        del no_key
        words: str = super().for_update_sql(nowait, skip_locked, of, no_key=True)
        return words


class DatabaseWrapper(base.DatabaseWrapper):
    """One connection."""

    ops_class = DatabaseOperations

    _used_at = 0.0
    # A cursor of the connection under way for ``fetched``.
    _kept: Any = None

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        if params.pop("prepare", "yes") != "no":
            params["prepare_threshold"] = PREPARE_AFTER
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.prepared_max = MOST_PREPARED
        if self.timezone is UTC:
            connection.adapters.register_loader("timestamptz", MomentLoader)
        self._kept = None
        return connection

    def fetched(self, sql: str, values: Sequence[Any]) -> list[Any]:
        """All rows of one statement, by a cursor that is kept: making one takes as long as sending.

        Whoever looks on (a debugger, a test that counts) sees it like every other statement.
        """
        if self.execute_wrappers or self.queries_logged:
            with self.cursor() as cursor:
                cursor.execute(sql, values)
                return list(cursor.fetchall())
        self.close_if_health_check_failed()
        self.ensure_connection()
        self.validate_no_broken_transaction()
        with self.wrap_database_errors:
            if self._kept is None or self._kept.closed:
                self._kept = self.create_cursor()
            self._kept.execute(sql, values)
            return list(self._kept.fetchall())

    def is_usable(self) -> bool:
        """Whether the connection still answers.

        A server that ends says so, or closes the line: either can be read from the socket at once. Silence
        on a connection used a moment ago needs no question.
        """
        if self.connection is None or self.connection.closed:
            return False
        socket = select.poll()
        socket.register(self.connection.fileno(), select.POLLIN)
        waiting = socket.poll(0)
        usable = (not waiting and time.monotonic() - self._used_at < QUIET) or super().is_usable()
        self._used_at = time.monotonic()
        return bool(usable)
