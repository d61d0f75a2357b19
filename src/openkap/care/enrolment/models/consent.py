"""Consent: the texts of a clinic and its own words, a conversation, its signatures, and its end."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from openkap.care.accounts.models import Clinic, Signature, Staff
from openkap.care.append_only import AppendOnly
from openkap.care.ids import new_uid
from openkap.care.patients.models import Patient
from openkap.protocol.consent_text import full_version


class ConsentText(models.Model):
    """The exact text of one version in one language, kept here so that it can always be shown again.

    With a clinic's own words in it, it is that clinic's alone: ``clinic_words`` says which of its words.
    """

    fingerprint = models.CharField(max_length=64, primary_key=True)
    version = models.CharField(max_length=20)
    language = models.CharField(max_length=10)
    title = models.CharField(max_length=200)
    body = models.TextField()
    first_used_at = models.DateTimeField()
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    clinic_words = models.PositiveIntegerField(null=True, blank=True)

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["language", "version"],
                condition=Q(clinic__isnull=True),
                name="consent_text_shipped_once",
            ),
            models.UniqueConstraint(
                fields=["clinic", "language", "version", "clinic_words"],
                condition=Q(clinic__isnull=False),
                name="consent_text_of_clinic_once",
            ),
            models.CheckConstraint(
                condition=Q(clinic__isnull=True, clinic_words__isnull=True)
                | Q(clinic__isnull=False, clinic_words__isnull=False),
                name="consent_text_words_of_a_clinic",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.language} {self.full_version}"

    @property
    def full_version(self) -> str:
        """The shipped version, and which of the clinic's own words."""
        return full_version(self.version, self.clinic_words or 0)


class ClinicWords(models.Model):
    """What a clinic says in its own words beside one part of the shipped text; the newest row counts.

    They reach patients with the next text that the clinic releases. Empty words take the ones before back.
    """

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    language = models.CharField(max_length=10)
    part = models.CharField(max_length=20)
    words = models.TextField(blank=True, max_length=2000)
    # 1 for the first, and one more with each change: what a form has seen.
    number = models.PositiveIntegerField()
    written_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["clinic", "language", "part", "number"], name="clinic_words_in_order"
            )
        ]

    def __str__(self) -> str:
        return f"{self.language} {self.part} {self.number}"


class ConsentRelease(models.Model):
    """A clinic's reviewer has signed one text: from then on it may be offered there, and no earlier one.

    What is shipped is a draft for every clinic: in force is what its own reviewer has released.
    """

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    text = models.ForeignKey(ConsentText, on_delete=models.PROTECT, related_name="releases")
    language = models.CharField(max_length=10)
    # Who read it against the original and how, in the signer's words.
    reviewed_by = models.CharField(max_length=300)
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, related_name="+")
    # Why parts that wait for the clinic's own words say nothing; nothing where all of them do.
    left_empty_because = models.TextField(null=True, blank=True)  # noqa: DJ001
    released_at = models.DateTimeField()
    # When a newer version was released here: from then on consent is asked for again.
    superseded_at = models.DateTimeField(null=True, blank=True)

    append_only: ClassVar = AppendOnly(mutable=("superseded_at",))

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["clinic", "language"],
                condition=Q(superseded_at__isnull=True),
                name="consent_release_one_in_force",
            ),
            models.CheckConstraint(condition=~Q(reviewed_by=""), name="consent_release_names_reviewer"),
        ]

    def __str__(self) -> str:
        return f"{self.language} {self.uid}"


class Consent(models.Model):
    """One conversation about consent, from opening the text to the countersignature (FHIR: Consent)."""

    class Scope(models.TextChoices):
        COURSE = "course", "the acute course"
        MAINTENANCE = "maintenance", "maintenance"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="consents")
    text = models.ForeignKey(ConsentText, on_delete=models.PROTECT, related_name="consents")
    scope = models.CharField(max_length=12, choices=Scope.choices, default=Scope.COURSE)
    protocol = models.CharField(max_length=60)
    opened_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    # The text was handed over this long before, so that there was time to decide (CON-27).
    handed_over_at = models.DateTimeField(null=True, blank=True)

    append_only: ClassVar = AppendOnly()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["patient", "-opened_at"], name="consent_latest")]

    def __str__(self) -> str:
        return self.uid


