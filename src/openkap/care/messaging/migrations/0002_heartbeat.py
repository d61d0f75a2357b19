"""The mark of the jobs, and messages found by what they are about."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=20, unique=True)),
                ("worker", models.CharField(max_length=60)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.AddIndex("message", models.Index(fields=["about_uid"], name="message_about")),
    ]
