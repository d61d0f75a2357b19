from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_protect_rows")]

    operations = [
        migrations.AddField(
            model_name="staff",
            name="sessions_ended",
            field=models.PositiveIntegerField(default=0),
        ),
    ]
