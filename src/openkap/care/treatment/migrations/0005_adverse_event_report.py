"""A serious event's clock and who reported it; what comes after the signature says so; the lock holds the ledger."""

import importlib

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from openkap.care.append_only import ProtectRows
from openkap.care.database_guards import RefuseWhen

LOCKED = importlib.import_module("openkap.care.treatment.migrations.0002_protect_rows").LOCKED
# An adverse event is always taken; after the lock only as what it is.
UNMARKED = """NOT COALESCE(NEW.after_signing, FALSE) AND EXISTS (
    SELECT 1 FROM treatment_session AS session
    WHERE session.id = NEW.session_id AND session.locked_at IS NOT NULL AND session.locked_at <= NEW.entered_at
)"""


class Migration(migrations.Migration):
    dependencies = [
        ("treatment", "0004_dose_doubt"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="adverseevent",
            name="serious_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="adverseevent",
            name="after_signing",
            field=models.BooleanField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="adverseevent",
            name="reported_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        # The new columns are protected like the others.
        ProtectRows("AdverseEvent", mutable=("reported_at", "reported_to", "reported_by")),
        RefuseWhen(
            "AdverseEvent",
            "adverseevent_after_lock",
            UNMARKED,
            "the session is signed and locked: mark the event as recorded after signing",
        ),
        RefuseWhen("LedgerEntry", "ledgerentry_after_lock", LOCKED, "the session is signed and locked"),
    ]
