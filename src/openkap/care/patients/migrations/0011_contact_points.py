"""A further telephone, e-mail or address of a person stands beside the one in use."""

import django.db.models.deletion
from django.db import migrations, models

import openkap.care.ids


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0010_referral_warnings"),
    ]

    operations = [
        migrations.CreateModel(
            name="ContactPoint",
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
                    "kind",
                    models.CharField(
                        choices=[("telephone", "telephone"), ("email", "e-mail"), ("address", "address")],
                        max_length=9,
                    ),
                ),
                ("value", models.TextField()),
                ("added_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="contact_points",
                        to="patients.patient",
                    ),
                ),
                (
                    "referral",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="patients.referral",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("value", ""), _negated=True), name="contact_point_says_where"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("patient", "kind", "value"),
                        name="contact_point_stands_once",
                    ),
                ],
            },
        ),
    ]
