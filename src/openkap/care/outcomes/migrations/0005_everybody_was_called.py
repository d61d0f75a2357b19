"""Since when everybody who is named has been called about an alarming answer, and nobody further is."""

from django.db import migrations, models

from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [("outcomes", "0004_signal_raised_anew")]

    operations = [
        migrations.AddField("safetysignal", "all_called_at", models.DateTimeField(blank=True, null=True)),
        # SQLite makes the table anew, without its triggers.
        ProtectRows(
            "SafetySignal",
            mutable=(
                *("level", "escalate_at", "all_called_at", "acknowledged_by", "acknowledged_at"),
                *("closed_by", "closed_at", "what_was_done", "claimed_by", "claimed_until", "attempts"),
            ),
        ),
    ]
