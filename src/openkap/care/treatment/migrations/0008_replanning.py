"""What became of a session that ended without a dose: decided once, by somebody, and kept."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import openkap.care.ids
from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [
        ("treatment", "0007_a_withdrawal_ends_every_consent"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Replanning",
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
                ("reason", models.TextField(blank=True)),
                ("decided_at", models.DateTimeField()),
                (
                    "decided_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "in_its_place",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="stands_for",
                        to="treatment.session",
                    ),
                ),
                (
                    "session",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replanning",
                        to="treatment.session",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("in_its_place__isnull", False),
                            models.Q(("reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="replanning_none_has_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("in_its_place__isnull", True),
                            models.Q(("in_its_place", models.F("session")), _negated=True),
                            _connector="OR",
                        ),
                        name="replanning_by_another_session",
                    ),
                ],
            },
        ),
        ProtectRows("Replanning"),
    ]
