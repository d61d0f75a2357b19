"""A clinic's own words beside the shipped ones: their rows, the texts they are in, and why parts have none."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import openkap.care.ids
from openkap.care.append_only import LetGoOfRows, ProtectRows
from openkap.care.database_guards import RefuseWhen

OF_ANOTHER_CLINIC = """EXISTS (
    SELECT 1 FROM enrolment_consenttext AS consent_text
    WHERE consent_text.fingerprint = NEW.text_id AND consent_text.clinic_id <> NEW.clinic_id
)"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_protect_rows"),
        ("enrolment", "0007_signed_within_a_day"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ClinicWords",
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
                ("part", models.CharField(max_length=20)),
                ("words", models.TextField(blank=True, max_length=2000)),
                ("number", models.PositiveIntegerField()),
                ("written_at", models.DateTimeField()),
                (
                    "clinic",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.clinic"
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
                    models.UniqueConstraint(
                        fields=("clinic", "language", "part", "number"), name="clinic_words_in_order"
                    )
                ],
            },
        ),
        ProtectRows("ClinicWords"),
        LetGoOfRows("ConsentText"),
        migrations.RemoveConstraint("consenttext", "consent_text_once_a_version"),
        migrations.AddField(
            model_name="consenttext",
            name="clinic",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.clinic",
            ),
        ),
        migrations.AddField(
            model_name="consenttext",
            name="clinic_words",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="consenttext",
            constraint=models.CheckConstraint(
                condition=models.Q(("clinic__isnull", True), ("clinic_words__isnull", True))
                | models.Q(("clinic__isnull", False), ("clinic_words__isnull", False)),
                name="consent_text_words_of_a_clinic",
            ),
        ),
        migrations.AddConstraint(
            model_name="consenttext",
            constraint=models.UniqueConstraint(
                condition=models.Q(("clinic__isnull", True)),
                fields=("language", "version"),
                name="consent_text_shipped_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="consenttext",
            constraint=models.UniqueConstraint(
                condition=models.Q(("clinic__isnull", False)),
                fields=("clinic", "language", "version", "clinic_words"),
                name="consent_text_of_clinic_once",
            ),
        ),
        ProtectRows("ConsentText"),
        migrations.AddField(
            model_name="consentrelease",
            name="left_empty_because",
            field=models.TextField(blank=True, null=True),
        ),
        ProtectRows("ConsentRelease", mutable=("superseded_at",)),
        RefuseWhen(
            "ConsentRelease",
            "consent_text_of_its_clinic",
            OF_ANOTHER_CLINIC,
            "this consent text has the words of another clinic",
        ),
    ]
