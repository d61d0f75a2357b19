"""A mistyped amount of the drug: crossed out and entered again before a witness, both in one act.

The wrong entry stays in the ledger, an entry that names it takes it away, and the right amount follows. What
was given is also a dose event: it gets a new row, so that the dose and what is expected of it follow.
"""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.permissions import Permission
from openkap.care.treatment.dose.delivery_actions import let_in
from openkap.care.treatment.drug.actions import UG, Witness, micrograms, move
from openkap.care.treatment.drug.drawn import in_use_ug
from openkap.care.treatment.models import DoseEvent, LedgerEntry, Session
from openkap.care.treatment.rows import facts as reading
from openkap.care.treatment.rows.acts import locked_session, told_audit
from openkap.care.treatment.rows.stamps import Stamp
from openkap.core.errors import InputError

CORRECTABLE = ("given", "wasted")


@transaction.atomic
def correct_amount(
    *,
    by: Actor,
    patient: str,
    uid: str,
    entry: str,
    amount_mg: Decimal,
    reason: str,
    witness: Witness,
    stamp: Stamp | None = None,
) -> None:
    """Correct how much was given or wasted: a colleague who looked again proves who they are."""
    session, stamp = locked_session(by, patient, uid, Permission.GIVE_DOSE), stamp or Stamp()
    rows = LedgerEntry.objects.filter(session=session)
    if stamp.client_id and rows.filter(kind="reversed", client_id=stamp.client_id).exists():
        return
    old = rows.filter(uid=entry, kind__in=CORRECTABLE, reversed_by__isnull=True).select_related("lot").first()
    if old is None:
        raise InputError(
            "there is nothing to correct here", remedy="reload the page: it has been corrected", where="entry"
        )
    if not reason.strip():
        raise InputError("a correction needs its reason", remedy="write why", where="reason")
    amount = _amount(session, old, amount_mg)
    fields = stamp.fields(by)
    client_id, why = str(fields["client_id"]), reason.strip()
    move(
        by=by,
        lot=old.lot,
        kind="reversed",
        amount_ug=old.amount_ug,
        client_id=client_id,
        session=session,
        witness=witness,
        note=why,
        reverses=old,
    )
    if amount or old.kind == "given":
        move(
            by=by,
            lot=old.lot,
            kind=old.kind,
            amount_ug=amount,
            client_id=client_id,
            session=session,
            at=old.at,
            witness=witness,
            note=f"instead of {Decimal(old.amount_ug) / UG:f} mg",
        )
    if old.kind == "given":
        _give_anew(by, session, amount, fields | {"reason": why})
    # A stop that said more than was left may fit now.
    let_in(by, session)


def _amount(session: Session, old: LedgerEntry, amount_mg: Decimal) -> int:
    amount = micrograms(amount_mg)
    most = in_use_ug(session) + old.amount_ug
    if amount == old.amount_ug:
        raise InputError(
            "the ledger says this amount already",
            value=f"{amount_mg} mg",
            remedy="enter the right amount, or leave it",
            where="amount_mg",
        )
    if not 0 <= amount <= most:
        raise InputError(
            f"not that much can have been {old.kind}",
            value=f"{amount_mg} mg",
            limit=f"{Decimal(most) / UG:f} mg: what was drawn, without the ledger's other entries",
            remedy="check the pump and the waste; correct the other entry first if that one is wrong",
            where="amount_mg",
        )
    return amount


def _give_anew(by: Actor, session: Session, amount_ug: int, fields: dict[str, object]) -> None:
    stop = next(each for each in reading.dose_events(session) if each.kind == DoseEvent.Kind.STOP)
    row = DoseEvent.objects.create(
        session=session,
        patient=session.patient,
        kind=stop.kind,
        given_ug=amount_ug,
        corrects=stop,
        **fields | {"observed_at": stop.observed_at},
    )
    told_audit(by, "dose.amount_corrected", session, row, given_ug=amount_ug, was_ug=stop.given_ug)
