"""Rows that are added and never changed: kept so by triggers of the database, not by good manners.

A model says ``append_only = AppendOnly()`` (nothing may change) or ``AppendOnly(mutable=("claimed_by",))``
(only those columns may), and its migration carries ``ProtectRows("ModelName")`` after ``CreateModel``.
After every ``migrate`` the triggers are made anew (``protect_all``): SQLite forgets them when Django rebuilds
a table, and an older database gets what a newer version of this file adds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION openkap_append_only() RETURNS trigger AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$ LANGUAGE plpgsql
"""


@dataclass(frozen=True, slots=True)
class AppendOnly:
    """The promise a model makes about its rows."""

    mutable: tuple[str, ...] = ()


class _OnRows(Operation):
    """What both steps below share: they change triggers alone, and can take ours away."""

    reversible = True
    model_name: str

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = from_state.apps.get_model(app_label, self.model_name)._meta.db_table
        for statement in release_sql(table, schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)


class ProtectRows(_OnRows):
    """Migration step: the table of ``model_name`` refuses DELETE and UPDATE (but of ``mutable`` fields)."""

    def __init__(self, model_name: str, mutable: tuple[str, ...] = ()) -> None:
        self.model_name = model_name
        self.mutable = tuple(mutable)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        kwargs = {"mutable": self.mutable} if self.mutable else {}
        return (self.__class__.__qualname__, [self.model_name], kwargs)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        for statement in protect_sql(model, self.mutable, schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)

    def describe(self) -> str:
        return f"Rows of {self.model_name} are append-only"


class LetGoOfRows(_OnRows):
    """Migration step before a column goes that a key of ``model_name`` rests on; ``ProtectRows`` follows."""

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    # Backwards, the column comes back to rows that the step after this one has let go of already.
    database_forwards = _OnRows.database_backwards

    def describe(self) -> str:
        return f"Rows of {self.model_name} are free for a change of their table"


def protect_sql(
    model: type[models.Model], mutable: tuple[str, ...], vendor: str, there: set[str] | None = None
) -> list[str]:
    """The statements that make the model's table append-only, old triggers of ours dropped first.

    ``there``: the columns that the table has, where it may be of an older version than the model.
    """
    table = model._meta.db_table
    columns = [
        str(field.column)
        for field in model._meta.local_fields
        if field.name not in mutable and (there is None or field.column in there)
    ]
    # Compared by value, not by the columns an UPDATE names: Django writes all columns on save().
    differs = {"sqlite": "IS NOT", "postgresql": "IS DISTINCT FROM"}.get(vendor)
    if differs is None:
        raise NotImplementedError(f"append-only rows on {vendor}")
    when = "WHEN (" + " OR ".join(f'NEW."{column}" {differs} OLD."{column}"' for column in columns) + ")"
    if vendor == "sqlite":
        refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        taken, taken_by_other = _taken(model, there), _taken(model, there, but="OLD")
        return [
            *release_sql(table, vendor),
            f'CREATE TRIGGER "{table}_no_delete" BEFORE DELETE ON "{table}" {refuse}',
            f'CREATE TRIGGER "{table}_no_update" BEFORE UPDATE ON "{table}" {when} {refuse}',
            # INSERT OR REPLACE and UPDATE OR REPLACE delete the old row without asking the trigger on DELETE.
            f'CREATE TRIGGER "{table}_no_replace" BEFORE INSERT ON "{table}" WHEN {taken} {refuse}',
            f'CREATE TRIGGER "{table}_no_oust" BEFORE UPDATE ON "{table}" WHEN {taken_by_other} {refuse}',
        ]
    refuse = "EXECUTE FUNCTION openkap_append_only()"
    return [
        POSTGRESQL_FUNCTION,
        *release_sql(table, vendor),
        f'CREATE TRIGGER "{table}_no_delete" BEFORE DELETE ON "{table}" FOR EACH ROW {refuse}',
        f'CREATE TRIGGER "{table}_no_update" BEFORE UPDATE ON "{table}" FOR EACH ROW {when} {refuse}',
        f'CREATE TRIGGER "{table}_no_truncate" BEFORE TRUNCATE ON "{table}" FOR EACH STATEMENT {refuse}',
    ]


@dataclass(frozen=True, slots=True)
class Key:
    """Columns that no two rows share, among the rows where ``condition`` (SQL, or nothing) holds."""

    columns: tuple[str, ...]
    condition: str = ""

    def is_of(self, there: set[str]) -> bool:
        """Whether a table with these columns can have the key."""
        return {*self.columns, *re.findall(r'"(\w+)"', self.condition)} <= there


def keys_of(model: type[models.Model]) -> list[Key]:
    """Every key by which a row of the model can be ousted: unique fields and unique constraints."""
    columns = {field.name: str(field.column) for field in model._meta.local_fields}
    found = [Key((columns[field.name],)) for field in model._meta.local_fields if field.unique]
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            shared = tuple(columns[name] for name in constraint.fields)
            found.append(Key(shared, _condition(model, constraint)))
    return found


def _condition(model: type[models.Model], constraint: models.UniqueConstraint) -> str:
    editor = connections[DEFAULT_DB_ALIAS].schema_editor()
    return constraint._get_condition_sql(model, editor) or ""  # type: ignore[attr-defined]


def _taken(model: type[models.Model], there: set[str] | None, but: str = "") -> str:
    """When a row, other than the one named ``but``, already has a key of the new one."""
    table, own = model._meta.db_table, model._meta.pk.column
    others = f' AND "{own}" IS NOT {but}."{own}"' if but else ""
    return " OR ".join(
        _has(table, key, others) for key in keys_of(model) if there is None or key.is_of(there)
    )


def _has(table: str, key: Key, others: str) -> str:
    same = " AND ".join(f'"{column}" = NEW."{column}"' for column in key.columns)
    if not key.condition:
        return f'EXISTS (SELECT 1 FROM "{table}" WHERE {same}{others})'  # noqa: S608
    # Only where the condition holds for both rows is one of them in the way of the other.
    of_new = re.sub(r'"(\w+)"', r'NEW."\1"', key.condition)
    there = f'EXISTS (SELECT 1 FROM "{table}" WHERE {same} AND ({key.condition}){others})'  # noqa: S608
    return f"(({of_new}) AND {there})"


def release_sql(table: str, vendor: str) -> list[str]:
    """The statements that drop our triggers from a table."""
    names = [f"{table}_no_{event}" for event in ("delete", "update", "truncate", "replace", "oust")]
    if vendor == "sqlite":
        return [f'DROP TRIGGER IF EXISTS "{name}"' for name in names]
    return [f'DROP TRIGGER IF EXISTS "{name}" ON "{table}"' for name in names]


def protected_models() -> list[type[models.Model]]:
    """Every installed model that promises append-only rows."""
    from django.apps import apps

    return [
        model for model in apps.get_models() if isinstance(getattr(model, "append_only", None), AppendOnly)
    ]


def protect_all(using: str = DEFAULT_DB_ALIAS, **sent: Any) -> None:
    """Make the triggers of every table that promises append-only rows anew: what ``post_migrate`` calls.

    On the way back to an older version a table has not every column of its model: a trigger that named one
    would stand in the way of each later change of the table.
    """
    connection = connections[using]
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        for model in protected_models():
            table = model._meta.db_table
            if table in tables:
                mutable = model.append_only.mutable  # type: ignore[attr-defined]
                there = {each.name for each in connection.introspection.get_table_description(cursor, table)}
                for statement in protect_sql(model, mutable, connection.vendor, there):
                    cursor.execute(statement)
