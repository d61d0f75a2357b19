"""Fills a database as it stood before withdrawals had a table of their own, then brings it to now.

Run by ``test_filled_migration.py``: ``before`` makes and fills it, ``now`` migrates, ``back`` goes
back to an older state of the consent texts, ``tell`` prints what is there.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

BEFORE = [("enrolment", "0004_consent_text_of_all_clinics"), ("treatment", "0006_amounts_corrected")]
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def row(model: Any, **given: Any) -> Any:
    """A row of an older table: what is asked for and not given gets the plainest value there is."""
    from django.db import models

    plain = [
        (models.DateTimeField, MONDAY),
        (models.DateField, MONDAY.date()),
        (models.BooleanField, True),
        (models.JSONField, {}),
        ((models.IntegerField, models.DecimalField), 1),
        ((models.CharField, models.TextField), "x"),
    ]
    for field in model._meta.concrete_fields:
        if field.primary_key or field.name in given or field.has_default() or field.null or field.blank:
            continue
        if field.is_relation:
            given[field.name] = field.related_model.objects.earliest("pk")
        elif field.choices:
            given[field.name] = field.choices[0][0]
        else:
            given[field.name] = next(value for kinds, value in plain if isinstance(field, kinds))
    return model.objects.create(**given)


def before() -> None:
    """Three patients: one withdrew a countersigned consent, one did not, one never came to sign."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    apps = MigrationExecutor(connection).loader.project_state(BEFORE).apps
    clinic = row(apps.get_model("accounts", "Clinic"), uid="clinic000001")
    row(apps.get_model("accounts", "Staff"), email="ada@example.org", uid="staff0000001")
    text = row(apps.get_model("enrolment", "ConsentText"), fingerprint="f" * 64)
    signature = apps.get_model("accounts", "Signature")
    row(
        apps.get_model("enrolment", "ConsentRelease"),
        clinic=clinic,
        text=text,
        signature=row(signature, uid="signed000000"),
    )
    for number, end in enumerate(("withdrawn", "stands", "open"), start=1):
        patient = row(
            apps.get_model("patients", "Patient"),
            clinic=clinic,
            code=f"P{number}",
            uid=f"patient0000{number}",
        )
        consent = row(apps.get_model("enrolment", "Consent"), patient=patient, text=text, uid=end)
        if end == "open":
            continue
        given = row(
            apps.get_model("enrolment", "ConsentGiven"),
            consent=consent,
            patient=patient,
            text=text,
            patient_signature=row(
                apps.get_model("enrolment", "PatientSignature"),
                consent=consent,
                how="typed",
                uid=f"hand{number}",
            ),
            countersignature=row(signature, uid=f"signed00000{number}"),
            expires_at=MONDAY + timedelta(days=90),
        )
        if end == "withdrawn":
            row(
                apps.get_model("enrolment", "ConsentWithdrawn"),
                given=given,
                uid="withdrawn001",
                said="Ya no quiero más: «basta» — 'no'",
                withdrawn_at=MONDAY + timedelta(hours=2),
            )


def now() -> None:
    """All migrations there are."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def back() -> None:
    """To the state before a clinic had words of its own, and whether what was released is still kept there."""
    from django.core.management import call_command

    call_command("migrate", "enrolment", "0007", verbosity=0)
    sys.stdout.write(json.dumps({"deleted": _goes_through("DELETE FROM enrolment_consentrelease")}))


def tell() -> None:
    """The withdrawals, whether their rows are protected, and whose dose the database lets go on."""
    from django.db import connection

    from openkap.care.enrolment.models import Withdrawal

    found: dict[str, Any] = {
        "withdrawals": [
            [each.uid, each.said, each.withdrawn_at.isoformat(), each.consent.uid, each.told_to.email]
            for each in Withdrawal.objects.all()
        ],
        "older table": "enrolment_consentwithdrawn" in connection.introspection.table_names(),
        "changed": _goes_through("UPDATE enrolment_withdrawal SET said = 'something else'"),
        "deleted": _goes_through("DELETE FROM enrolment_withdrawal"),
        "goes on": {number: _go_on(number) for number in (1, 2, 3)},
    }
    sys.stdout.write(json.dumps(found))


def _goes_through(statement: str) -> bool:
    from django.db import DatabaseError, connection, transaction

    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError:
        return False
    return True


def _go_on(number: int) -> str:
    """What the database says to ketamine that goes on for a patient; empty when it lets it."""
    from django.db import DatabaseError, transaction

    from openkap.care.patients.models import Patient
    from openkap.care.treatment.models import Chair, Course, DoseEvent, Session

    patient, at = Patient.objects.select_related("clinic").get(code=f"P{number}"), MONDAY + timedelta(hours=3)
    try:
        with transaction.atomic():
            course = row(Course, patient=patient, no_therapy_because="x")
            chair = row(Chair, clinic=patient.clinic, name=f"Chair {number}")
            session = row(Session, patient=patient, course=course, chair=chair, ends_at=at)
            row(DoseEvent, patient=patient, session=session, kind="resume", observed_at=at)
    except DatabaseError as refused:
        return str(refused)
    return ""


if __name__ == "__main__":
    import django

    django.setup()
    {"before": before, "now": now, "back": back, "tell": tell}[sys.argv[1]]()
