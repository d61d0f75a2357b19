"""Rows of the plan: a course, its sessions and therapy visits, what is due, and the therapist's notes."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from openkap.care.accounts.models import Clinic, Staff
from openkap.care.append_only import AppendOnly
from openkap.care.ids import new_uid
from openkap.care.patients.models import Patient


class Chair(models.Model):
    """A place where somebody is treated (FHIR: Location)."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="chairs")
    name = models.CharField(max_length=60)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["clinic", "name"], name="chair_name_once_a_clinic")
        ]

    def __str__(self) -> str:
        return self.name


class Course(models.Model):
    """A course under one protocol (FHIR: CarePlan); none without a therapy plan or a reason."""

    class Kind(models.TextChoices):
        ACUTE = "acute", "acute course"
        MAINTENANCE = "maintenance", "maintenance"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="courses")
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.ACUTE)
    protocol = models.CharField(max_length=60)
    protocol_version = models.CharField(max_length=20)
    protocol_fingerprint = models.CharField(max_length=64)
    # The protocol's own course, such as six-in-two-weeks.
    pattern = models.CharField(max_length=60)
    # The trauma-focused therapy the course serves, and who gives it.
    modality = models.CharField(max_length=20, blank=True)
    therapist = models.ForeignKey(Staff, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    no_therapy_because = models.TextField(blank=True)
    prescriber = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    planned_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    planned_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(Staff, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    # A rule of the protocol (STOP-3) or "complete", and the words for it.
    ended_rule = models.CharField(max_length=20, blank=True)
    ended_because = models.TextField(blank=True)

    append_only: ClassVar = AppendOnly(mutable=("ended_at", "ended_by", "ended_rule", "ended_because"))

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=(~Q(modality="") & Q(therapist__isnull=False)) | ~Q(no_therapy_because=""),
                name="course_has_therapy_or_reason",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True, ended_because="")
                | (Q(ended_at__isnull=False, ended_by__isnull=False) & ~Q(ended_because="")),
                name="course_ended_whole",
            ),
            models.UniqueConstraint(
                fields=["patient"], condition=Q(ended_at__isnull=True), name="course_one_running"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pattern} {self.uid}"


class MaintenancePlan(models.Model):
    """What was written down before maintenance began: response, plan and end (MR-1)."""

    course = models.OneToOneField(Course, on_delete=models.PROTECT, related_name="maintenance")
    response = models.TextField()
    plan = models.TextField()
    ends_on = models.DateField()
    written_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(response="") & ~Q(plan=""), name="maintenance_plan_whole")
        ]

    def __str__(self) -> str:
        return f"maintenance until {self.ends_on}"


class Session(models.Model):
    """One dosing session: when, where, with whom, and how far it is (FHIR: Encounter)."""

    class State(models.TextChoices):
        PLANNED = "planned", "planned"
        ARRIVED = "arrived", "arrived"
        CLEARED = "cleared", "cleared for the dose"
        DOSING = "dosing", "dosing"
        RECOVERY = "recovery", "recovery"
        LEFT = "left", "went home"
        ABORTED = "aborted", "no dose that day"
        CANCELLED = "cancelled", "cancelled"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="sessions")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="sessions")
    number = models.PositiveSmallIntegerField()
    chair = models.ForeignKey(Chair, on_delete=models.PROTECT, related_name="sessions")
    prescriber = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    nurse = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)
    state_because = models.TextField(blank=True)
    # Whether the patient was there; null until they are received or somebody says that they did not come.
    came = models.BooleanField(null=True)
    locked_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["course", "number"], name="session_number_once_a_course"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="session_ends_after_start"),
            models.CheckConstraint(
                condition=~Q(state__in=["cancelled", "aborted"]) | ~Q(state_because=""),
                name="session_given_up_with_reason",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["chair", "starts_at"], name="session_by_chair"),
            models.Index(fields=["patient", "starts_at"], name="session_by_patient"),
            models.Index(fields=["state", "starts_at"], name="session_by_state"),
        ]

    def __str__(self) -> str:
        return f"session {self.number} {self.uid}"


