"""Rows of a session's record: readings, gates, the dose, alerts, adverse events, discharge, signatures.

Everything is added and never changed; what was wrong is corrected by a row that names it and says why.
``observed_at`` is when it was true, ``entered_at`` when it reached the server, ``client_id`` what makes a
repeat harmless.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from openkap.care.accounts.models import Signature, Staff
from openkap.care.append_only import AppendOnly
from openkap.care.ids import new_uid
from openkap.care.patients.models import Patient
from openkap.care.treatment.models.drug import Lot
from openkap.care.treatment.models.planning import Session


class Recorded(models.Model):
    """What every row of the session's record carries."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT)
    client_id = models.CharField(max_length=36)
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    # Which tablet, and by how many seconds its clock was ahead of the server's.
    device = models.CharField(max_length=40, blank=True)
    device_ahead_s = models.IntegerField(default=0)
    corrects = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrected_by"
    )
    reason = models.TextField(blank=True)

    class Meta:
        abstract = True
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "client_id"], name="%(class)s_client_id_once"),
            models.CheckConstraint(
                condition=Q(corrects__isnull=True) | ~Q(reason=""), name="%(class)s_corrected_with_reason"
            ),
            models.CheckConstraint(condition=~Q(client_id=""), name="%(class)s_has_client_id"),
        ]

    def __str__(self) -> str:
        return self.uid


class Entry(Recorded):
    """One act of writing down: a set of vitals, answers to gates or discharge conditions, a note."""

    class Kind(models.TextChoices):
        GATE = "gate", "before the dose"
        VITALS = "vitals", "vital signs"
        DISCHARGE = "discharge", "before leaving"
        NOTE = "note", "note"

    kind = models.CharField(max_length=9, choices=Kind.choices)
    note = models.TextField(blank=True)
    # Entered in error: this row takes the one it corrects away and puts nothing in its place.
    is_retraction = models.BooleanField(default=False)
    # Its values, where somebody read them together with the entries of a session.
    held: list[Value]

    append_only: ClassVar = AppendOnly()

    class Meta(Recorded.Meta):
        constraints: ClassVar = [
            *Recorded.Meta.constraints,
            models.CheckConstraint(
                condition=Q(is_retraction=False) | Q(corrects__isnull=False),
                name="entry_retraction_names_one",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["session", "observed_at"], name="entry_in_time")]


class Value(models.Model):
    """One value of an entry (FHIR: Observation): text for the dictionary, and the number in its unit."""

    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="values")
    element = models.CharField(max_length=80)
    value = models.CharField(max_length=120)
    number = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    unit = models.CharField(max_length=20, blank=True)
    is_confirmed = models.BooleanField(default=False)

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["entry", "element"], name="value_once_an_entry")
        ]

    def __str__(self) -> str:
        return f"{self.element} of {self.entry_id}"


class GateDecision(Recorded):
    """The prescriber decides on a gate that asks for them: go on, or no dose today, with the reason."""

    rule = models.CharField(max_length=20)
    goes_on = models.BooleanField()
    # What the rule saw when it was decided; a newer value asks again.
    saw = models.CharField(max_length=200)

    append_only: ClassVar = AppendOnly()

    class Meta(Recorded.Meta):
        constraints: ClassVar = [
            *Recorded.Meta.constraints,
            models.CheckConstraint(condition=~Q(reason=""), name="gatedecision_has_reason"),
        ]


