"""What was answered, what the system concluded from it, and what people decided."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from openkap.care.accounts.models import Signature, Staff
from openkap.care.append_only import AppendOnly
from openkap.care.ids import new_uid
from openkap.care.patients.models import Patient


class Screening(models.Model):
    """One pass through the questions of one protocol (FHIR: EpisodeOfCare opened by a referral)."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="screenings")
    protocol = models.CharField(max_length=60)
    protocol_version = models.CharField(max_length=20)
    opened_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["patient", "-opened_at"], name="screening_latest")]

    def __str__(self) -> str:
        return f"{self.protocol} {self.uid}"


class Answer(models.Model):
    """One answer to one question (FHIR: Observation or QuestionnaireResponse.item).

    ``value`` is the text the dictionary of elements reads, or a list of texts for findings; an answer taken
    back is a row with ``is_known`` false. The newest row of an element counts.
    """

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="answers")
    element = models.CharField(max_length=80)
    value = models.JSONField()
    is_known = models.BooleanField(default=True)
    is_confirmed = models.BooleanField(default=False)
    observed_at = models.DateTimeField()
    origin = models.CharField(max_length=120)
    answered_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField()
    corrects = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrected_by"
    )

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(corrects__isnull=True) | ~Q(corrects=F("id")), name="answer_not_of_itself"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["patient", "element", "id"], name="answer_latest")]

    def __str__(self) -> str:
        return f"{self.element} {self.uid}"


class Assessment(models.Model):
    """What the system concluded and everything it saw, as text that is shown again as it was."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="assessments")
    screening = models.ForeignKey(Screening, on_delete=models.PROTECT, related_name="assessments")
    protocol = models.CharField(max_length=60)
    protocol_version = models.CharField(max_length=20)
    protocol_fingerprint = models.CharField(max_length=64)
    verdict = models.CharField(max_length=30)
    # Canonical JSON: facts, reasons with sources, what was missing, the guideline notice.
    snapshot = models.TextField()
    fingerprint = models.CharField(max_length=64)
    assessed_at = models.DateTimeField()
    assessed_for = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")

    append_only: ClassVar = AppendOnly()

    def __str__(self) -> str:
        return f"{self.verdict} {self.uid}"


class SharedDecision(models.Model):
    """What patient and clinician decided together after the guideline notice was shown."""

    class Wish(models.TextChoices):
        GO_ON = "go_on", "go on with ketamine treatment"
        OTHER = "other", "another treatment first"
        TIME = "time", "more time to decide"
        NO = "no", "no ketamine treatment"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="shared_decisions")
    screening = models.ForeignKey(Screening, on_delete=models.PROTECT, related_name="shared_decisions")
    # The guideline positions that were on the screen.
    notice = models.TextField()
    alternatives = models.JSONField()
    wish = models.CharField(max_length=6, choices=Wish.choices)
    patient_said = models.TextField()
    recorded_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(patient_said=""), name="shared_decision_in_their_words")
        ]

    def __str__(self) -> str:
        return f"{self.wish} {self.uid}"


class Decision(models.Model):
    """The named prescriber's decision on an assessment; against it only with a reason."""

    class Outcome(models.TextChoices):
        ELIGIBLE = "eligible", "eligible"
        REVIEWED = "eligible_with_review_signed", "eligible after signed review"
        NOT_ELIGIBLE = "not_eligible", "not eligible"
        WAIT = "wait", "wait and check again"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="decisions")
    assessment = models.OneToOneField(Assessment, on_delete=models.PROTECT, related_name="decision")
    shared_decision = models.ForeignKey(
        SharedDecision, on_delete=models.PROTECT, null=True, blank=True, related_name="decisions"
    )
    outcome = models.CharField(max_length=30, choices=Outcome.choices)
    is_override = models.BooleanField()
    reason = models.TextField(blank=True)
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, related_name="+")
    decided_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(is_override=False) | ~Q(reason=""), name="decision_override_has_reason"
            ),
            models.CheckConstraint(
                condition=~Q(outcome="eligible_with_review_signed") | ~Q(reason=""),
                name="decision_review_has_reason",
            ),
            models.CheckConstraint(
                condition=~Q(outcome__in=["eligible", "eligible_with_review_signed"])
                | Q(shared_decision__isnull=False),
                name="decision_shared_before_treatment",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["patient", "-decided_at"], name="decision_latest")]

    def __str__(self) -> str:
        return f"{self.outcome} {self.uid}"
