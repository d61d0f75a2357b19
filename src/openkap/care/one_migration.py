"""Machines of one PostgreSQL that start at once: one brings the tables to this version, the others wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

# Any number that no other program of this database takes; "migrate" on a telephone's keys.
LOCK = 6447283


@contextmanager
def alone(told: Callable[[str], None]) -> Iterator[None]:
    """Within the block nobody else migrates this database; ``told`` hears that somebody else does.

    The lock is held by a connection of its own, in a transaction: a pooler may hand the statements of a
    connection without one to any line. SQLite is the database of one machine and locks itself.
    """
    if connection.vendor != "postgresql":
        yield
        return
    holder = connection.copy()
    holder.set_autocommit(False)
    try:
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            if not cursor.fetchone()[0]:
                told("another machine brings the database to its version: waiting")
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        yield
    finally:
        holder.rollback()
        holder.close()
