"""Rows of outcomes: who was asked what and when, each answer, what it scored, and who was called about it.

Answers, scores and calls are added and never changed; an invitation or a call carries the few marks that do.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from openkap.care.accounts.models import Staff
from openkap.care.append_only import AppendOnly
from openkap.care.ids import new_uid
from openkap.care.jobs import Claimable
from openkap.care.patients.models import Patient


class Invitation(Claimable):
    """A request to answer one or more forms by a day (FHIR: Task that asks for QuestionnaireResponses)."""

    class Gap(models.TextChoices):
        NO_ANSWER = "no_answer", "not answered in time"
        MISSED_VISIT = "missed_visit", "visit missed"
        UNREACHABLE = "unreachable", "no way to reach them"
        DECLINED = "declined", "declined to answer"
        ENDED = "ended", "treatment ended before it was due"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="invitations")
    occasion = models.CharField(max_length=40)
    # The public id of the course or session it belongs to; empty when the clinic asked by itself.
    about_uid = models.CharField(max_length=12, blank=True)
    due_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    created_by = models.ForeignKey(Staff, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()
    # How many links were made; each opens the questions until it ends.
    link_number = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    gap = models.CharField(max_length=12, choices=Gap.choices, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["patient", "occasion", "about_uid"],
                condition=~Q(about_uid=""),
                name="invitation_once_an_occasion",
            ),
            models.CheckConstraint(
                condition=Q(closes_at__gt=F("due_at")), name="invitation_closes_after_due"
            ),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True) | Q(closed_at__isnull=True),
                name="invitation_finished_or_closed",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, gap="") | (Q(closed_at__isnull=False) & ~Q(gap="")),
                name="invitation_gap_has_reason",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["patient", "due_at"], name="invitation_of_patient"),
            models.Index(
                fields=["due_at"],
                condition=Q(finished_at__isnull=True, closed_at__isnull=True),
                name="invitation_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.occasion} {self.uid}"


class Form(models.Model):
    """One instrument to be answered once (FHIR: QuestionnaireResponse)."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    invitation = models.ForeignKey(Invitation, on_delete=models.PROTECT, related_name="forms")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="forms")
    instrument = models.CharField(max_length=40)
    instrument_version = models.CharField(max_length=20)
    instrument_fingerprint = models.CharField(max_length=64)
    position = models.PositiveSmallIntegerField()
    finished_at = models.DateTimeField(null=True, blank=True)
    voided_at = models.DateTimeField(null=True, blank=True)
    voided_by = models.ForeignKey(Staff, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    voided_because = models.TextField(blank=True)

    append_only: ClassVar = AppendOnly(mutable=("finished_at", "voided_at", "voided_by", "voided_because"))

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["invitation", "instrument"], name="form_once_an_invitation"),
            models.CheckConstraint(
                condition=Q(voided_at__isnull=True, voided_by__isnull=True, voided_because="")
                | (Q(voided_at__isnull=False, voided_by__isnull=False) & ~Q(voided_because="")),
                name="form_voided_with_reason",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["patient", "instrument", "finished_at"], name="form_of_patient")
        ]

    def __str__(self) -> str:
        return f"{self.instrument} {self.uid}"


class ItemAnswer(models.Model):
    """One tap on one item. ``value`` null takes an answer back; the latest ``answered_at`` counts."""

    form = models.ForeignKey(Form, on_delete=models.PROTECT, related_name="answers")
    item = models.CharField(max_length=20)
    value = models.SmallIntegerField(null=True, blank=True)
    # Made by the browser, so that an answer sent twice is stored once.
    client_id = models.CharField(max_length=40)
    answered_at = models.DateTimeField()
    received_at = models.DateTimeField()
    # Empty: the patient.
    entered_by = models.ForeignKey(Staff, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["form", "client_id"], name="item_answer_once"),
            models.CheckConstraint(condition=~Q(client_id=""), name="item_answer_has_client_id"),
        ]
        indexes: ClassVar = [models.Index(fields=["form", "item", "answered_at"], name="item_answer_latest")]

    def __str__(self) -> str:
        return f"{self.item} of {self.form_id}"


