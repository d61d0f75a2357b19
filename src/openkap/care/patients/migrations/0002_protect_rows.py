"""What was written stays as it was written."""

from django.db import migrations

from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [("patients", "0001_initial")]

    operations = [
        ProtectRows("Referral"),
        ProtectRows("CrisisPlan"),
        ProtectRows("Merge", mutable=("undone_by", "undone_at", "undone_because")),
    ]
