"""Two people act at the same moment, each on a connection of their own."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import contextmanager
from threading import Thread

from django.db import connection, transaction

from openkap.care.moment import clock_at, now

# Not of the statistics: those stand still for the length of a transaction.
BLOCKED = "SELECT count(*) FROM pg_locks WHERE NOT granted"

CHANGED = re.compile(r'\s*(?:UPDATE|DELETE FROM)\s+"?(\w+)')


class Colleague:
    """Somebody who does one thing elsewhere; ``refused`` is what they were told instead."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act, self.moment, self.refused = act, now(), None
        self.thread = Thread(target=self._act)

    def _act(self) -> None:
        try:
            with clock_at(self.moment):
                self.act()
        except Exception as refused:  # looked at by the test, in its own thread
            self.refused = refused
        finally:
            connection.close()

    def begin(self) -> None:
        """Go on when they are done, or wait for what is not committed here."""
        self.thread.start()
        # On SQLite the second waits for the whole database, and nothing can be asked about it.
        while connection.vendor == "postgresql" and self.thread.is_alive() and not _blocked():
            pass


def _blocked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(BLOCKED)
        return bool(cursor.fetchone()[0])


def at_once(one: Callable[[], object], other: Callable[[], object]) -> Exception | None:
    """``other`` begins while what ``one`` has done is not committed yet; what became of it."""
    second = Colleague(other)
    with transaction.atomic():
        one()
        second.begin()
    second.thread.join()
    return second.refused


@contextmanager
def in_the_midst(monkeypatch, module, name: str, other: Callable[[], object]):
    """``other`` begins when what is done here has come past ``module.name``, once."""
    real, second = getattr(module, name), Colleague(other)

    def then_other(*given, **named):
        found = real(*given, **named)
        if second.thread.ident is None:
            second.begin()
        return found

    monkeypatch.setattr(module, name, then_other)
    yield second
    second.thread.join()


@contextmanager
def held_after_the_audit():
    """The tables whose rows are changed after an event of the same act: the audit is to be held last."""
    tables: list[str] = []
    audited = False

    def look(execute, sql, params, many, context):
        nonlocal audited
        if "INTO audit_auditevent" in sql:
            audited = True
        elif audited and (found := CHANGED.match(sql)) and not found[1].startswith("audit_"):
            tables.append(found[1])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield tables
