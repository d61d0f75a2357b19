"""What people do with the controlled drug: each movement one row, witnessed, and the balance always right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.utils.timezone import localtime

from openkap.care.accounts.access import require
from openkap.care.accounts.actor import Actor, actor_for
from openkap.care.accounts.models import Staff
from openkap.care.accounts.signing import prove_identity, sign
from openkap.care.audit.actions import record
from openkap.care.columns import refuse_long
from openkap.care.enrolment.assessment import canonical
from openkap.care.ids import new_uid
from openkap.care.moment import now, today
from openkap.care.permissions import Permission
from openkap.care.treatment.access import lots_of, staff_with
from openkap.care.treatment.models import LedgerEntry, Lot, Session
from openkap.core.errors import InputError
from openkap.protocol.model import Product, Protocol
from openkap.protocol.read import shipped_protocols

UG = Decimal(1000)


def micrograms(mg: Decimal) -> int:
    """Milligrams as whole micrograms; what is finer is refused."""
    exact = mg * UG
    if exact != exact.to_integral_value():
        raise InputError("an amount is given to the microgram", value=f"{mg} mg", remedy="round it")
    return int(exact)


def products(protocols: Sequence[Protocol] | None = None) -> dict[str, Product]:
    """Every product of the protocols' content by id."""
    return {
        product.id: product
        for protocol in (protocols or shipped_protocols())
        for product in protocol.dosing.products
    }


@dataclass(frozen=True, slots=True)
class Witness:
    """The second person: who they are after their password, and as whom they sign."""

    actor: Actor
    person: Staff


def second_person(*, by: Actor, uid: str, password: str) -> Witness:
    """A colleague of the same clinic proves who they are on this tablet; never the same person twice."""
    from openkap.care.permissions import Role

    person = staff_with(by, Role.PRESCRIBER, Role.NURSE).filter(uid=uid).first()
    if person is None:
        raise InputError("the second person is missing", remedy="choose a colleague", where="second")
    if person.pk == by.staff_id:
        raise InputError(
            "the second person must be somebody else",
            value=person.name,
            remedy="ask a colleague",
            where="second",
        )
    actor = actor_for(person, by.clinic_uid)
    require(actor, Permission.CHECK_DOSE)
    return Witness(actor, prove_identity(actor, password))


@dataclass(frozen=True, slots=True)
class Received:
    """What came in."""

    product: str
    lot_number: str
    expires_on: date
    amount_mg: Decimal
    note: str = ""


@transaction.atomic
def receive(*, by: Actor, received: Received, client_id: str = "") -> LedgerEntry:
    """Enter vials into the controlled-drug ledger."""
    require(by, Permission.GIVE_DOSE)
    product = products().get(received.product)
    if product is None:
        raise InputError(
            "no such product", value=received.product, remedy="choose one of the list", where="product"
        )
    if not received.lot_number.strip():
        raise InputError("the lot number is missing", remedy="read it off the box", where="lot_number")
    refuse_long(Lot, lot_number=received.lot_number)
    refuse_long(LedgerEntry, note=received.note)
    if received.expires_on < today():
        raise InputError(
            "this lot has expired",
            value=received.expires_on.isoformat(),
            remedy="send it back",
            where="expires_on",
        )
    if received.amount_mg <= 0:
        raise InputError("the amount is missing", remedy="enter milligrams", where="amount_mg")
    lot, _ = Lot.objects.get_or_create(
        clinic_id=by.clinic_id,
        product=product.id,
        lot_number=received.lot_number.strip(),
        defaults={
            "name": product.name,
            "strength": product.strength or product.amount_per_device or "",
            "expires_on": received.expires_on,
        },
    )
    if lot.expires_on != received.expires_on:
        raise InputError(
            "this lot is known with another expiry",
            value=received.expires_on.isoformat(),
            limit=lot.expires_on.isoformat(),
            remedy="check the box",
            where="expires_on",
        )
    amount = micrograms(received.amount_mg)
    return move(
        by=by,
        lot=lot,
        kind="received",
        amount_ug=amount,
        client_id=client_id or new_uid(),
        note=received.note,
    )


def hold_lot(lot: Lot) -> None:
    """Nobody else moves this lot meanwhile; whoever signs first does it before: the audit is held last."""
    Lot.objects.select_for_update().get(pk=lot.pk)


