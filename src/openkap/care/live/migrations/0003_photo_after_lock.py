"""No photograph enters the record of a session that is signed and locked."""

import importlib

from django.db import migrations

from openkap.care.database_guards import RefuseWhen

LOCKED = importlib.import_module("openkap.care.treatment.migrations.0002_protect_rows").LOCKED


class Migration(migrations.Migration):
    dependencies = [("live", "0002_protect_rows"), ("treatment", "0002_protect_rows")]

    operations = [
        RefuseWhen("Photo", "photo_after_lock", LOCKED, "the session is signed and locked"),
    ]
