"""Marks of screening and consent on the patient's timeline."""

from __future__ import annotations

from django.urls import reverse

from openkap.care.contributions import TimelineEvent
from openkap.care.enrolment.models import ConsentGiven, Decision, Withdrawal


def events(patient_ids: list[int]) -> list[TimelineEvent]:
    """Decisions, consents and withdrawals."""
    found: list[TimelineEvent] = []
    for row in Decision.objects.filter(patient_id__in=patient_ids).select_related("patient", "assessment"):
        url = reverse("assessment", args=[row.patient.uid, row.assessment.uid])
        tone = "alarm" if row.outcome == Decision.Outcome.NOT_ELIGIBLE else "plain"
        said = "against the verdict" if row.is_override else ""
        found.append(
            TimelineEvent(row.decided_at, "decision", row.get_outcome_display().capitalize(), url, said, tone)
        )
    given = ConsentGiven.objects.filter(patient_id__in=patient_ids).select_related(
        "consent", "patient", "text"
    )
    for each in given:
        url = reverse("consent", args=[each.patient.uid, each.consent.uid])
        found.append(
            TimelineEvent(
                each.valid_from, "consent", f"Consent signed, version {each.text.full_version}", url
            )
        )
    for ended in Withdrawal.objects.filter(consent__patient_id__in=patient_ids):
        found.append(TimelineEvent(ended.withdrawn_at, "consent", "Consent withdrawn", tone="alarm"))
    return found
