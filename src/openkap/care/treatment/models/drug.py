"""Rows of the controlled-drug ledger, in whole micrograms so that the balance is exact."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from openkap.care.accounts.models import Clinic, Signature, Staff
from openkap.care.append_only import AppendOnly
from openkap.care.ids import new_uid


class Lot(models.Model):
    """Vials or devices of one product, lot number and expiry at one clinic (FHIR: Medication.batch)."""

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="lots")
    # A product of the protocols' content, and its name and strength as received.
    product = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    strength = models.CharField(max_length=40)
    lot_number = models.CharField(max_length=40)
    expires_on = models.DateField()

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["clinic", "product", "lot_number"], name="lot_once_a_clinic")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.lot_number}"


class LedgerEntry(models.Model):
    """One movement of one lot. ``change_ug`` moves the stock; given and wasted come out of what was drawn."""

    class Kind(models.TextChoices):
        RECEIVED = "received", "received"
        DRAWN = "drawn", "drawn"
        GIVEN = "given", "given"
        WASTED = "wasted", "wasted"
        RETURNED = "returned", "returned unopened"
        COUNTED = "counted", "counted: difference"
        REVERSED = "reversed", "crossed out"

    uid = models.CharField(max_length=12, unique=True, default=new_uid, editable=False)
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="entries")
    sequence = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    amount_ug = models.PositiveBigIntegerField()
    change_ug = models.BigIntegerField()
    balance_ug = models.BigIntegerField()
    session = models.ForeignKey(
        "treatment.Session", on_delete=models.PROTECT, null=True, blank=True, related_name="ledger_entries"
    )
    client_id = models.CharField(max_length=36)
    at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    witness = models.ForeignKey(Staff, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    signature = models.OneToOneField(
        Signature, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    note = models.CharField(max_length=200, blank=True)
    # The mistyped entry that this one crosses out; the right amount follows as an entry of its own.
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversed_by"
    )

    append_only: ClassVar = AppendOnly()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["lot", "sequence"], name="ledger_one_place"),
            models.UniqueConstraint(fields=["lot", "client_id", "kind"], name="ledger_client_id_once"),
            models.CheckConstraint(condition=Q(balance_ug__gte=0), name="ledger_never_below_zero"),
            models.CheckConstraint(
                condition=Q(kind__in=["received", "returned"], change_ug=models.F("amount_ug"))
                | Q(kind="drawn", change_ug=models.F("amount_ug") * -1)
                | Q(kind__in=["given", "wasted", "reversed"], change_ug=0)
                | Q(kind="counted"),
                name="ledger_change_follows_kind",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["drawn", "wasted", "counted", "returned", "reversed"])
                | (Q(witness__isnull=False) & ~Q(witness=models.F("entered_by"))),
                name="ledger_witnessed_by_another",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["counted", "reversed"]) | ~Q(note=""),
                name="ledger_difference_explained",
            ),
            models.CheckConstraint(
                condition=Q(kind="reversed", reverses__isnull=False)
                | (~Q(kind="reversed") & Q(reverses__isnull=True)),
                name="ledger_reversal_names_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"
