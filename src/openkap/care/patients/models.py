"""Rows about patients. ``Patient`` is the pseudonym that clinical rows point at; ``Identity`` is the person.

Erasing an identity leaves lawful clinical rows that name nobody.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from openkap.care.accounts.models import Clinic, Staff
from openkap.care.append_only import AppendOnly
from openkap.care.ids import new_code, new_uid


class Patient(models.Model):
    """A pseudonym at one clinic. Names, dates of birth and addresses are not here."""

    class Status(models.TextChoices):
        REFERRED = "referred", "referred"
        SCREENING = "screening", "in screening"
        ELIGIBLE = "eligible", "eligible"
        IN_COURSE = "in_course", "in a course"
        MAINTENANCE = "maintenance", "in maintenance"
        FOLLOW_UP = "follow_up", "in follow-up"
        CLOSED = "closed", "closed"
        MERGED = "merged", "merged into another record"

    class Sex(models.TextChoices):
        FEMALE = "female", "female"
        MALE = "male", "male"
        OTHER = "other", "other"
        UNKNOWN = "unknown", "not known"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    code = models.CharField(max_length=7, default=new_code, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="patients")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.REFERRED)
    # What statistics need without the identity.
    birth_year = models.PositiveSmallIntegerField(null=True, blank=True)
    sex = models.CharField(max_length=8, choices=Sex.choices, default=Sex.UNKNOWN)
    is_veteran = models.BooleanField(null=True, blank=True)
    # Only the care team may open the chart; others break the glass.
    is_restricted = models.BooleanField(default=False)
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="absorbed"
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["clinic", "code"], name="patient_code_once_a_clinic"),
            models.CheckConstraint(
                condition=Q(status="merged", merged_into__isnull=False)
                | (~Q(status="merged") & Q(merged_into__isnull=True)),
                name="patient_merged_into_somebody",
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | ~Q(merged_into=F("id")),
                name="patient_not_merged_into_self",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["clinic", "status"], name="patient_by_status")]

    def __str__(self) -> str:
        return self.code


class Identity(models.Model):
    """The person behind a pseudonym; the only table with names, dates of birth, addresses and numbers."""

    patient = models.OneToOneField(Patient, on_delete=models.PROTECT, related_name="identity")
    family_name = models.CharField(max_length=120)
    given_name = models.CharField(max_length=120)
    preferred_name = models.CharField(max_length=120, blank=True)
    # Family and given name without accents and capitals, for finding.
    search_name = models.CharField(max_length=260)
    birth_date = models.DateField(null=True, blank=True)
    gender = models.CharField(max_length=40, blank=True)
    pronouns = models.CharField(max_length=40, blank=True)
    # Empty, and neither yes nor no: nobody has asked yet.
    language = models.CharField(max_length=10, blank=True)
    needs_interpreter = models.BooleanField(null=True, blank=True)
    email = models.EmailField(blank=True)
    telephone = models.CharField(max_length=40, blank=True)
    may_text = models.BooleanField(default=False)
    address = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    # Since then nothing of the person is here, and nothing is entered any more.
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["search_name"], name="identity_by_name"),
            models.Index(fields=["birth_date"], name="identity_by_birth_date"),
        ]

    def __str__(self) -> str:
        return f"identity of {self.patient_id}"


class Identifier(models.Model):
    """A number by which another system knows the patient (FHIR: system and value)."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="identifiers")
    system = models.CharField(max_length=200)
    value = models.CharField(max_length=120)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["patient", "system", "value"], name="identifier_once_a_patient")
        ]
        indexes: ClassVar = [models.Index(fields=["system", "value"], name="identifier_lookup")]

    def __str__(self) -> str:
        return f"{self.system} of {self.patient_id}"


