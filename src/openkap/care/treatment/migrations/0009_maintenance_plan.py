"""What is written down before maintenance begins: response, plan and end; never changed."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [
        ("treatment", "0008_replanning"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="MaintenancePlan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("response", models.TextField()),
                ("plan", models.TextField()),
                ("ends_on", models.DateField()),
                ("written_at", models.DateTimeField()),
                (
                    "course",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="maintenance",
                        to="treatment.course",
                    ),
                ),
                (
                    "written_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("response", ""), _negated=True),
                            models.Q(("plan", ""), _negated=True),
                        ),
                        name="maintenance_plan_whole",
                    )
                ],
            },
        ),
        ProtectRows("MaintenancePlan"),
    ]
