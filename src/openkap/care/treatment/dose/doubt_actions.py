"""What people decide about an act with the drug that does not fit: it did not happen, or at another time."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet

from openkap.care.accounts.actor import Actor
from openkap.care.moment import now
from openkap.care.permissions import Permission
from openkap.care.prepared import prepared
from openkap.care.treatment.dose.delivery_actions import keep_dose_event
from openkap.care.treatment.models import DoseDoubt, DoseEvent, Session
from openkap.care.treatment.rows.acts import locked_session, once, told_audit
from openkap.care.treatment.rows.stamps import Stamp
from openkap.core.errors import InputError

CROSSED, CORRECTED = DoseDoubt.Settlement.CROSSED, DoseDoubt.Settlement.CORRECTED


@transaction.atomic
def settle_doubt(*, by: Actor, patient: str, uid: str, doubt: str, reason: str) -> DoseDoubt:
    """Cross out an act in doubt: it did not happen, or was entered twice. It stays, with the reason."""
    session = locked_session(by, patient, uid, Permission.GIVE_DOSE)
    row = DoseDoubt.objects.filter(session=session, uid=doubt).first()
    if row is None:
        raise InputError("no such act in doubt", remedy="reload the page")
    if not row.settlement:
        _settle(by, session, row, CROSSED, reason)
    return row


@transaction.atomic
def correct_doubt(
    *, by: Actor, patient: str, uid: str, doubt: str, stamp: Stamp, rate_ml_h: Decimal | None = None
) -> DoseEvent | DoseDoubt:
    """An act in doubt happened at another time: kept anew with that time, and the old entry says why."""
    session = locked_session(by, patient, uid, Permission.GIVE_DOSE)
    held = once(DoseEvent, session, stamp) or once(DoseDoubt, session, stamp)
    if held is not None:
        return held
    row = DoseDoubt.objects.get(session=session, uid=doubt)
    if row.settlement:
        raise InputError("this act is decided already", value=row.get_settlement_display(), remedy="reload")
    _settle(by, session, row, CORRECTED, stamp.reason)
    given = Decimal(row.given_ug) / 1000 if row.given_ug is not None else None
    fresh = Stamp(
        stamp.client_id,
        stamp.observed_at,
        stamp.device,
        stamp.device_now,
        row.names.uid if row.names else "",
        stamp.reason,
    )
    return keep_dose_event(
        by=by,
        patient=patient,
        uid=uid,
        kind=row.kind,
        rate_ml_h=rate_ml_h or row.rate_ml_h,
        given_mg=given,
        stamp=fresh,
        confirmed=True,
    )


def _settle(by: Actor, session: Session, row: DoseDoubt, how: str, reason: str) -> None:
    if not reason.strip():
        raise InputError("a decision needs its reason", remedy="write why", where="reason")
    row.settlement, row.settled_at, row.settled_because = how, now(), reason.strip()
    row.settled_by_id = by.staff_id
    row.save(update_fields=["settlement", "settled_at", "settled_because", "settled_by"])
    told_audit(by, "dose.doubt_settled", session, row, kind=row.kind, how=how, because=reason.strip())


def doubts_of(*sessions: Session) -> list[DoseDoubt]:
    """Every act that is or was in doubt and did not find its place by itself."""
    return _doubts([each.pk for each in sessions])


@prepared
def _doubts(session_ids: list[int]) -> QuerySet[DoseDoubt]:
    rows = DoseDoubt.objects.filter(session_id__in=session_ids).exclude(settlement=DoseDoubt.Settlement.FITS)
    return rows.select_related("entered_by", "settled_by", "names").order_by("observed_at", "id")