@transaction.atomic
def move(
    *,
    by: Actor,
    lot: Lot,
    kind: str,
    amount_ug: int,
    client_id: str,
    session: Session | None = None,
    at: datetime | None = None,
    witness: Witness | None = None,
    note: str = "",
    change_ug: int | None = None,
    reverses: LedgerEntry | None = None,
) -> LedgerEntry:
    """Add one movement of a lot; a repeat with the same client id changes nothing."""
    hold_lot(lot)
    held = LedgerEntry.objects.filter(lot=lot, client_id=client_id, kind=kind).first()
    if held is not None:
        _refuse_another(held, session, amount_ug, reverses)
        return held
    last = LedgerEntry.objects.filter(lot=lot).order_by("-sequence").first()
    change = {"received": amount_ug, "returned": amount_ug, "drawn": -amount_ug}.get(kind, change_ug or 0)
    balance = (last.balance_ug if last else 0) + change
    if balance < 0:
        raise InputError(
            "there is not that much of this lot",
            value=f"{Decimal(amount_ug) / UG:f} mg",
            limit=f"{Decimal(last.balance_ug if last else 0) / UG:f} mg",
            remedy="choose another lot, or count the stock",
            where="lot",
        )
    signature = None
    if witness:
        meaning, content = _meaning(lot, kind, amount_ug, balance, reverses)
        signature = sign(
            by=witness.actor,
            person=witness.person,
            meaning=meaning,
            entity="lot",
            uid=lot.uid,
            content=content,
        )
    row = LedgerEntry.objects.create(
        lot=lot,
        sequence=(last.sequence if last else 0) + 1,
        kind=kind,
        amount_ug=amount_ug,
        change_ug=change,
        balance_ug=balance,
        session=session,
        client_id=client_id,
        at=at or now(),
        entered_at=now(),
        entered_by_id=by.staff_id,
        witness=witness.person if witness else None,
        signature=signature,
        note=note[:200],
        reverses=reverses,
    )
    record(
        f"drug.{kind}",
        by=by,
        entity="ledger_entry",
        uid=row.uid,
        patient=session.patient.uid if session else "",
        reason=note,
        detail={"lot": lot.lot_number, "amount_ug": amount_ug, "balance_ug": balance},
    )
    return row


def _refuse_another(
    held: LedgerEntry, session: Session | None, amount_ug: int, reverses: LedgerEntry | None
) -> None:
    """A repeat says the same again; another movement under the same id would vanish."""
    same = (held.session, held.amount_ug, held.reverses) == (session, amount_ug, reverses)
    if not same:
        raise InputError(
            f"this entry has the id of another one that is in the ledger as {held.kind}",
            value=f"{Decimal(amount_ug) / UG:f} mg",
            limit=f"{Decimal(held.amount_ug) / UG:f} mg, entered {localtime(held.entered_at):%-d %b %H:%M}",
            remedy="reload the page and enter it again",
            where="client_id",
        )


def _meaning(
    lot: Lot, kind: str, amount_ug: int, balance_ug: int, reverses: LedgerEntry | None
) -> tuple[str, str]:
    """What a witness signs, in words and as data."""
    amount = f"{Decimal(amount_ug) / UG:f} mg of lot {lot.lot_number}"
    if reverses is not None:
        content = canonical([lot.uid, kind, amount_ug, reverses.uid])
        return f"I checked that the entry of {amount} as {reverses.kind} is wrong.", content
    if kind == "counted":
        counted = f"{Decimal(balance_ug) / UG:f} mg"
        content = canonical([lot.uid, kind, amount_ug, balance_ug])
        return f"I saw lot {lot.lot_number} counted: {counted}.", content
    return f"I saw that {amount} was {kind}.", canonical([lot.uid, kind, amount_ug])


AGREES = "the count agrees with the ledger"


@transaction.atomic
def count_stock(*, by: Actor, lot: str, counted_mg: Decimal, note: str, witness: Witness) -> LedgerEntry:
    """Count a lot with a witness: a row also where it agrees; a difference with its explanation."""
    require(by, Permission.GIVE_DOSE)
    row = lots_of(by).filter(uid=lot).first()
    if row is None:
        raise InputError("no such lot", remedy="choose one of the list", where="lot")
    last = LedgerEntry.objects.filter(lot=row).order_by("-sequence").first()
    difference = micrograms(counted_mg) - (last.balance_ug if last else 0)
    if difference and not note.strip():
        raise InputError(
            "the count differs and nothing explains it",
            value=f"{Decimal(difference) / UG:f} mg",
            remedy="write what was found",
            where="note",
        )
    refuse_long(LedgerEntry, note=note)
    return move(
        by=by,
        lot=row,
        kind="counted",
        amount_ug=abs(difference),
        change_ug=difference,
        client_id=new_uid(),
        witness=witness,
        note=note.strip() or AGREES,
    )
