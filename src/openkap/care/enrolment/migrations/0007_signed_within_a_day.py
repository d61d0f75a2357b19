"""Why a consent was signed before its time to decide was over."""

from django.db import migrations, models

from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [("enrolment", "0006_one_table_of_withdrawals")]

    operations = [
        migrations.AddField(
            model_name="consentgiven",
            name="early_because",
            field=models.TextField(blank=True, null=True),
        ),
        ProtectRows("ConsentGiven"),
    ]
