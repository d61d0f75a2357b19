"""Rows that promise to stay as written do, on the database itself."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, migrations, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.models import UniqueConstraint

from openkap.care.append_only import ProtectRows, keys_of, protected_models

MODELS = protected_models()


def triggers(table: str) -> set[str]:
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = %s::regclass",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(query, [table])
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_promise_has_its_triggers(model):
    table = model._meta.db_table
    kinds = {
        "no_delete",
        "no_update",
        {"sqlite": "no_replace", "postgresql": "no_truncate"}[connection.vendor],
    }
    assert {f"{table}_{kind}" for kind in kinds} <= triggers(table)


@pytest.mark.django_db
def test_a_row_is_not_replaced_by_inserting_it_again(patient):
    if connection.vendor != "sqlite":
        pytest.skip("a statement of SQLite alone")
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="append-only"):
        cursor.execute("INSERT OR REPLACE INTO audit_auditevent SELECT * FROM audit_auditevent LIMIT 1")


@pytest.mark.django_db
def test_a_table_that_was_rebuilt_is_protected_again_after_the_next_migration(patient):
    from openkap.care.append_only import protect_all, release_sql

    with connection.cursor() as cursor:
        for statement in release_sql("audit_auditevent", connection.vendor):
            cursor.execute(statement)
    assert not triggers("audit_auditevent")
    protect_all()
    assert "audit_auditevent_no_update" in triggers("audit_auditevent")


def test_the_last_migration_that_names_a_model_keeps_its_promise():
    loader = MigrationLoader(None)
    last = {}
    for (app, _), migration in sorted(loader.disk_migrations.items()):
        for step in migration.operations:
            name = getattr(step, "model_name", getattr(step, "name", "")).lower()
            altering = isinstance(
                step, migrations.AddField | migrations.AlterField | migrations.RemoveField
                | migrations.RenameField | migrations.AddConstraint | migrations.RemoveConstraint
                | migrations.CreateModel | ProtectRows,
            )  # fmt: skip
            if altering:
                last[(app, name)] = step
    for model in MODELS:
        step = last[(model._meta.app_label, model._meta.model_name)]
        assert isinstance(step, ProtectRows), f"{model.__name__}: repeat ProtectRows after {step}"
        assert tuple(step.mutable) == model.append_only.mutable


@pytest.mark.django_db
def test_an_event_can_be_neither_changed_nor_deleted(patient):
    from openkap.care.audit.models import AuditEvent

    for attempt in (
        lambda: AuditEvent.objects.update(action="nothing.happened"),
        lambda: AuditEvent.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            attempt()
    assert AuditEvent.objects.filter(action="patient.registered").exists()


@pytest.mark.django_db
def test_only_the_named_columns_may_change(cast):
    from openkap.care.accounts.models import BreakGlass
    from openkap.care.moment import now

    glass = BreakGlass.objects.create(
        staff=cast.staff("ben"),
        clinic=cast.troupe.clinic,
        patient_uid="x" * 12,
        reason="collapsed in the lobby",
        opened_at=now(),
        expires_at=now() + timedelta(hours=1),
    )
    glass.review, glass.reviewed_by, glass.reviewed_at = "in order", cast.staff("ari"), now()
    glass.save()
    glass.reason = "curiosity"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        glass.save()


def rows_of_sqlite(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def unique_indexes(table):
    """The keys by which SQLite itself would put one row in another's place: (columns, condition)."""
    found = set()
    for _, name, unique, origin, _ in rows_of_sqlite(f'PRAGMA index_list("{table}")'):
        if unique:
            columns = tuple(row[2] for row in rows_of_sqlite(f'PRAGMA index_info("{name}")'))
            made = rows_of_sqlite(f"SELECT sql FROM sqlite_master WHERE name = '{name}'")
            sql = (made[0][0] if made else "") or ""
            found.add((columns, sql.split(" WHERE ")[1] if " WHERE " in sql else "", origin))
    return {(columns, condition) for columns, condition, _ in found}


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_keys_that_are_guarded_are_those_that_the_database_knows(model):
    if connection.vendor != "sqlite":
        pytest.skip("REPLACE is a statement of SQLite alone")
    guarded = {(key.columns, key.condition) for key in keys_of(model)}
    # The number of a row is a key without an index of its own.
    own = {((model._meta.pk.column,), "")}
    assert guarded == unique_indexes(model._meta.db_table) | own


