"""What was recorded stays; no dose without consent; nothing after the lock; the ledger adds up."""

from django.db import migrations

from openkap.care.append_only import ProtectRows
from openkap.care.database_guards import RefuseWhen

# A start is refused unless, at that moment, a countersigned consent of this patient was in force.
NO_CONSENT = """NEW.kind = 'start' AND NOT EXISTS (
    SELECT 1 FROM enrolment_consentgiven AS given
    JOIN enrolment_consenttext AS consent_text ON consent_text.fingerprint = given.text_id
    LEFT JOIN enrolment_consentwithdrawn AS withdrawn ON withdrawn.given_id = given.id
    WHERE given.patient_id = NEW.patient_id
      AND given.valid_from <= NEW.observed_at AND given.expires_at > NEW.observed_at
      AND (withdrawn.id IS NULL OR withdrawn.withdrawn_at > NEW.observed_at)
      AND (consent_text.superseded_at IS NULL OR consent_text.superseded_at > NEW.observed_at)
)"""
NOT_OF_THE_SESSION = """NOT EXISTS (
    SELECT 1 FROM treatment_session AS session
    WHERE session.id = NEW.session_id AND session.patient_id = NEW.patient_id
)"""
NOT_CHECKED = """NEW.kind = 'start' AND NOT EXISTS (
    SELECT 1 FROM treatment_dosecheck AS dose_check WHERE dose_check.session_id = NEW.session_id
)"""
LOCKED = """EXISTS (
    SELECT 1 FROM treatment_session AS session
    WHERE session.id = NEW.session_id AND session.locked_at IS NOT NULL
)"""
LOCKED_ENTRY = """EXISTS (
    SELECT 1 FROM treatment_entry AS entry JOIN treatment_session AS session ON session.id = entry.session_id
    WHERE entry.id = NEW.entry_id AND session.locked_at IS NOT NULL
)"""
DOES_NOT_ADD_UP = """NEW.balance_ug <> NEW.change_ug + COALESCE((
    SELECT before.balance_ug FROM treatment_ledgerentry AS before
    WHERE before.lot_id = NEW.lot_id AND before.sequence = NEW.sequence - 1
), 0) OR (NEW.sequence > 1 AND NOT EXISTS (
    SELECT 1 FROM treatment_ledgerentry AS before
    WHERE before.lot_id = NEW.lot_id AND before.sequence = NEW.sequence - 1
)) OR NEW.sequence < 1"""
CHAIR_TAKEN = """NEW.state NOT IN ('cancelled', 'aborted') AND EXISTS (
    SELECT 1 FROM treatment_session AS other
    WHERE other.chair_id = NEW.chair_id AND other.id <> COALESCE(NEW.id, -1)
      AND other.state NOT IN ('cancelled', 'aborted')
      AND other.starts_at < NEW.ends_at AND NEW.starts_at < other.ends_at
)"""
RECORDS = ("Entry", "GateDecision", "Prescription", "DoseCheck", "Clearance", "DoseEvent", "Discharge")


class Migration(migrations.Migration):
    dependencies = [("treatment", "0001_initial"), ("enrolment", "0002_protect_rows")]

    operations = [
        ProtectRows("Course", mutable=("ended_at", "ended_by", "ended_rule", "ended_because")),
        ProtectRows("Note"),
        ProtectRows("Lot"),
        ProtectRows("LedgerEntry"),
        *(ProtectRows(name) for name in RECORDS),
        ProtectRows("Value"),
        ProtectRows("Alert", mutable=("acknowledged_by", "acknowledged_at", "done", "escalated_at")),
        ProtectRows("AdverseEvent", mutable=("reported_at", "reported_to")),
        ProtectRows("SessionSigned"),
        ProtectRows("Addendum"),
        RefuseWhen("DoseEvent", "dose_needs_consent", NO_CONSENT, "no dose without valid consent"),
        RefuseWhen("DoseEvent", "dose_of_its_patient", NOT_OF_THE_SESSION, "the dose is of another patient"),
        RefuseWhen("DoseEvent", "dose_needs_check", NOT_CHECKED, "no dose that two people have not checked"),
        *(
            RefuseWhen(name, f"{name.lower()}_after_lock", LOCKED, "the session is signed and locked")
            for name in RECORDS
        ),
        RefuseWhen("Value", "value_after_lock", LOCKED_ENTRY, "the session is signed and locked"),
        RefuseWhen("LedgerEntry", "ledger_adds_up", DOES_NOT_ADD_UP, "the balance does not add up"),
        RefuseWhen(
            "Session",
            "chair_taken",
            CHAIR_TAKEN,
            "the chair is taken at that time",
            events=("INSERT", "UPDATE"),
        ),
    ]