class ConsentPart(models.Model):
    """One element gone through: ticked, explained back in the patient's words, chosen, or noted."""

    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="parts")
    element = models.CharField(max_length=20)
    shown_by = models.CharField(max_length=30)
    # The patient's own words, their choice, or the clinician's note.
    words = models.TextField(blank=True)
    is_understood = models.BooleanField()
    recorded_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(shown_by="read_and_tick") | ~Q(words=""), name="consent_part_in_words"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["consent", "element", "id"], name="consent_part_latest")]

    def __str__(self) -> str:
        return f"{self.element} of {self.consent_id}"


class Capacity(models.Model):
    """The four abilities at the time of consent, as a clinician found them."""

    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="capacity")
    understands = models.BooleanField()
    retains = models.BooleanField()
    weighs = models.BooleanField()
    communicates = models.BooleanField()
    note = models.TextField(blank=True)
    pressure = models.TextField(blank=True)
    assessed_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    assessed_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(understands=True, retains=True, weighs=True, communicates=True) | ~Q(note=""),
                name="capacity_doubt_has_note",
            )
        ]

    def __str__(self) -> str:
        return f"capacity of {self.consent_id}"

    @property
    def is_whole(self) -> bool:
        """All four abilities were found."""
        return self.understands and self.retains and self.weighs and self.communicates


class PatientSignature(models.Model):
    """The patient's own signature: drawn on the tablet, or their name typed."""

    class How(models.TextChoices):
        DRAWN = "drawn", "drawn"
        TYPED = "typed", "typed"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    consent = models.OneToOneField(Consent, on_delete=models.PROTECT, related_name="patient_signature")
    how = models.CharField(max_length=5, choices=How.choices)
    name = models.CharField(max_length=240)
    # The strokes as an SVG path in a 600 by 200 box.
    strokes = models.TextField(blank=True)
    meaning = models.CharField(max_length=300)
    # SHA-256 over text, parts, capacity, name and strokes.
    fingerprint = models.CharField(max_length=64)
    read_aloud = models.BooleanField(default=False)
    interpreter = models.CharField(max_length=120, blank=True)
    witnessed_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(how="typed", strokes="") | (Q(how="drawn") & ~Q(strokes="")),
                name="patient_signature_is_there",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="patient_signature_has_name"),
        ]

    def __str__(self) -> str:
        return self.uid


class ConsentGiven(models.Model):
    """Consent in force: signed by the patient and countersigned, from one moment to another.

    No dose without a row here: a trigger on the first dose event asks for it.
    """

    consent = models.OneToOneField(Consent, on_delete=models.PROTECT, related_name="given")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="consents_given")
    text = models.ForeignKey(ConsentText, on_delete=models.PROTECT, related_name="+")
    scope = models.CharField(max_length=12, choices=Consent.Scope.choices)
    patient_signature = models.OneToOneField(PatientSignature, on_delete=models.PROTECT, related_name="+")
    countersignature = models.OneToOneField(Signature, on_delete=models.PROTECT, related_name="+")
    valid_from = models.DateTimeField()
    expires_at = models.DateTimeField()
    # Why nobody waited for the time to decide, in the prescriber's words; nothing where the patient had it.
    early_because = models.TextField(null=True, blank=True)  # noqa: DJ001

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("valid_from")), name="consent_given_ends")
        ]
        indexes: ClassVar = [models.Index(fields=["patient", "expires_at"], name="consent_in_force")]

    def __str__(self) -> str:
        return f"consent {self.consent_id}"


class Withdrawal(models.Model):
    """The patient has withdrawn: from this moment no dose, whatever else they signed before."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    consent = models.OneToOneField(Consent, on_delete=models.PROTECT, related_name="withdrawal")
    said = models.TextField()
    told_to = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=~Q(said=""), name="withdrawal_has_words")]

    def __str__(self) -> str:
        return self.uid
