"""Acts with the drug that do not fit the record: kept, never changed but by a decision, closed by the lock."""

import importlib

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import openkap.care.ids
from openkap.care.append_only import ProtectRows
from openkap.care.database_guards import RefuseWhen

LOCKED = importlib.import_module("openkap.care.treatment.migrations.0002_protect_rows").LOCKED
SETTLED = ("settlement", "settled_at", "settled_by", "settled_because")


class Migration(migrations.Migration):
    dependencies = [
        ("treatment", "0003_consent_released_at_the_clinic"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DoseDoubt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "uid",
                    models.CharField(
                        default=openkap.care.ids.new_uid, editable=False, max_length=12, unique=True
                    ),
                ),
                ("client_id", models.CharField(max_length=36)),
                ("observed_at", models.DateTimeField()),
                ("entered_at", models.DateTimeField()),
                ("device", models.CharField(blank=True, max_length=40)),
                ("device_ahead_s", models.IntegerField(default=0)),
                ("reason", models.TextField(blank=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("start", "started"),
                            ("pause", "paused"),
                            ("resume", "resumed"),
                            ("rate", "rate changed"),
                            ("stop", "stopped"),
                        ],
                        max_length=6,
                    ),
                ),
                ("rate_ml_h", models.DecimalField(blank=True, decimal_places=1, max_digits=8, null=True)),
                ("given_ug", models.PositiveBigIntegerField(blank=True, null=True)),
                ("why", models.CharField(max_length=200)),
                (
                    "settlement",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("fits", "fits now"),
                            ("crossed", "crossed out"),
                            ("corrected", "corrected"),
                        ],
                        max_length=9,
                    ),
                ),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                ("settled_because", models.TextField(blank=True)),
                (
                    "corrects",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrected_by",
                        to="treatment.dosedoubt",
                    ),
                ),
                (
                    "entered_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "names",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="treatment.doseevent",
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="treatment.session"),
                ),
                (
                    "settled_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(fields=("session", "client_id"), name="dosedoubt_client_id_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("corrects__isnull", True),
                            models.Q(("reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="dosedoubt_corrected_with_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("client_id", ""), _negated=True), name="dosedoubt_has_client_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("settled_at__isnull", True),
                                ("settled_because", ""),
                                ("settled_by__isnull", True),
                                ("settlement", ""),
                            ),
                            models.Q(("settled_at__isnull", False), ("settlement", "fits")),
                            models.Q(
                                ("settled_at__isnull", False),
                                ("settlement__in", ["crossed", "corrected"]),
                                ("settled_by__isnull", False),
                                models.Q(("settled_because", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="dosedoubt_settled_whole",
                    ),
                ],
            },
        ),
        ProtectRows("DoseDoubt", mutable=SETTLED),
        RefuseWhen("DoseDoubt", "dosedoubt_after_lock", LOCKED, "the session is signed and locked"),
        migrations.AddField(
            model_name="dosecheck",
            name="way",
            field=models.CharField(blank=True, max_length=12, null=True),
        ),
        # The new column is protected like the others.
        ProtectRows("DoseCheck"),
    ]