class Prescription(Recorded):
    """The dose a named prescriber orders for this session: the proposal as seen, accepted or changed."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="prescriptions")
    # Canonical JSON of the proposal with its arithmetic.
    proposal = models.TextField()
    fingerprint = models.CharField(max_length=64)
    step = models.CharField(max_length=40)
    basis = models.CharField(max_length=80)
    dose_mg = models.DecimalField(max_digits=8, decimal_places=2)
    over_min = models.PositiveSmallIntegerField(null=True, blank=True)
    is_changed = models.BooleanField()
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, related_name="+")

    append_only: ClassVar = AppendOnly()

    class Meta(Recorded.Meta):
        constraints: ClassVar = [
            *Recorded.Meta.constraints,
            models.CheckConstraint(
                condition=Q(is_changed=False) | ~Q(reason=""), name="prescription_changed_with_reason"
            ),
            models.CheckConstraint(condition=Q(dose_mg__gt=0), name="prescription_is_a_dose"),
        ]


class DoseCheck(Recorded):
    """Two people checked product, strength, lot, expiry and amount; the second proved who they are."""

    prescription = models.ForeignKey(Prescription, on_delete=models.PROTECT, related_name="checks")
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="checks")
    # How the dose comes out of this product, as shown to both.
    draw = models.TextField()
    drawn_ug = models.PositiveBigIntegerField()
    volume_ml = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    rate_ml_h = models.DecimalField(max_digits=8, decimal_places=1, null=True, blank=True)
    # Undiluted or made up: the rate means nothing without it. Null where there is no pump, or from before
    # ways were told apart: SQLite would rebuild a table that triggers of others name.
    way = models.CharField(max_length=12, null=True, blank=True)  # noqa: DJ001
    second = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, related_name="+")

    append_only: ClassVar = AppendOnly()

    class Meta(Recorded.Meta):
        constraints: ClassVar = [
            *Recorded.Meta.constraints,
            models.CheckConstraint(condition=~Q(second=F("entered_by")), name="dosecheck_by_two_people"),
        ]


class Clearance(Recorded):
    """All gates looked at and none of them shut, with what each saw."""

    snapshot = models.TextField()
    fingerprint = models.CharField(max_length=64)

    append_only: ClassVar = AppendOnly()

    class Meta(Recorded.Meta):
        constraints: ClassVar = [*Recorded.Meta.constraints]


class DoseEvent(Recorded):
    """What was done with the drug, and when (FHIR: MedicationAdministration). A start needs valid consent."""

    class Kind(models.TextChoices):
        START = "start", "started"
        PAUSE = "pause", "paused"
        RESUME = "resume", "resumed"
        RATE = "rate", "rate changed"
        STOP = "stop", "stopped"

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="dose_events")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    rate_ml_h = models.DecimalField(max_digits=8, decimal_places=1, null=True, blank=True)
    # At the stop: how much was given in all.
    given_ug = models.PositiveBigIntegerField(null=True, blank=True)

    append_only: ClassVar = AppendOnly()

    class Meta(Recorded.Meta):
        constraints: ClassVar = [
            *Recorded.Meta.constraints,
            models.UniqueConstraint(
                fields=["session"],
                condition=Q(kind="start", corrects__isnull=True),
                name="doseevent_started_once",
            ),
            models.UniqueConstraint(
                fields=["session"],
                condition=Q(kind="stop", corrects__isnull=True),
                name="doseevent_stopped_once",
            ),
            models.CheckConstraint(
                condition=(Q(kind="stop") & Q(given_ug__isnull=False))
                | (~Q(kind="stop") & Q(given_ug__isnull=True)),
                name="doseevent_stop_says_how_much",
            ),
            models.CheckConstraint(
                condition=~Q(kind="rate") | Q(rate_ml_h__isnull=False), name="doseevent_rate_is_named"
            ),
        ]


class DoseDoubt(Recorded):
    """An act with the drug that does not fit what the record holds: kept as it came, until a person decides.

    It becomes a ``DoseEvent`` by itself when what was missing arrives; else it is crossed out or corrected.
    """

    class Settlement(models.TextChoices):
        FITS = "fits", "fits now"
        CROSSED = "crossed", "crossed out"
        CORRECTED = "corrected", "corrected"

    kind = models.CharField(max_length=6, choices=DoseEvent.Kind.choices)
    rate_ml_h = models.DecimalField(max_digits=8, decimal_places=1, null=True, blank=True)
    given_ug = models.PositiveBigIntegerField(null=True, blank=True)
    # The dose event whose time it would correct.
    names = models.ForeignKey(DoseEvent, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    why = models.CharField(max_length=200)
    settlement = models.CharField(max_length=9, choices=Settlement.choices, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(Staff, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    settled_because = models.TextField(blank=True)

    append_only: ClassVar = AppendOnly(mutable=("settlement", "settled_at", "settled_by", "settled_because"))

    class Meta(Recorded.Meta):
        constraints: ClassVar = [
            *Recorded.Meta.constraints,
            models.CheckConstraint(
                condition=Q(
                    settlement="", settled_at__isnull=True, settled_by__isnull=True, settled_because=""
                )
                | Q(settlement="fits", settled_at__isnull=False)
                | (
                    Q(settlement__in=["crossed", "corrected"], settled_at__isnull=False)
                    & Q(settled_by__isnull=False)
                    & ~Q(settled_because="")
                ),
                name="dosedoubt_settled_whole",
            ),
        ]


class Alert(models.Model):
    """A rule fired: what it saw, what to do, who must act; stays until somebody acknowledges it."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="alerts")
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, null=True, blank=True, related_name="alerts")
    rule = models.CharField(max_length=20)
    action = models.CharField(max_length=20)
    # The alert as data: title, value, limit, what to do, who, sources.
    snapshot = models.TextField()
    at = models.DateTimeField()
    raised_at = models.DateTimeField()
    acknowledged_by = models.ForeignKey(
        Staff, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    done = models.TextField(blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)

    append_only: ClassVar = AppendOnly(mutable=("acknowledged_by", "acknowledged_at", "done", "escalated_at"))

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["session", "rule", "at"],
                condition=Q(entry__isnull=True),
                name="alert_once_a_moment",
            ),
            # A corrected reading of the same moment raises its own.
            models.UniqueConstraint(fields=["entry", "rule", "at"], name="alert_once_a_reading"),
            models.CheckConstraint(
                condition=Q(acknowledged_at__isnull=True, acknowledged_by__isnull=True)
                | Q(acknowledged_at__isnull=False, acknowledged_by__isnull=False),
                name="alert_acknowledged_whole",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["session"], condition=Q(acknowledged_at__isnull=True), name="alert_waiting")
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.uid}"


