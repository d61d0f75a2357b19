"""A turn is made of two readings: when the earlier one is voided, the later is judged against another."""

from django.db import migrations, models

from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [("outcomes", "0002_protect_rows")]

    operations = [
        migrations.RemoveConstraint(model_name="turn", name="turn_once_a_reading"),
        migrations.AddConstraint(
            model_name="turn",
            constraint=models.UniqueConstraint(
                fields=("score", "kind", "before"), name="turn_once_a_reading"
            ),
        ),
        # SQLite forgets the triggers of a table it rebuilds.
        ProtectRows("Turn"),
    ]
