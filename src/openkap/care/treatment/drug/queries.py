"""What the pages of the drug show: each lot with its balance, and what moved."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import OuterRef, Subquery

from openkap.care.accounts.actor import Actor
from openkap.care.treatment.access import lots_of
from openkap.care.treatment.models import LedgerEntry

MOST = 200


def stock(by: Actor) -> list[dict[str, Any]]:
    """Every lot of the clinic with its balance."""
    last = LedgerEntry.objects.filter(lot=OuterRef("pk")).order_by("-sequence").values("balance_ug")[:1]
    return [
        {"lot": lot, "uid": lot.uid, "balance_mg": Decimal(lot.balance or 0) / 1000}
        for lot in lots_of(by).annotate(balance=Subquery(last))
    ]


def ledger(by: Actor) -> list[dict[str, Any]]:
    """The newest movements of every lot."""
    rows = (
        LedgerEntry.objects.filter(lot__in=lots_of(by))
        .select_related("lot", "entered_by", "witness", "session", "reversed_by")
        .order_by("-id")[:MOST]
    )
    return [
        {
            "row": row,
            "amount_mg": Decimal(row.amount_ug) / 1000,
            "balance_mg": Decimal(row.balance_ug) / 1000,
            "is_replaced": hasattr(row, "reversed_by"),
        }
        for row in rows
    ]