def invented(model, number, **given):
    """A row of values that are all its own."""
    row = {}
    for place, field in enumerate(model._meta.local_fields):
        kind = field.db_type(connection) or ""
        plain = number * 1000 + place
        row[field.column] = (
            plain if any(w in kind for w in ("int", "bool", "real", "decimal")) else f"v{plain}"
        )
    return row | given


def wanted_by(model, constraint):
    """Values that put a row under the condition of a partial key."""
    given = {}
    for name, value in constraint.condition.children if constraint.condition else ():
        field = model._meta.get_field(name.removesuffix("__isnull"))
        given[field.column] = None if name.endswith("__isnull") else value
    return given


def keys_with_examples(model):
    """The columns of each key of the model, and what puts a row under its condition."""
    for field in model._meta.local_fields:
        if field.unique:
            yield (field.column,), {}
    for constraint in model._meta.constraints:
        if isinstance(constraint, UniqueConstraint):
            columns = tuple(model._meta.get_field(name).column for name in constraint.fields)
            yield columns, wanted_by(model, constraint)


def written(cursor, verb, table, row):
    names = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join(["%s"] * len(row))
    cursor.execute(f'{verb} INTO "{table}" ({names}) VALUES ({marks})', [*row.values()])


@contextmanager
def only_our_guards(table, *, but=()):
    """A cursor before which invented rows pass: checks and other triggers are away until the end."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        for name in triggers(table):
            if not name.startswith(f"{table}_no_") or name in but:
                cursor.execute(f'DROP TRIGGER "{name}"')
        try:
            yield cursor
        finally:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")
            transaction.set_rollback(True)


def is_there(cursor, model, row):
    own = model._meta.pk.column
    cursor.execute(f'SELECT COUNT(*) FROM "{model._meta.db_table}" WHERE "{own}" = %s', [row[own]])
    return cursor.fetchone() == (1,)


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_insert_puts_a_row_in_the_place_of_one_with_its_key(model):
    if connection.vendor != "sqlite":
        pytest.skip("REPLACE is a statement of SQLite alone")
    table = model._meta.db_table
    for columns, given in keys_with_examples(model):
        first = invented(model, 1, **given)
        second = invented(model, 2, **given) | {column: first[column] for column in columns}
        with only_our_guards(table) as cursor:
            written(cursor, "INSERT", table, first)
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                written(cursor, "INSERT OR REPLACE", table, second)
            assert is_there(cursor, model, first), columns


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_update_puts_a_row_in_the_place_of_one_with_its_key(model):
    """Which is more than that columns do not change: a key may rest on a column that may."""
    if connection.vendor != "sqlite":
        pytest.skip("REPLACE is a statement of SQLite alone")
    table, own = model._meta.db_table, model._meta.pk.column
    for columns, given in keys_with_examples(model):
        first, second = invented(model, 1, **given), invented(model, 2)
        changed = invented(model, 2, **given) | {column: first[column] for column in columns}
        sets = ", ".join(f'"{name}" = %s' for name in changed)
        with only_our_guards(table, but=(f"{table}_no_update",)) as cursor:
            written(cursor, "INSERT", table, first)
            written(cursor, "INSERT", table, second)
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                cursor.execute(
                    f'UPDATE OR REPLACE "{table}" SET {sets} WHERE "{own}" = %s',
                    [*changed.values(), second[own]],
                )
            assert is_there(cursor, model, first), columns
