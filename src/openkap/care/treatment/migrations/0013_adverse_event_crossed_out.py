"""An adverse event of another patient is crossed out by a row that says so; no session is ever "ready to leave"."""

import importlib

from django.db import migrations, models

from openkap.care.append_only import ProtectRows
from openkap.care.database_guards import RefuseWhen

UNMARKED = importlib.import_module("openkap.care.treatment.migrations.0005_adverse_event_report").UNMARKED


class Migration(migrations.Migration):
    dependencies = [("treatment", "0012_alert_of_its_reading")]

    operations = [
        migrations.AlterField(
            model_name="session",
            name="state",
            field=models.CharField(
                choices=[
                    ("planned", "planned"),
                    ("arrived", "arrived"),
                    ("cleared", "cleared for the dose"),
                    ("dosing", "dosing"),
                    ("recovery", "recovery"),
                    ("left", "left"),
                    ("aborted", "no dose that day"),
                    ("cancelled", "cancelled"),
                ],
                default="planned",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="adverseevent",
            name="is_retraction",
            field=models.BooleanField(default=False),
        ),
        migrations.AddConstraint(
            model_name="adverseevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("is_retraction", False), ("corrects__isnull", False), _connector="OR"),
                name="adverse_event_retraction_names_one",
            ),
        ),
        # SQLite builds the table anew and forgets its guards.
        ProtectRows("AdverseEvent", mutable=("reported_at", "reported_to", "reported_by")),
        RefuseWhen(
            "AdverseEvent",
            "adverseevent_after_lock",
            UNMARKED,
            "the session is signed and locked: mark the event as recorded after signing",
        ),
    ]