class Referral(models.Model):
    """How the patient came: by form or by a bundle, kept as it arrived."""

    class By(models.TextChoices):
        FORM = "form", "form"
        FHIR = "fhir", "FHIR bundle"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="referrals")
    by = models.CharField(max_length=4, choices=By.choices)
    received_at = models.DateTimeField()
    received_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    referrer = models.CharField(max_length=200, blank=True)
    reason = models.TextField(blank=True)
    # The bundle as uploaded, and its SHA-256; facts in it go to screening as suggestions with this origin.
    document = models.TextField(blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True)

    # Only a confirmed erasure empties the document: a trigger of its own sees to that.
    append_only: ClassVar = AppendOnly(mutable=("document", "erased_at"))

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(by="form", document="", fingerprint="")
                | (Q(by="fhir") & (~Q(document="") | Q(erased_at__isnull=False)) & ~Q(fingerprint="")),
                name="referral_bundle_kept",
            )
        ]

    def __str__(self) -> str:
        return self.uid


class ReferralWarning(models.Model):
    """What an uploaded referral warns of, said at once and not confirmed until somebody here has looked."""

    class Kind(models.TextChoices):
        DRUG = "drug", "allergy to the drug"
        ALLERGY = "allergy", "allergy"
        FLAG = "flag", "flag"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    referral = models.ForeignKey(Referral, on_delete=models.PROTECT, related_name="warnings")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="warnings")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    words = models.CharField(max_length=120, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    looked_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    holds = models.BooleanField(null=True, blank=True)
    because = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind="drug", words="") | (~Q(kind="drug") & ~Q(words="")),
                name="referral_warning_says_what",
            ),
            models.CheckConstraint(
                condition=Q(looked_at__isnull=True, looked_by__isnull=True, holds__isnull=True, because="")
                | (Q(looked_at__isnull=False, looked_by__isnull=False, holds__isnull=False) & ~Q(because="")),
                name="referral_warning_looked_at_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.patient_id}"


class IncomingReferral(models.Model):
    """A bundle somebody uploaded and has not made a record of yet; deleted when nobody does."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    document = models.TextField()
    fingerprint = models.CharField(max_length=64)
    file_name = models.CharField(max_length=200, blank=True)
    uploaded_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["clinic", "fingerprint"], name="incoming_once_a_clinic")
        ]

    def __str__(self) -> str:
        return self.uid


class Contact(models.Model):
    """Somebody around the patient: emergency contact, escort home, carer (FHIR: Patient.contact)."""

    class Kind(models.TextChoices):
        EMERGENCY = "emergency", "emergency contact"
        ESCORT = "escort", "escort home"
        CARER = "carer", "carer"
        CLINICIAN = "clinician", "outside clinician"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="contacts")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    name = models.CharField(max_length=120)
    relation = models.CharField(max_length=60, blank=True)
    # Of a record that gives several: all of them. Empty where a referral named none: it is asked for.
    telephone = models.CharField(max_length=120, blank=True)
    # Whether this person may be told that the patient is treated here; not asked yet counts as no.
    may_be_told = models.BooleanField(null=True, blank=True)
    added_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"


class ContactPoint(models.Model):
    """Another telephone, e-mail or address of the person, beside the one in use (FHIR: ContactPoint)."""

    class Kind(models.TextChoices):
        TELEPHONE = "telephone", "telephone"
        EMAIL = "email", "e-mail"
        ADDRESS = "address", "address"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="contact_points")
    kind = models.CharField(max_length=9, choices=Kind.choices)
    value = models.TextField()
    # Which referral said it; empty: it was in use until another took its place.
    referral = models.ForeignKey(Referral, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    added_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(value=""), name="contact_point_says_where"),
            models.UniqueConstraint(
                fields=["patient", "kind", "value"],
                condition=Q(ended_at__isnull=True),
                name="contact_point_stands_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"


class TeamMember(models.Model):
    """A member of staff on the patient's care team (FHIR: CareTeam.participant)."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="team")
    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="patients")
    part = models.CharField(max_length=12)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["patient", "staff", "part"],
                condition=Q(until__isnull=True),
                name="team_part_held_once",
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("since")), name="team_part_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.part} of {self.patient_id}"


