"""Photographs and practice entries stay as they were."""

from django.db import migrations

from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [("live", "0001_initial")]

    operations = [
        ProtectRows("Photo"),
        ProtectRows("Practice", mutable=("ended_at", "has_passed", "debrief")),
        ProtectRows("PracticeEntry"),
    ]
