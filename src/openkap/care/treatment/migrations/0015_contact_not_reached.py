"""A contact after a dose that reached nobody is ended with its reason, and is not counted as done."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("treatment", "0014_did_the_patient_come")]

    operations = [
        migrations.AddField(
            model_name="dueitem",
            name="not_done_because",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddConstraint(
            model_name="dueitem",
            constraint=models.CheckConstraint(
                condition=models.Q(("not_done_because", ""), ("done_at__isnull", False), _connector="OR"),
                name="due_item_not_done_is_ended",
            ),
        ),
    ]
