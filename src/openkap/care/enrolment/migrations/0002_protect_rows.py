"""What was answered, concluded, decided and signed stays as it was written."""

from django.db import migrations

from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [("enrolment", "0001_initial")]

    operations = [
        ProtectRows("Screening"),
        ProtectRows("Answer"),
        ProtectRows("Assessment"),
        ProtectRows("SharedDecision"),
        ProtectRows("Decision"),
        ProtectRows("ConsentText", mutable=("superseded_at",)),
        ProtectRows("Consent"),
        ProtectRows("ConsentPart"),
        ProtectRows("Capacity"),
        ProtectRows("PatientSignature"),
        ProtectRows("ConsentGiven"),
        ProtectRows("ConsentWithdrawn"),
    ]
