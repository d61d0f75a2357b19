"""The cast, hired once a process and put back as rows in every test that asks for it.

Hiring writes row after row and most tests of the clinic begin with it. The rows stand aside in
tables that Django does not know, so that neither a roll-back nor a flush takes them.
"""

from __future__ import annotations

import copy

from django.apps import apps
from django.core.management import call_command
from django.db import connection

ASIDE = "kept_{}"


class KeptCast:
    """Takes what ``hire`` writes into an empty database, and writes it again."""

    def __init__(self, hire) -> None:
        assert not connection.in_atomic_block, "what is rolled back cannot be kept"
        before = {table: self._rows(table) for table in _tables()}
        self.troupe = hire()
        self.tables = [table for table, rows in before.items() if self._rows(table) > rows]
        assert not any(before[table] for table in self.tables), "the database was not empty"
        with connection.cursor() as cursor:
            for table in self.tables:
                cursor.execute(f'CREATE TABLE "{ASIDE.format(table)}" AS SELECT * FROM "{table}"')
        self.numbers = _numbers()
        call_command("flush", verbosity=0, interactive=False, reset_sequences=False)

    def put_back(self):
        """The rows in their tables; returns the troupe as it was hired."""
        self.count_on()
        with connection.cursor() as cursor:
            for table in self.tables:
                cursor.execute(f'INSERT INTO "{table}" SELECT * FROM "{ASIDE.format(table)}" ORDER BY 1')
        return copy.deepcopy(self.troupe)

    def count_on(self) -> None:
        """The numbers of rows go on from those of the cast: the same acts always get the same ones."""
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                sql = ", ".join(["setval(%s, coalesce(%s, 1), %s)"] * len(self.numbers))
                given = [(name, last, last is not None) for name, last in self.numbers]
                cursor.execute(f"SELECT {sql}", [each for one in given for each in one])
            else:
                cursor.execute("DELETE FROM sqlite_sequence")
                cursor.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", self.numbers)

    def _rows(self, table: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT COUNT(*) FROM "{table}"')
            return cursor.fetchone()[0]


def _numbers() -> list[tuple]:
    """The sequences of the database, and the last number that each has given."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT format('%I.%I', schemaname, sequencename), last_value FROM pg_sequences")
        else:
            cursor.execute("SELECT name, seq FROM sqlite_sequence")
        return cursor.fetchall()


def _tables() -> list[str]:
    """In the order of the models; a link to another table is looked at when the transaction ends."""
    return [
        model._meta.db_table for model in apps.get_models(include_auto_created=True) if model._meta.managed
    ]