class AdverseEvent(models.Model):
    """Something untoward (FHIR: AdverseEvent); updated by a new row that names the old one."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="adverse_events")
    session = models.ForeignKey(
        Session, on_delete=models.PROTECT, null=True, blank=True, related_name="adverse_events"
    )
    client_id = models.CharField(max_length=36, unique=True)
    term = models.CharField(max_length=80)
    words = models.TextField(blank=True)
    onset_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    grade = models.PositiveSmallIntegerField()
    is_serious = models.BooleanField()
    serious_because = models.CharField(max_length=80, blank=True)
    relation = models.CharField(max_length=20)
    action_taken = models.CharField(max_length=40)
    treatment = models.TextField(blank=True)
    outcome = models.CharField(max_length=40)
    is_expected = models.BooleanField()
    entered_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    entered_at = models.DateTimeField()
    corrects = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrected_by"
    )
    reason = models.TextField(blank=True)
    # Entered in error: this row crosses out the one it names, and none of them counts any more.
    is_retraction = models.BooleanField(default=False)
    # When the clinic first knew of a serious event: the clock of its report, carried from row to row.
    serious_since = models.DateTimeField(null=True, blank=True)
    # The record of the session was signed and locked already: the signature does not cover this row.
    after_signing = models.BooleanField(null=True, blank=True)
    # To whom a serious event was reported, when, and who says so; nothing else may be added later.
    reported_at = models.DateTimeField(null=True, blank=True)
    reported_to = models.CharField(max_length=120, blank=True)
    reported_by = models.ForeignKey(Staff, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    append_only: ClassVar = AppendOnly(mutable=("reported_at", "reported_to", "reported_by"))
    # The newest row of each event, but of those that were crossed out.
    STANDS: ClassVar = Q(corrected_by__isnull=True, is_retraction=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(grade__gte=1, grade__lte=5), name="adverse_event_grade_1_to_5"
            ),
            models.CheckConstraint(
                condition=Q(is_serious=False) | ~Q(serious_because=""), name="adverse_event_serious_why"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("onset_at")),
                name="adverse_event_ends_after_onset",
            ),
            models.CheckConstraint(
                condition=Q(corrects__isnull=True) | ~Q(reason=""), name="adverse_event_corrected_why"
            ),
            models.CheckConstraint(
                condition=Q(is_retraction=False) | Q(corrects__isnull=False),
                name="adverse_event_retraction_names_one",
            ),
            models.CheckConstraint(
                condition=Q(reported_at__isnull=True, reported_to="")
                | (Q(reported_at__isnull=False) & ~Q(reported_to="")),
                name="adverse_event_reported_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.term} {self.uid}"


class Discharge(Recorded):
    """The patient left: the conditions as they were assessed, with whom, and who let them go."""

    snapshot = models.TextField()
    fingerprint = models.CharField(max_length=64)
    may_leave = models.BooleanField()
    escort = models.CharField(max_length=120, blank=True)
    # From when on every condition held, by the readings known when the patient left; null where it is not
    # known: left against the conditions, or before this was recorded.
    ready_at = models.DateTimeField(null=True, blank=True)
    # Left against the conditions: only with a reason.
    against = models.BooleanField(default=False)

    append_only: ClassVar = AppendOnly()

    class Meta(Recorded.Meta):
        constraints: ClassVar = [
            *Recorded.Meta.constraints,
            models.CheckConstraint(
                condition=Q(may_leave=True, against=False) | (Q(against=True) & ~Q(reason="")),
                name="discharge_against_with_reason",
            ),
            models.UniqueConstraint(
                fields=["session"], condition=Q(corrects__isnull=True), name="discharge_once"
            ),
        ]


class SessionSigned(models.Model):
    """The record is complete and locked; the signature covers all of it."""

    session = models.OneToOneField(Session, on_delete=models.PROTECT, related_name="signed")
    # The whole record as data, from which page and PDF are made.
    record = models.TextField()
    fingerprint = models.CharField(max_length=64)
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    def __str__(self) -> str:
        return f"signed {self.session_id}"


class Addendum(models.Model):
    """Words added to a locked record, signed by whoever adds them."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="addenda")
    text = models.TextField()
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, related_name="+")
    written_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=~Q(text=""), name="addendum_in_words")]

    def __str__(self) -> str:
        return self.uid
