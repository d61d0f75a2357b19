"""Whether the patient came to a session without a dose; the words of the states say what they mean."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("treatment", "0013_adverse_event_crossed_out")]

    operations = [
        migrations.AddField(model_name="session", name="came", field=models.BooleanField(null=True)),
        migrations.AlterField(
            model_name="session",
            name="state",
            field=models.CharField(
                choices=[
                    ("planned", "planned"),
                    ("arrived", "arrived"),
                    ("cleared", "cleared for the dose"),
                    ("dosing", "dosing"),
                    ("recovery", "recovery"),
                    ("left", "went home"),
                    ("aborted", "no dose that day"),
                    ("cancelled", "cancelled"),
                ],
                default="planned",
                max_length=10,
            ),
        ),
    ]
