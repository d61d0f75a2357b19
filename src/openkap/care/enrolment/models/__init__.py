"""Rows of enrolment: screening and consent.

All of it is added and never changed: an answer is corrected by a newer one, a consent ended by a withdrawal.
"""

from openkap.care.enrolment.models.consent import (
    Capacity,
    ClinicWords,
    Consent,
    ConsentGiven,
    ConsentPart,
    ConsentRelease,
    ConsentText,
    PatientSignature,
    Withdrawal,
)
from openkap.care.enrolment.models.screening import (
    Answer,
    Assessment,
    Decision,
    Screening,
    SharedDecision,
)

__all__ = [
    "Answer",
    "Assessment",
    "Capacity",
    "ClinicWords",
    "Consent",
    "ConsentGiven",
    "ConsentPart",
    "ConsentRelease",
    "ConsentText",
    "Decision",
    "PatientSignature",
    "Screening",
    "SharedDecision",
    "Withdrawal",
]
