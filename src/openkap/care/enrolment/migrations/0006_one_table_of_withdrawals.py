"""The table of withdrawals of countersigned consents alone: its rows stand in the new one."""

from django.db import migrations


class Migration(migrations.Migration):
    # The guard of the dose must have let go of the table.
    dependencies = [
        ("enrolment", "0005_withdrawal"),
        ("treatment", "0007_a_withdrawal_ends_every_consent"),
    ]

    operations = [migrations.DeleteModel("ConsentWithdrawn")]
