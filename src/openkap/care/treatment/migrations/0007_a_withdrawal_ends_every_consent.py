"""A dose asks for a consent that no withdrawal of the person has followed, and whose capacity nobody doubts."""

from django.db import migrations

from openkap.care.database_guards import RefuseWhen

# A start is refused unless, at that moment, a countersigned consent of this patient was in force. What the
# person withdrew, or could not decide, under a record that was merged into this one holds here too.
NO_CONSENT = """NEW.kind IN ('start', 'resume') AND NOT EXISTS (
    SELECT 1 FROM enrolment_consentgiven AS given
    JOIN enrolment_patientsignature AS signed ON signed.id = given.patient_signature_id
    JOIN patients_patient AS patient ON patient.id = given.patient_id
    JOIN enrolment_consentrelease AS released
      ON released.text_id = given.text_id AND released.clinic_id = patient.clinic_id
    WHERE given.patient_id = NEW.patient_id
      AND given.valid_from <= NEW.observed_at AND given.expires_at > NEW.observed_at
      AND (released.superseded_at IS NULL OR released.superseded_at > NEW.observed_at)
      AND NOT EXISTS (
        SELECT 1 FROM enrolment_withdrawal AS withdrawn
        JOIN enrolment_consent AS consent ON consent.id = withdrawn.consent_id
        JOIN patients_patient AS record ON record.id = consent.patient_id
        WHERE (record.id = NEW.patient_id OR record.merged_into_id = NEW.patient_id)
          AND withdrawn.withdrawn_at >= signed.signed_at AND withdrawn.withdrawn_at <= NEW.observed_at
      )
      AND NOT EXISTS (
        SELECT 1 FROM enrolment_capacity AS look
        WHERE look.id = (
            SELECT MAX(found.id) FROM enrolment_capacity AS found
            JOIN enrolment_consent AS consent ON consent.id = found.consent_id
            JOIN patients_patient AS record ON record.id = consent.patient_id
            WHERE (record.id = NEW.patient_id OR record.merged_into_id = NEW.patient_id)
              AND found.assessed_at <= NEW.observed_at
          )
          AND NOT (look.understands AND look.retains AND look.weighs AND look.communicates)
      )
)"""


class Migration(migrations.Migration):
    dependencies = [("treatment", "0006_amounts_corrected"), ("enrolment", "0005_withdrawal")]

    operations = [
        RefuseWhen("DoseEvent", "dose_needs_consent", NO_CONSENT, "no dose without valid consent"),
    ]
