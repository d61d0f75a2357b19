"""A photograph carries the hash of its bytes."""

from django.db import migrations, models

from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [
        ("live", "0002_protect_rows"),
    ]

    operations = [
        migrations.AddField(
            model_name="photo",
            name="sha256",
            field=models.CharField(blank=True, max_length=64, null=True),
        ),
        ProtectRows("Photo"),
    ]
