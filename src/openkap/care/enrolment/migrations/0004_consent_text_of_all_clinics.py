"""Which text is in force is said by each clinic's release, no longer by the text."""

from django.db import migrations

from openkap.care.append_only import LetGoOfRows, ProtectRows


class Migration(migrations.Migration):
    # The guard of the dose must have let go of the column.
    dependencies = [
        ("enrolment", "0003_consent_release"),
        ("treatment", "0003_consent_released_at_the_clinic"),
    ]

    operations = [
        LetGoOfRows("ConsentText"),
        migrations.RemoveConstraint("consenttext", "consent_text_one_in_force"),
        migrations.RemoveField("consenttext", "superseded_at"),
        ProtectRows("ConsentText"),
    ]
