"""Answers to alerts with the time of the tablet; what tablets still held when a record was signed."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import openkap.care.ids
from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [
        ("live", "0004_photo_sha256"),
        ("treatment", "0009_maintenance_plan"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertAnswer",
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
                    "alert",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="answer",
                        to="treatment.alert",
                    ),
                ),
                (
                    "corrects",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrected_by",
                        to="live.alertanswer",
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
                    "session",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="treatment.session"),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        fields=("session", "client_id"), name="alertanswer_client_id_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("corrects__isnull", True),
                            models.Q(("reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="alertanswer_corrected_with_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("client_id", ""), _negated=True), name="alertanswer_has_client_id"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LateEntry",
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
                ("act", models.CharField(max_length=20)),
                ("payload", models.TextField()),
                ("words", models.TextField()),
                (
                    "corrects",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrected_by",
                        to="live.lateentry",
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
                    "session",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="treatment.session"),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(fields=("session", "client_id"), name="lateentry_client_id_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("corrects__isnull", True),
                            models.Q(("reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="lateentry_corrected_with_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("client_id", ""), _negated=True), name="lateentry_has_client_id"
                    ),
                ],
            },
        ),
        ProtectRows("AlertAnswer"),
        ProtectRows("LateEntry"),
    ]
