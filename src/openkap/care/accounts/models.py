"""Rows about the people who work here. Patients have no account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from openkap.care.append_only import AppendOnly
from openkap.care.ids import new_uid
from openkap.care.permissions import Role


class Clinic(models.Model):
    """One site: what its people see ends at its door."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=60, default="UTC")
    language = models.CharField(max_length=10, default="en")
    is_synthetic = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class StaffManager(BaseUserManager["Staff"]):
    """Finds staff by e-mail, whatever its capitals."""

    def get_by_natural_key(self, username: str | None) -> Staff:
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Staff:
        person = self.model(email=self.normalize_email(email).lower(), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person


class Staff(AbstractBaseUser):
    """A person who works at one or more clinics (FHIR: Practitioner)."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    # Licence or register number: NPI in the US, GMC or NMC in the UK.
    register_number = models.CharField(max_length=40, blank=True)
    telephone = models.CharField(max_length=40, blank=True)
    is_active = models.BooleanField(default=True)
    pin = models.CharField(max_length=128, blank=True)
    failed_attempts = models.PositiveSmallIntegerField(default=0)
    locked_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    # How often all open sessions of this person were ended at once: part of what each session must match.
    sessions_ended = models.PositiveIntegerField(default=0)

    # What the read of a login brought along (``LockingBackend.get_user``); no column.
    roles_read: list[RoleAssignment]

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = ["name"]
    objects = StaffManager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(Lower("email"), name="staff_email_once")]

    def __str__(self) -> str:
        return self.name

    def get_session_auth_hash(self) -> str:
        return self._since_last_end(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        for held in super().get_session_auth_fallback_hash():
            yield self._since_last_end(held)

    def _since_last_end(self, held: str) -> str:
        return f"{held}{self.sessions_ended or ''}"


class RoleAssignment(models.Model):
    """A role somebody plays at a clinic, from one day to another (FHIR: PractitionerRole)."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="assignments")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="assignments")
    role = models.CharField(max_length=12, choices=[(role.value, role.words) for role in Role])
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["staff", "clinic", "role"], condition=Q(until__isnull=True), name="role_held_once"
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("since")), name="role_ends_after_start"
            ),
            models.CheckConstraint(condition=Q(role__in=[role.value for role in Role]), name="role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.uid}"


class Credential(models.Model):
    """A licence, certificate, training hours or supervised cases, as somebody checked them."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="credentials")
    # A key of content/staffing; amount is in the unit that the requirement names there.
    kind = models.CharField(max_length=40)
    amount = models.DecimalField(max_digits=7, decimal_places=1, null=True, blank=True)
    issued_on = models.DateField()
    expires_on = models.DateField(null=True, blank=True)
    evidence = models.CharField(max_length=200)
    checked_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    checked_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_because = models.CharField(max_length=200, blank=True)

    append_only: ClassVar = AppendOnly(mutable=("revoked_at", "revoked_because"))

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(expires_on__isnull=True) | Q(expires_on__gte=F("issued_on")),
                name="credential_expires_after_issue",
            ),
            models.CheckConstraint(
                condition=(Q(revoked_at__isnull=True) & Q(revoked_because=""))
                | (Q(revoked_at__isnull=False) & ~Q(revoked_because="")),
                name="credential_revoked_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"


class BreakGlass(models.Model):
    """An emergency door to one restricted record: reason, time limit, and a review afterwards."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="broken_glass")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    patient_uid = models.CharField(max_length=12)
    reason = models.TextField()
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    reviewed_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    review = models.TextField(blank=True)

    append_only: ClassVar = AppendOnly(mutable=("reviewed_by", "reviewed_at", "review"))

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(reason=""), name="break_glass_has_reason"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("opened_at")), name="break_glass_ends"),
            models.CheckConstraint(
                condition=Q(reviewed_by__isnull=True, reviewed_at__isnull=True)
                | Q(reviewed_by__isnull=False, reviewed_at__isnull=False),
                name="break_glass_review_whole",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["staff", "expires_at"], name="break_glass_open")]

    def __str__(self) -> str:
        return self.uid


class Signature(models.Model):
    """Somebody signed with their password: name, moment, meaning, and what exactly was signed."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="signatures")
    name = models.CharField(max_length=120)
    roles = models.CharField(max_length=120)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    meaning = models.CharField(max_length=200)
    entity = models.CharField(max_length=40)
    entity_uid = models.CharField(max_length=12)
    # SHA-256 of the signed content: the signature is void for any other text.
    fingerprint = models.CharField(max_length=64)
    signed_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(meaning=""), name="signature_has_meaning")
        ]
        indexes: ClassVar = [models.Index(fields=["entity", "entity_uid"], name="signature_of_entity")]

    def __str__(self) -> str:
        return f"{self.meaning} {self.uid}"
