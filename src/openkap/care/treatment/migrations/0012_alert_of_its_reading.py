"""A corrected reading raises its own alert, also of the same rule and moment as the one before."""

from django.db import migrations, models

from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [("treatment", "0011_never_more_than_was_drawn")]

    operations = [
        migrations.RemoveConstraint(model_name="alert", name="alert_once_a_moment"),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("entry__isnull", True)),
                fields=("session", "rule", "at"),
                name="alert_once_a_moment",
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(fields=("entry", "rule", "at"), name="alert_once_a_reading"),
        ),
        # SQLite builds the table anew and forgets its guards.
        ProtectRows("Alert", mutable=("acknowledged_by", "acknowledged_at", "done", "escalated_at")),
    ]
