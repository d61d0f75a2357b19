"""Promises that need a look at other rows: kept by triggers of the database, on SQLite and PostgreSQL.

``RefuseWhen`` makes a trigger that refuses an INSERT (or UPDATE) when a condition on ``NEW`` holds. The
condition is one SQL text that both databases read. As with ``ProtectRows``, a migration that rebuilds the
table on SQLite repeats it.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class RefuseWhen(Operation):
    """Migration step: ``event`` on the table of ``model_name`` is refused with ``message`` when it holds."""

    reversible = True

    def __init__(
        self, model_name: str, name: str, condition: str, message: str, events: tuple[str, ...] = ("INSERT",)
    ) -> None:
        self.model_name, self.name = model_name, name
        self.condition, self.message, self.events = condition, message, tuple(events)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        kwargs = {"events": self.events} if self.events != ("INSERT",) else {}
        return (
            self.__class__.__qualname__,
            [self.model_name, self.name, self.condition, self.message],
            kwargs,
        )

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        for statement in self._statements(table, schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = from_state.apps.get_model(app_label, self.model_name)._meta.db_table
        for statement in self._drops(table, schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)

    def describe(self) -> str:
        return f"{self.model_name}: {self.message}"

    def _drops(self, table: str, vendor: str) -> list[str]:
        on = "" if vendor == "sqlite" else f' ON "{table}"'
        return [f'DROP TRIGGER IF EXISTS "{self.name}_{event.lower()}"{on}' for event in self.events]

    def _statements(self, table: str, vendor: str) -> list[str]:
        message = self.message.replace("'", "''")
        made = self._drops(table, vendor)
        if vendor == "sqlite":
            return made + [
                f'CREATE TRIGGER "{self.name}_{event.lower()}" BEFORE {event} ON "{table}" '
                f"WHEN {self.condition} BEGIN SELECT RAISE(ABORT, '{message}'); END"
                for event in self.events
            ]
        if vendor != "postgresql":
            raise NotImplementedError(f"guards on {vendor}")
        made.append(
            f'CREATE OR REPLACE FUNCTION "{self.name}"() RETURNS trigger AS $$ BEGIN '
            f"IF {self.condition} THEN RAISE EXCEPTION '{message}' USING ERRCODE = 'restrict_violation'; "
            "END IF; RETURN NEW; END $$ LANGUAGE plpgsql"
        )
        return made + [
            f'CREATE TRIGGER "{self.name}_{event.lower()}" BEFORE {event} ON "{table}" '
            f'FOR EACH ROW EXECUTE FUNCTION "{self.name}"()'
            for event in self.events
        ]
