"""What was written stays as it was written."""

from django.db import migrations

from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        ProtectRows("AuditEvent"),
    ]
