"""A photograph carries the hash of its bytes."""

from django.db import migrations, models

from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [
        ("live", "0003_photo_after_lock"),
    ]

    operations = [
        migrations.AddField(
            model_name="photo",
            name="sha256",
            field=models.CharField(blank=True, max_length=64, null=True),
        ),
        ProtectRows("Photo"),
    ]
