"""A clinic offers a consent text once its own reviewer has signed it; no consent in another text."""

import django.db.models.deletion
from django.db import migrations, models

import openkap.care.ids
from openkap.care.append_only import ProtectRows
from openkap.care.database_guards import RefuseWhen

NOT_RELEASED = """NOT EXISTS (
    SELECT 1 FROM enrolment_consentrelease AS released
    JOIN patients_patient AS patient ON patient.clinic_id = released.clinic_id
    WHERE patient.id = NEW.patient_id AND released.text_id = NEW.text_id
      AND released.superseded_at IS NULL
)"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_protect_rows"),
        ("patients", "0001_initial"),
        ("enrolment", "0002_protect_rows"),
    ]

    operations = [
        migrations.CreateModel(
            name="ConsentRelease",
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
                ("language", models.CharField(max_length=10)),
                ("reviewed_by", models.CharField(max_length=300)),
                ("released_at", models.DateTimeField()),
                ("superseded_at", models.DateTimeField(blank=True, null=True)),
                (
                    "clinic",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.clinic"
                    ),
                ),
                (
                    "signature",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.signature"
                    ),
                ),
                (
                    "text",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="releases",
                        to="enrolment.consenttext",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("superseded_at__isnull", True)),
                        fields=("clinic", "language"),
                        name="consent_release_one_in_force",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reviewed_by", ""), _negated=True),
                        name="consent_release_names_reviewer",
                    ),
                ],
            },
        ),
        ProtectRows("ConsentRelease", mutable=("superseded_at",)),
        RefuseWhen(
            "ConsentGiven",
            "consent_text_released",
            NOT_RELEASED,
            "this clinic has not released this consent text",
        ),
    ]
