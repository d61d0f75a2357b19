"""Who took over whose planned dates, from whom and why; never changed."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import openkap.care.ids
from openkap.care.append_only import ProtectRows

STAFF = {
    "on_delete": django.db.models.deletion.PROTECT,
    "related_name": "+",
    "to": settings.AUTH_USER_MODEL,
}


class Migration(migrations.Migration):
    dependencies = [
        ("treatment", "0009_maintenance_plan"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Handover",
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
                (
                    "part",
                    models.CharField(
                        choices=[
                            ("prescriber", "prescriber"),
                            ("nurse", "session nurse"),
                            ("therapist", "therapist"),
                            ("coordinator", "coordinator"),
                            ("lead", "lead"),
                            ("site_admin", "site administrator"),
                            ("auditor", "auditor"),
                        ],
                        max_length=12,
                    ),
                ),
                ("dates", models.JSONField()),
                ("reason", models.TextField()),
                ("decided_at", models.DateTimeField()),
                ("after", models.ForeignKey(**STAFF)),
                ("before", models.ForeignKey(**STAFF)),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="handovers",
                        to="treatment.course",
                    ),
                ),
                ("decided_by", models.ForeignKey(**STAFF)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="handover_has_reason"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("before", models.F("after")), _negated=True),
                        name="handover_to_somebody_else",
                    ),
                ],
            },
        ),
        ProtectRows("Handover"),
    ]
