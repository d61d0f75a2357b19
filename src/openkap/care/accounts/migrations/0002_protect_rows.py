"""What was written stays as it was written."""

from django.db import migrations

from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        ProtectRows("Credential", mutable=("revoked_at", "revoked_because")),
        ProtectRows("BreakGlass", mutable=("reviewed_by", "reviewed_at", "review")),
        ProtectRows("Signature"),
    ]
