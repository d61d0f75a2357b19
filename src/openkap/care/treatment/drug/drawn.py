"""What was drawn for a session and is in somebody's hand: how much, and whether its check still stands."""

from __future__ import annotations

from django.db.models import QuerySet

from openkap.care.prepared import prepared
from openkap.care.treatment.models import DoseCheck, LedgerEntry, Prescription, Session

# What each kind does to what is drawn and in somebody's hand; only given and wasted are ever crossed out.
IN_USE = {"drawn": 1, "given": -1, "wasted": -1, "returned": -1, "reversed": 1}


def in_use_ug(session: Session) -> int:
    """What was drawn for the session and neither given nor wasted yet; must be nothing at the end."""
    return sum(amount * IN_USE.get(kind, 0) for kind, amount in _moved(session.pk))


def mg_of(amount_ug: int) -> str:
    """As a person reads it."""
    return f"{amount_ug / 1000:g} mg"


@prepared
def _moved(session_id: int) -> QuerySet[LedgerEntry, tuple[str, int]]:
    return LedgerEntry.objects.filter(session_id=session_id).values_list("kind", "amount_ug")


def check_before(session: Session, ordered: Prescription | None) -> DoseCheck | None:
    """The check by two that a start may rest on: of the order that counts, its drug still whole.

    Whoever wastes drawn drug before the start, down to less than the order, ends its check.
    """
    if ordered is None:
        return None
    rows = DoseCheck.objects.filter(session=session, corrected_by__isnull=True)
    check = rows.select_related("lot", "second", "entered_by").order_by("-id").first()
    if check is None or check.prescription_id != ordered.pk:
        return None
    return check if in_use_ug(session) >= ordered.dose_mg * 1000 else None