class FormScore(models.Model):
    """What a finished form scored, by which version of the instrument (FHIR: Observation)."""

    form = models.OneToOneField(Form, on_delete=models.PROTECT, related_name="score")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="scores")
    instrument = models.CharField(max_length=40)
    instrument_version = models.CharField(max_length=20)
    instrument_fingerprint = models.CharField(max_length=64)
    total = models.DecimalField(max_digits=8, decimal_places=3, null=True, blank=True)
    # Value of each scale by its id, text so that it stays exact; null where it could not be scored.
    scales = models.JSONField()
    missing = models.JSONField()
    # When it was answered: what the time axis shows.
    at = models.DateTimeField()
    scored_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["patient", "instrument", "at"], name="score_of_patient")]

    def __str__(self) -> str:
        return f"score of {self.form_id}"


class SafetySignal(Claimable):
    """An answer that a person must see now (FHIR: DetectedIssue)."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="safety_signals")
    form = models.ForeignKey(Form, on_delete=models.PROTECT, related_name="safety_signals")
    rule = models.CharField(max_length=40)
    items = models.JSONField()
    say = models.TextField()
    # What was answered when it was raised: a later answer may say less, and calls again when it says more.
    answers = models.JSONField(default=dict)
    raised_at = models.DateTimeField()
    level = models.PositiveSmallIntegerField(default=0)
    escalate_at = models.DateTimeField()
    # Since when everybody who is named has been called: the same people are called again.
    all_called_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        Staff, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(Staff, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    what_was_done = models.TextField(blank=True)

    append_only: ClassVar = AppendOnly(
        mutable=(
            *("level", "escalate_at", "all_called_at", "acknowledged_by", "acknowledged_at"),
            *("closed_by", "closed_at", "what_was_done", "claimed_by", "claimed_until", "attempts"),
        )
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(acknowledged_at__isnull=True, acknowledged_by__isnull=True)
                | Q(acknowledged_at__isnull=False, acknowledged_by__isnull=False),
                name="safety_signal_acknowledged_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_by__isnull=True, what_was_done="")
                | (Q(closed_at__isnull=False, closed_by__isnull=False) & ~Q(what_was_done="")),
                name="safety_signal_closed_with_words",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["escalate_at"], condition=Q(acknowledged_at__isnull=True), name="safety_signal_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.uid}"


class Call(models.Model):
    """One named person called about one signal."""

    signal = models.ForeignKey(SafetySignal, on_delete=models.PROTECT, related_name="calls")
    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="calls")
    level = models.PositiveSmallIntegerField()
    called_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["signal", "called_at"], name="call_of_signal")]

    def __str__(self) -> str:
        return f"call for {self.signal_id}"


class Turn(models.Model):
    """The course of symptoms took a named turn on a reading: response, remission, relapse."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="turns")
    kind = models.CharField(max_length=12)
    # The named definition of the instrument's content, and the numbers it saw.
    definition = models.CharField(max_length=40)
    # Part of what makes a turn unique: when it is voided, the same reading is judged against another one.
    before = models.ForeignKey(FormScore, on_delete=models.PROTECT, related_name="+")
    score = models.ForeignKey(FormScore, on_delete=models.PROTECT, related_name="turns")
    at = models.DateTimeField()
    seen_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["score", "kind", "before"], name="turn_once_a_reading")
        ]
        indexes: ClassVar = [models.Index(fields=["patient", "at"], name="turn_of_patient")]

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"


class MaintenanceProposal(models.Model):
    """Symptoms came back: maintenance is proposed to a named prescriber, who decides with a reason."""

    class Decision(models.TextChoices):
        PLAN = "plan", "plan maintenance with the patient"
        OTHER = "other", "another treatment or a change of therapy"
        WATCH = "watch", "watch and measure again"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="maintenance_proposals")
    turn = models.OneToOneField(Turn, on_delete=models.PROTECT, related_name="proposal")
    made_at = models.DateTimeField()
    decision = models.CharField(max_length=8, choices=Decision.choices, blank=True)
    reason = models.TextField(blank=True)
    decided_by = models.ForeignKey(Staff, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    append_only: ClassVar = AppendOnly(mutable=("decision", "reason", "decided_by", "decided_at"))

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True, decided_by__isnull=True, decision="", reason="")
                | (Q(decided_at__isnull=False, decided_by__isnull=False) & ~Q(decision="") & ~Q(reason="")),
                name="maintenance_decided_whole",
            )
        ]

    def __str__(self) -> str:
        return self.uid
