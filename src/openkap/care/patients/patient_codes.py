"""The auditor asks for a patient by the code on the chart: a pseudonym, never a name."""

from __future__ import annotations

from openkap.care.patients.models import Patient


def uid_of(clinic_uid: str, code: str) -> str:
    """The id behind a code of that clinic; empty when there is none."""
    return (
        Patient.objects.filter(clinic__uid=clinic_uid, code__iexact=code)
        .values_list("uid", flat=True)
        .first()
        or ""
    )
