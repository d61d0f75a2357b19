"""Rows of the live session beside the record itself: who looks on, photographs, what came late, practice."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from openkap.care.accounts.models import Clinic, Staff
from openkap.care.append_only import AppendOnly
from openkap.care.ids import new_uid
from openkap.care.treatment.models import Alert, Session
from openkap.care.treatment.models.record import Recorded


class Screen(models.Model):
    """A tablet or wall display that has a session open: when it was last heard of, and how its clock runs."""

    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="screens")
    device = models.CharField(max_length=40)
    name = models.CharField(max_length=60, blank=True)
    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    seen_at = models.DateTimeField()
    # By how many milliseconds its clock is ahead of the server's, as the device itself measured.
    ahead_ms = models.BigIntegerField(default=0)
    # Entries that wait on it, by its own account.
    waiting = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "device"], name="screen_once_a_session")
        ]

    def __str__(self) -> str:
        return self.device


class Photo(Recorded):
    """A photograph of the monitor, shrunk on the tablet; a row without a picture crosses one out."""

    image = models.BinaryField()
    media_type = models.CharField(max_length=20)
    about = models.CharField(max_length=200, blank=True)
    # Of the bytes as they arrived; null where it was kept before hashes were.
    sha256 = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001

    append_only: ClassVar = AppendOnly()

    class Meta(Recorded.Meta):
        constraints: ClassVar = [
            *Recorded.Meta.constraints,
            models.CheckConstraint(
                condition=Q(corrects__isnull=True) ^ Q(media_type=""), name="photo_or_crossed_out"
            ),
        ]


class AlertAnswer(Recorded):
    """The answer to an alert as a tablet sent it: when it was given there, and when it reached the server."""

    alert = models.OneToOneField(Alert, on_delete=models.PROTECT, related_name="answer")

    append_only: ClassVar = AppendOnly()

    class Meta(Recorded.Meta):
        constraints: ClassVar = [*Recorded.Meta.constraints]


class LateEntry(Recorded):
    """What a tablet still held when the record was signed: beside the record, not under the signature."""

    act = models.CharField(max_length=20)
    # As the tablet sent it, photographs included.
    payload = models.TextField()
    words = models.TextField()

    append_only: ClassVar = AppendOnly()

    class Meta(Recorded.Meta):
        constraints: ClassVar = [*Recorded.Meta.constraints]


class Practice(models.Model):
    """One run of a practice scenario on a simulated patient. No patient's record is touched."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="practices")
    scenario = models.CharField(max_length=60)
    version = models.CharField(max_length=20)
    fingerprint = models.CharField(max_length=64)
    seed = models.PositiveIntegerField()
    # How many minutes of the session pass in one minute of the room.
    speed = models.PositiveSmallIntegerField()
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    has_passed = models.BooleanField(null=True, blank=True)
    # The debrief as data, when it has ended.
    debrief = models.TextField(blank=True)

    append_only: ClassVar = AppendOnly(mutable=("ended_at", "has_passed", "debrief"))

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, has_passed__isnull=True, debrief="")
                | (Q(ended_at__isnull=False, has_passed__isnull=False) & ~Q(debrief="")),
                name="practice_ended_whole",
            )
        ]

    def __str__(self) -> str:
        return f"{self.scenario} {self.uid}"


class PracticeEntry(models.Model):
    """What was entered in a practice run, as the page sent it."""

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="entries")
    client_id = models.CharField(max_length=36)
    act = models.CharField(max_length=20)
    payload = models.TextField()
    # On the clock of the practised session.
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "client_id"], name="practice_entry_once")
        ]

    def __str__(self) -> str:
        return self.client_id