class CrisisPlan(models.Model):
    """What helps in a crisis, in the patient's words; each change is a new version, none is lost."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="crisis_plans")
    version = models.PositiveIntegerField()
    warning_signs = models.TextField(blank=True)
    what_helps = models.TextField(blank=True)
    people_to_call = models.TextField(blank=True)
    safe_place = models.TextField(blank=True)
    written_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True, blank=True)

    # Only a confirmed erasure empties who and where: a trigger of its own sees to that.
    append_only: ClassVar = AppendOnly(mutable=("people_to_call", "safe_place", "erased_at"))

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["patient", "version"], name="crisis_plan_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.uid} v{self.version}"


class Merge(models.Model):
    """Two records of one person put together; reversible, because nothing is moved or erased."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    kept = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="merges_kept")
    absorbed = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="merges_absorbed")
    absorbed_status = models.CharField(max_length=12)
    reason = models.TextField()
    merged_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    merged_at = models.DateTimeField()
    undone_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_because = models.TextField(blank=True)

    append_only: ClassVar = AppendOnly(mutable=("undone_by", "undone_at", "undone_because"))

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(kept=F("absorbed")), name="merge_of_two"),
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True, undone_by__isnull=True)
                | Q(undone_at__isnull=False, undone_by__isnull=False),
                name="merge_undone_whole",
            ),
            models.UniqueConstraint(
                fields=["absorbed"], condition=Q(undone_at__isnull=True), name="merge_absorbed_once"
            ),
        ]

    def __str__(self) -> str:
        return self.uid


class Closing(models.Model):
    """That a record is needed no longer, and why; a death stands here too. Taken back by reopening."""

    class Reason(models.TextChoices):
        DECLINED = "declined", "declined"
        MOVED = "moved", "moved away"
        TRANSFERRED = "transferred", "transferred to another clinic"
        NOT_ELIGIBLE = "not_eligible", "not eligible"
        FINISHED = "finished", "treatment finished"
        DIED = "died", "died"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="closings")
    reason = models.CharField(max_length=12, choices=Reason.choices)
    # Of a death; empty: the day is not known.
    died_on = models.DateField(null=True, blank=True)
    said = models.TextField(blank=True)
    closed_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField()
    # Where the patient stood, for reopening; written anew when a record closes after a death was told.
    status_before = models.CharField(max_length=12)
    reopened_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    reopened_at = models.DateTimeField(null=True, blank=True)
    reopened_because = models.TextField(blank=True)

    append_only: ClassVar = AppendOnly(
        mutable=("status_before", "reopened_by", "reopened_at", "reopened_because")
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(reason="died") | Q(died_on__isnull=True), name="closing_day_of_death_only"
            ),
            models.CheckConstraint(
                condition=Q(reopened_by__isnull=True, reopened_at__isnull=True, reopened_because="")
                | (Q(reopened_by__isnull=False, reopened_at__isnull=False) & ~Q(reopened_because="")),
                name="closing_reopened_whole",
            ),
            models.UniqueConstraint(
                fields=["patient"], condition=Q(reopened_at__isnull=True), name="closing_stands_once"
            ),
        ]

    def __str__(self) -> str:
        return self.uid


class Erasure(models.Model):
    """That somebody's identity goes: proposed by one person, confirmed or called off by another."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="erasures")
    # Names nobody: it outlasts the name.
    reason = models.TextField()
    proposed_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    called_off_by = models.ForeignKey(
        Staff, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    called_off_at = models.DateTimeField(null=True, blank=True)
    called_off_because = models.TextField(blank=True)

    append_only: ClassVar = AppendOnly(
        mutable=("confirmed_by", "confirmed_at", "called_off_by", "called_off_at", "called_off_because")
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(reason=""), name="erasure_has_reason"),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True, confirmed_at__isnull=True)
                | (
                    Q(confirmed_by__isnull=False, confirmed_at__isnull=False, called_off_at__isnull=True)
                    & ~Q(confirmed_by=F("proposed_by"))
                ),
                name="erasure_confirmed_by_somebody_else",
            ),
            models.CheckConstraint(
                condition=Q(called_off_by__isnull=True, called_off_at__isnull=True, called_off_because="")
                | (Q(called_off_by__isnull=False, called_off_at__isnull=False) & ~Q(called_off_because="")),
                name="erasure_called_off_whole",
            ),
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(confirmed_at__isnull=True, called_off_at__isnull=True),
                name="erasure_open_once",
            ),
        ]

    def __str__(self) -> str:
        return self.uid
