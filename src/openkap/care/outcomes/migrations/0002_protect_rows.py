"""What was answered, scored and called stays as it was."""

from django.db import migrations

from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [("outcomes", "0001_initial")]

    operations = [
        ProtectRows("Form", mutable=("finished_at", "voided_at", "voided_by", "voided_because")),
        ProtectRows("ItemAnswer"),
        ProtectRows("FormScore"),
        ProtectRows(
            "SafetySignal",
            mutable=(
                "level",
                "escalate_at",
                "acknowledged_by",
                "acknowledged_at",
                "closed_by",
                "closed_at",
                "what_was_done",
                "claimed_by",
                "claimed_until",
                "attempts",
            ),
        ),
        ProtectRows("Call"),
        ProtectRows("Turn"),
        ProtectRows("MaintenanceProposal", mutable=("decision", "reason", "decided_by", "decided_at")),
    ]
