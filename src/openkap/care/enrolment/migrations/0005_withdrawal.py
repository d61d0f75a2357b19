"""A withdrawal is of what the patient signed, countersigned or not."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import openkap.care.ids
from openkap.care.append_only import ProtectRows

# The withdrawals there are, with their public ids: nothing a person said is lost.
COPY = """
INSERT INTO enrolment_withdrawal (uid, said, withdrawn_at, consent_id, told_to_id)
SELECT withdrawn.uid, withdrawn.said, withdrawn.withdrawn_at, given.consent_id, withdrawn.told_to_id
FROM enrolment_consentwithdrawn AS withdrawn
JOIN enrolment_consentgiven AS given ON given.id = withdrawn.given_id
ORDER BY withdrawn.id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("enrolment", "0004_consent_text_of_all_clinics"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Withdrawal",
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
                ("said", models.TextField()),
                ("withdrawn_at", models.DateTimeField()),
                (
                    "consent",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="withdrawal",
                        to="enrolment.consent",
                    ),
                ),
                (
                    "told_to",
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
                        condition=models.Q(("said", ""), _negated=True), name="withdrawal_has_words"
                    )
                ],
            },
        ),
        migrations.RunSQL(COPY, migrations.RunSQL.noop),
        ProtectRows("Withdrawal"),
    ]
