"""Rows that promise to stay as written do, on the database itself."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, migrations, transaction
from django.db.migrations.loader import MigrationLoader

from openkap.care.append_only import ProtectRows, protected_models

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
