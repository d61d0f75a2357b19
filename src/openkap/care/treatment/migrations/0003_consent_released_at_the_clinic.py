"""A dose asks for a consent whose text the patient's own clinic has released."""

from django.db import migrations

from openkap.care.database_guards import RefuseWhen

# A start is refused unless, at that moment, a countersigned consent of this patient was in force.
NO_CONSENT = """NEW.kind = 'start' AND NOT EXISTS (
    SELECT 1 FROM enrolment_consentgiven AS given
    JOIN patients_patient AS patient ON patient.id = given.patient_id
    JOIN enrolment_consentrelease AS released
      ON released.text_id = given.text_id AND released.clinic_id = patient.clinic_id
    LEFT JOIN enrolment_consentwithdrawn AS withdrawn ON withdrawn.given_id = given.id
    WHERE given.patient_id = NEW.patient_id
      AND given.valid_from <= NEW.observed_at AND given.expires_at > NEW.observed_at
      AND (withdrawn.id IS NULL OR withdrawn.withdrawn_at > NEW.observed_at)
      AND (released.superseded_at IS NULL OR released.superseded_at > NEW.observed_at)
)"""


class Migration(migrations.Migration):
    dependencies = [("treatment", "0002_protect_rows"), ("enrolment", "0003_consent_release")]

    operations = [
        RefuseWhen("DoseEvent", "dose_needs_consent", NO_CONSENT, "no dose without valid consent"),
    ]
