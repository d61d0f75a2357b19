"""What an uploaded referral warns of is a row of its own, and whom it names without a number is kept too."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("patients", "0008_closing")]

    operations = [
        migrations.RemoveConstraint(model_name="contact", name="contact_can_be_reached"),
        migrations.AlterField(
            model_name="contact",
            name="telephone",
            field=models.CharField(blank=True, max_length=40),
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
                ("words", models.CharField(blank=True, max_length=120)),
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
                    )
                ],
            },
        ),
    ]
