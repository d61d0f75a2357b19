"""What was written stays, but for what a confirmed erasure empties, once; and an erased identity stays erased."""

from django.db import migrations

from openkap.care.append_only import ProtectRows
from openkap.care.database_guards import RefuseWhen

# Of this record, or of the one it was merged into.
NOT_CONFIRMED = """NOT EXISTS (
    SELECT 1 FROM patients_erasure AS erasure
    JOIN patients_patient AS patient ON patient.id = NEW.patient_id
    WHERE erasure.confirmed_at IS NOT NULL
      AND (erasure.patient_id = patient.id OR erasure.patient_id = patient.merged_into_id)
)"""
MARK_CHANGED = "((NEW.erased_at IS NULL) <> (OLD.erased_at IS NULL) OR NEW.erased_at <> OLD.erased_at)"
REFERRAL = f"""(NEW.document <> OLD.document OR {MARK_CHANGED}) AND (
    OLD.erased_at IS NOT NULL OR NEW.erased_at IS NULL OR NEW.document <> '' OR {NOT_CONFIRMED}
)"""
CRISIS_PLAN = f"""(
    NEW.people_to_call <> OLD.people_to_call OR NEW.safe_place <> OLD.safe_place OR {MARK_CHANGED}
) AND (
    OLD.erased_at IS NOT NULL OR NEW.erased_at IS NULL
    OR NEW.people_to_call <> '' OR NEW.safe_place <> '' OR {NOT_CONFIRMED}
)"""


class Migration(migrations.Migration):
    dependencies = [("patients", "0004_erasure")]

    operations = [
        ProtectRows("Referral", mutable=("document", "erased_at")),
        RefuseWhen(
            "Referral", "referral_erased_only", REFERRAL, "patients_referral is append-only", ("UPDATE",)
        ),
        ProtectRows("CrisisPlan", mutable=("people_to_call", "safe_place", "erased_at")),
        RefuseWhen(
            "CrisisPlan",
            "crisisplan_erased_only",
            CRISIS_PLAN,
            "patients_crisisplan is append-only",
            ("UPDATE",),
        ),
        ProtectRows(
            "Erasure",
            mutable=("confirmed_by", "confirmed_at", "called_off_by", "called_off_at", "called_off_because"),
        ),
        RefuseWhen(
            "Identity",
            "identity_stays_erased",
            "OLD.erased_at IS NOT NULL",
            "the identity was erased",
            ("UPDATE",),
        ),
    ]
