"""How a person obtains rows of enrolment: through the patient they may see for that right."""

from __future__ import annotations

from django.http import Http404

from openkap.care.accounts.actor import Actor
from openkap.care.enrolment.models import Assessment, Consent, Screening
from openkap.care.enrolment.protocols import is_retired
from openkap.care.patients.access import patient_for
from openkap.care.patients.models import Patient
from openkap.care.permissions import Permission


def screening_for(
    by: Actor, patient_uid: str, permission: Permission, *, seen: str = ""
) -> tuple[Patient, Screening | None]:
    """The patient and the screening that is open or was last."""
    patient = patient_for(by, patient_uid, permission, seen=seen)
    return patient, last_screening(patient)


def last_screening(patient: Patient) -> Screening | None:
    """The screening that is open or was last; none under a version that was retired since."""
    last = Screening.objects.filter(patient=patient).order_by("-opened_at", "-id").first()
    if last is not None and is_retired(last.protocol, last.protocol_version):
        return None
    return last


def assessment_for(by: Actor, patient_uid: str, uid: str) -> tuple[Patient, Assessment]:
    """One stored assessment of the patient, with the decision on it."""
    patient = patient_for(by, patient_uid, Permission.SEE_PATIENT, seen="assessment")
    found = (
        Assessment.objects.filter(patient=patient, uid=uid)
        .select_related(
            "assessed_for",
            "decision__decided_by",
            "decision__shared_decision__recorded_by",
            "decision__signature",
        )
        .first()
    )
    if found is None:
        raise Http404("no such assessment of this patient")
    return patient, found


def consent_for(
    by: Actor, patient_uid: str, uid: str, permission: Permission, *, seen: str = ""
) -> tuple[Patient, Consent]:
    """One consent conversation of the patient with its signatures."""
    patient = patient_for(by, patient_uid, permission, seen=seen)
    found = (
        Consent.objects.filter(patient=patient, uid=uid)
        .select_related(
            "text",
            "opened_by",
            "patient_signature__witnessed_by",
            "given__countersignature",
            "withdrawal__told_to",
        )
        .first()
    )
    if found is None:
        raise Http404("no such consent of this patient")
    return patient, found
