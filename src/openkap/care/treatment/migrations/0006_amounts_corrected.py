"""A mistyped amount is crossed out by a ledger entry that names it; leaving says since when it was possible."""

import importlib

import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

from openkap.care.append_only import ProtectRows
from openkap.care.database_guards import RefuseWhen

_PROTECT = importlib.import_module("openkap.care.treatment.migrations.0002_protect_rows")
ADDS_UP, LOCKED = _PROTECT.DOES_NOT_ADD_UP, _PROTECT.LOCKED


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_protect_rows"),
        ("treatment", "0005_adverse_event_report"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="ledgerentry",
            name="ledger_change_follows_kind",
        ),
        migrations.RemoveConstraint(
            model_name="ledgerentry",
            name="ledger_witnessed_by_another",
        ),
        migrations.RemoveConstraint(
            model_name="ledgerentry",
            name="ledger_difference_explained",
        ),
        migrations.AddField(
            model_name="discharge",
            name="ready_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="ledgerentry",
            name="reverses",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reversed_by",
                to="treatment.ledgerentry",
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("received", "received"),
                    ("drawn", "drawn"),
                    ("given", "given"),
                    ("wasted", "wasted"),
                    ("returned", "returned unopened"),
                    ("counted", "counted: difference"),
                    ("reversed", "crossed out"),
                ],
                max_length=8,
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("change_ug", models.F("amount_ug")), ("kind__in", ["received", "returned"])),
                    models.Q(
                        (
                            "change_ug",
                            django.db.models.expressions.CombinedExpression(
                                models.F("amount_ug"), "*", models.Value(-1)
                            ),
                        ),
                        ("kind", "drawn"),
                    ),
                    models.Q(("change_ug", 0), ("kind__in", ["given", "wasted", "reversed"])),
                    ("kind", "counted"),
                    _connector="OR",
                ),
                name="ledger_change_follows_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("kind__in", ["drawn", "wasted", "counted", "returned", "reversed"]), _negated=True
                    ),
                    models.Q(
                        ("witness__isnull", False),
                        models.Q(("witness", models.F("entered_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="ledger_witnessed_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind__in", ["counted", "reversed"]), _negated=True),
                    models.Q(("note", ""), _negated=True),
                    _connector="OR",
                ),
                name="ledger_difference_explained",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "reversed"), ("reverses__isnull", False)),
                    models.Q(models.Q(("kind", "reversed"), _negated=True), ("reverses__isnull", True)),
                    _connector="OR",
                ),
                name="ledger_reversal_names_one",
            ),
        ),
        # SQLite builds the table anew and forgets its guards.
        ProtectRows("Discharge"),
        ProtectRows("LedgerEntry"),
        RefuseWhen("LedgerEntry", "ledger_adds_up", ADDS_UP, "the balance does not add up"),
        RefuseWhen("LedgerEntry", "ledgerentry_after_lock", LOCKED, "the session is signed and locked"),
    ]
