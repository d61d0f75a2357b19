"""Rows of the registry's side of the clinic: who agreed to it, what equity asks, extracts, benchmarks."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from openkap.care.accounts.models import Clinic, Staff
from openkap.care.append_only import AppendOnly
from openkap.care.ids import new_uid
from openkap.care.patients.models import Patient


class RegistryDecision(models.Model):
    """What a patient decided about their pseudonymous data in the registry; the newest counts."""

    class Choice(models.TextChoices):
        GIVEN = "given", "agrees"
        REFUSED = "refused", "does not agree"
        WITHDRAWN = "withdrawn", "has withdrawn"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="registry_decisions")
    choice = models.CharField(max_length=9, choices=Choice.choices)
    # Optional: nobody has to say why.
    said = models.TextField(blank=True)
    decided_at = models.DateTimeField()
    told_to = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(choice__in=["given", "refused", "withdrawn"]), name="registry_choice_is_known"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["patient", "-decided_at"], name="registry_decision_latest")]

    def __str__(self) -> str:
        return f"{self.choice} {self.uid}"


class AccessFact(models.Model):
    """How far the patient comes and who pays: asked for fairness, never for care. The newest counts."""

    class Coverage(models.TextChoices):
        INSURANCE = "insurance", "insurance"
        PUBLIC = "public", "public funding"
        SELF_PAY = "self_pay", "the patient"
        UNKNOWN = "unknown", "not known"

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="access_facts")
    distance_km = models.PositiveIntegerField(null=True, blank=True)
    coverage = models.CharField(max_length=9, choices=Coverage.choices, default=Coverage.UNKNOWN)
    recorded_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(distance_km__isnull=True) | Q(distance_km__lte=20_000),
                name="access_fact_distance_on_earth",
            )
        ]
        indexes: ClassVar = [models.Index(fields=["patient", "-recorded_at"], name="access_fact_latest")]

    def __str__(self) -> str:
        return f"access of {self.patient_id}"


class ExtractRun(models.Model):
    """One extract of one clinic: asked for, begun, and how it ended. One that never ended was killed."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="extract_runs")
    asked_by = models.ForeignKey(Staff, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    asked_at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    # What came of it: the release with its fingerprint, or the reason why there is none.
    release = models.CharField(max_length=40, blank=True)
    data_fingerprint = models.CharField(max_length=64, blank=True)
    # Pseudonyms made with another key do not join: the next extract must be whole.
    key_mark = models.CharField(max_length=16, blank=True)
    is_whole = models.BooleanField(default=True)
    people = models.PositiveIntegerField(default=0)
    without_consent = models.PositiveIntegerField(default=0)
    withdrawn = models.PositiveIntegerField(default=0)
    trouble = models.TextField(blank=True)

    append_only: ClassVar = AppendOnly(
        mutable=(
            *("begun_at", "ended_at", "release", "data_fingerprint", "key_mark", "is_whole"),
            *("people", "without_consent", "withdrawn", "trouble"),
        )
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, release="", trouble="")
                | (Q(ended_at__isnull=False, begun_at__isnull=False) & (~Q(release="") | ~Q(trouble=""))),
                name="extract_run_ended_somehow",
            )
        ]
        indexes: ClassVar = [models.Index(fields=["clinic", "-asked_at"], name="extract_run_latest")]

    def __str__(self) -> str:
        return self.uid


class BenchmarkRun(models.Model):
    """Our results beside the trials at one time, with everything that went into the sentence."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="benchmark_runs")
    window = models.CharField(max_length=20)
    data_fingerprint = models.CharField(max_length=64)
    evidence_fingerprint = models.CharField(max_length=64)
    plan_fingerprint = models.CharField(max_length=64)
    definitions_fingerprint = models.CharField(max_length=64)
    verdict = models.CharField(max_length=12)
    # Canonical JSON of the whole comparison: aggregates only.
    snapshot = models.TextField()
    made_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=[
                    *("clinic", "window", "data_fingerprint", "evidence_fingerprint", "plan_fingerprint"),
                    "definitions_fingerprint",
                ],
                name="benchmark_run_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.window} {self.verdict} {self.uid}"
