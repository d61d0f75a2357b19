"""A photograph of another patient is crossed out by a row without a picture."""

import importlib

from django.db import migrations, models

from openkap.care.append_only import ProtectRows
from openkap.care.database_guards import RefuseWhen

LOCKED = importlib.import_module("openkap.care.treatment.migrations.0002_protect_rows").LOCKED


class Migration(migrations.Migration):
    dependencies = [("live", "0007_late_entries")]

    operations = [
        migrations.AddConstraint(
            model_name="photo",
            constraint=models.CheckConstraint(
                condition=models.Q(("corrects__isnull", True), ("media_type", ""), _connector="XOR"),
                name="photo_or_crossed_out",
            ),
        ),
        # SQLite builds the table anew and forgets its guards.
        ProtectRows("Photo"),
        RefuseWhen("Photo", "photo_after_lock", LOCKED, "the session is signed and locked"),
    ]
