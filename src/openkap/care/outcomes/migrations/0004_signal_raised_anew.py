"""A worse answer, or one after the first signal was closed, raises its rule anew: once a form is not enough."""

from django.db import migrations, models

from openkap.care.append_only import ProtectRows


class Migration(migrations.Migration):
    dependencies = [("outcomes", "0003_a_turn_is_of_two_readings")]

    operations = [
        migrations.RemoveConstraint("safetysignal", "safety_signal_once_a_form"),
        migrations.AddField("safetysignal", "answers", models.JSONField(default=dict)),
        # SQLite makes the table anew, without its triggers.
        ProtectRows(
            "SafetySignal",
            mutable=(
                *("level", "escalate_at", "acknowledged_by", "acknowledged_at", "closed_by", "closed_at"),
                *("what_was_done", "claimed_by", "claimed_until", "attempts"),
            ),
        ),
    ]
