"""What an uploaded referral warns of is a row of its own, and whom it names without a number is kept too."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import openkap.care.ids


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0009_several_numbers_of_a_contact"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="contact", name="contact_can_be_reached"),
        migrations.AlterField(
            model_name="contact",
            name="telephone",
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.CreateModel(
            name="ReferralWarning",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("drug", "allergy to the drug"), ("allergy", "allergy"), ("flag", "flag")],
                        max_length=7,
                    ),
                ),
                (
                    "uid",
                    models.CharField(
                        default=openkap.care.ids.new_uid, editable=False, max_length=12, unique=True
                    ),
                ),
                ("words", models.CharField(blank=True, max_length=120)),
                ("looked_at", models.DateTimeField(blank=True, null=True)),
                ("holds", models.BooleanField(blank=True, null=True)),
                ("because", models.CharField(blank=True, max_length=200)),
                (
                    "looked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="warnings",
                        to="patients.patient",
                    ),
                ),
                (
                    "referral",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="warnings",
                        to="patients.referral",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "drug"), ("words", "")),
                            models.Q(
                                models.Q(("kind", "drug"), _negated=True),
                                models.Q(("words", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="referral_warning_says_what",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("because", ""),
                                ("holds__isnull", True),
                                ("looked_at__isnull", True),
                                ("looked_by__isnull", True),
                            ),
                            models.Q(
                                ("holds__isnull", False),
                                ("looked_at__isnull", False),
                                ("looked_by__isnull", False),
                                models.Q(("because", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="referral_warning_looked_at_whole",
                    ),
                ],
            },
        ),
    ]