class Visit(models.Model):
    """One psychotherapy visit of a course; an integration visit belongs to a session and its window."""

    class Kind(models.TextChoices):
        PREPARATION = "preparation", "preparation"
        DOSING_DAY = "dosing_day", "dosing day"
        INTEGRATION = "integration", "integration"
        TRAUMA = "trauma_focused", "trauma-focused therapy"

    class State(models.TextChoices):
        PLANNED = "planned", "planned"
        DONE = "done", "done"
        MISSED = "missed", "missed"
        CANCELLED = "cancelled", "cancelled"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="visits")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="visits")
    session = models.ForeignKey(
        Session, on_delete=models.PROTECT, null=True, blank=True, related_name="visits"
    )
    kind = models.CharField(max_length=14, choices=Kind.choices)
    number = models.PositiveSmallIntegerField()
    therapist = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="therapy_visits")
    starts_at = models.DateTimeField()
    minutes = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.PLANNED)
    state_because = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(kind__in=["integration", "dosing_day"]) | Q(session__isnull=False),
                name="visit_of_a_session",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["missed", "cancelled"]) | ~Q(state_because=""),
                name="visit_given_up_with_reason",
            ),
            models.UniqueConstraint(fields=["course", "kind", "number"], name="visit_number_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["therapist", "starts_at"], name="visit_by_therapist")]

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"


class DueItem(models.Model):
    """A measure, a test or a contact that the plan asks for, with its day."""

    class Kind(models.TextChoices):
        MEASURE = "measure", "measure"
        TEST = "test", "test"
        CONTACT = "contact", "contact"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="due_items")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="due_items")
    session = models.ForeignKey(
        Session, on_delete=models.PROTECT, null=True, blank=True, related_name="due_items"
    )
    kind = models.CharField(max_length=7, choices=Kind.choices)
    what = models.CharField(max_length=120)
    when = models.CharField(max_length=80)
    due_at = models.DateTimeField()
    # When it was done, or was ended without being done: then it says why.
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(Staff, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    note = models.CharField(max_length=200, blank=True)
    not_done_because = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(not_done_because="") | Q(done_at__isnull=False), name="due_item_not_done_is_ended"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["patient", "due_at"], name="due_by_patient")]

    def __str__(self) -> str:
        return f"{self.what} {self.uid}"


class Replanning(models.Model):
    """What became of a session that ended without a dose: another in its place, or none, with the reason."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    session = models.OneToOneField(Session, on_delete=models.PROTECT, related_name="replanning")
    in_its_place = models.OneToOneField(
        Session, on_delete=models.PROTECT, null=True, blank=True, related_name="stands_for"
    )
    reason = models.TextField(blank=True)
    decided_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(in_its_place__isnull=False) | ~Q(reason=""), name="replanning_none_has_reason"
            ),
            models.CheckConstraint(
                condition=Q(in_its_place__isnull=True) | ~Q(in_its_place=F("session")),
                name="replanning_by_another_session",
            ),
        ]

    def __str__(self) -> str:
        return self.uid


class Note(models.Model):
    """A therapist's note on a visit; a correction is a new note that names the old one."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="notes")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="therapy_notes")
    modality = models.CharField(max_length=20)
    minutes = models.PositiveSmallIntegerField()
    text = models.TextField()
    # Checklist item -> yes, no or not_this_time; which checklist, as it was.
    fidelity = models.JSONField(default=dict)
    checklist = models.CharField(max_length=80)
    written_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()
    corrects = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrected_by"
    )
    reason = models.TextField(blank=True)

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(corrects__isnull=True) | ~Q(reason=""), name="note_corrected_with_reason"
            ),
            models.CheckConstraint(condition=~Q(text=""), name="note_says_something"),
            models.CheckConstraint(condition=Q(minutes__gte=1), name="note_has_minutes"),
        ]

    def __str__(self) -> str:
        return self.uid
