"""A contact may have more than one number."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("patients", "0008_closing")]

    operations = [
        migrations.AlterField(model_name="contact", name="telephone", field=models.CharField(max_length=120)),
    ]
