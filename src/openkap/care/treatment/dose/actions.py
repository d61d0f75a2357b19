"""What people do about the dose before and after it: decisions on gates, order, check by two, waste."""

from __future__ import annotations

import hashlib
from decimal import Decimal

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.accounts.signing import sign
from openkap.care.enrolment.assessment import canonical
from openkap.care.moment import today
from openkap.care.permissions import Permission
from openkap.care.treatment.access import lots_of
from openkap.care.treatment.dose.proposal import proposal_for
from openkap.care.treatment.drug.actions import Witness, hold_lot, micrograms, move
from openkap.care.treatment.drug.drawn import in_use_ug, mg_of
from openkap.care.treatment.models import DoseCheck, GateDecision, Prescription, Session
from openkap.care.treatment.release.actions import gates_now, look_again
from openkap.care.treatment.release.duties import refuse_unfit_person
from openkap.care.treatment.rows import facts as reading
from openkap.care.treatment.rows.acts import BEFORE, NOT_OVER, State, locked_session, once, told_audit
from openkap.care.treatment.rows.stamps import Stamp
from openkap.core.errors import InputError
from openkap.core.quantity import Quantity


@transaction.atomic
def decide_gate(
    *, by: Actor, patient: str, uid: str, rule: str, goes_on: bool, reason: str, stamp: Stamp | None = None
) -> GateDecision:
    """The prescriber decides on a gate that asks for them."""
    session = locked_session(by, patient, uid, Permission.PRESCRIBE)
    gate = next((each for each in gates_now(session) if each.rule.id == rule), None)
    if (
        gate is None
        or gate.state not in {"review", "decided", "shut"}
        or gate.rule.action.value != "clinician_review"
    ):
        raise InputError("this gate does not ask for a decision", value=rule, remedy="reload the page")
    stamp = stamp or Stamp()
    stamp = Stamp(stamp.client_id, stamp.observed_at, stamp.device, stamp.device_now, "", reason)
    if not reason.strip():
        raise InputError("the reason is missing", remedy="write why", where=rule)
    row = GateDecision.objects.create(
        session=session, rule=rule, goes_on=goes_on, saw=gate.saw[:200], **stamp.fields(by)
    )
    told_audit(by, "session.gate_decided", session, row, rule=rule, goes_on=goes_on, saw=gate.saw)
    look_again(by, session)
    return row


@transaction.atomic
def prescribe(
    *,
    by: Actor,
    patient: str,
    uid: str,
    step: str,
    basis: str,
    person: Staff,
    dose_mg: Decimal | None = None,
    reason: str = "",
    stamp: Stamp | None = None,
) -> Prescription:
    """Order the dose: a step of the protocol, or another amount in its range with a reason."""
    session = locked_session(by, patient, uid, Permission.PRESCRIBE)
    if session.state not in (State.PLANNED, *BEFORE):
        raise InputError("the dose has begun or the session is over", value=session.get_state_display())
    proposal = proposal_for(session, step)
    amount = next((each for each in proposal.amounts if each.basis == basis), proposal.amounts[0])
    proposed = amount.dose.to("mg").value
    ordered = proposed if dose_mg is None else dose_mg
    is_changed = ordered != proposed
    if is_changed:
        _refuse_outside_range(session, ordered, amount.weight)
        if not reason.strip():
            raise InputError(
                "another amount than proposed needs a reason",
                value=f"{ordered} mg",
                limit=f"proposed: {proposed} mg",
                remedy="write why",
                where="reason",
            )
    told = canonical(proposal.as_dict())
    stamp = stamp or Stamp()
    old = ordered_dose(session)
    if drawn := in_use_ug(session):
        raise InputError(
            "the dose is drawn already",
            value=f"{mg_of(drawn)} in use",
            remedy="waste it first before a witness, then order anew",
        )
    over = proposal.over
    words = f"{ordered} mg" + (f" over {over}" if over else "")
    signature = sign(
        by=by,
        person=person,
        meaning=f"I order {words} of {proposal.protocol.dosing.drug} {proposal.protocol.dosing.route}",
        entity="session",
        uid=session.uid,
        content=canonical([told, str(ordered), reason.strip()]),
    )
    fields = stamp.fields(by) | {"reason": reason.strip() or ("ordered anew" if old else "")}
    row = Prescription.objects.create(
        session=session,
        patient=session.patient,
        proposal=told,
        fingerprint=hashlib.sha256(told.encode()).hexdigest(),
        step=step,
        basis=amount.basis,
        dose_mg=ordered,
        over_min=int(over.to("min").value) if over else None,
        is_changed=is_changed,
        signature=signature,
        corrects=old,
        **fields,
    )
    told_audit(by, "session.prescribed", session, row, dose_mg=str(ordered), step=step, changed=is_changed)
    return row


def ordered_dose(session: Session) -> Prescription | None:
    """The order that counts."""
    return Prescription.objects.filter(session=session, corrected_by__isnull=True).order_by("-id").first()


def _refuse_outside_range(session: Session, dose_mg: Decimal, weight: Quantity | None) -> None:
    bounds = reading.protocol_of_session(session).dosing.range
    low, high = Quantity.parse(bounds.low), Quantity.parse(bounds.high)
    if weight is not None and "kg" in low.unit.code:
        kilograms = weight.to("kg").value
        least, most = low.to("mg/kg").value * kilograms, high.to("mg/kg").value * kilograms
    else:
        least, most = low.to("mg").value, high.to("mg").value
    if not least <= dose_mg <= most:
        raise InputError(
            "the dose leaves the range of this protocol",
            value=f"{dose_mg} mg",
            limit=f"{bounds.low} to {bounds.high}: {least:.1f} to {most:.1f} mg",
            remedy="order an amount inside it",
            where="dose_mg",
        )


@transaction.atomic
def check_dose(
    *,
    by: Actor,
    patient: str,
    uid: str,
    lot: str,
    drawn_mg: Decimal,
    witness: Witness,
    way: str = "",
    stamp: Stamp | None = None,
) -> DoseCheck:
    """Draw the dose from a lot; a second person checks product, lot, expiry, amount and pump, and signs."""
    session, stamp = locked_session(by, patient, uid, Permission.GIVE_DOSE), stamp or Stamp()
    held = once(DoseCheck, session, stamp)
    if held is not None:
        return held
    refuse_unfit_person(by, "draw a dose")
    refuse_unfit_person(witness.actor, "check a dose")
    ordered = ordered_dose(session)
    if ordered is None:
        raise InputError("no dose is ordered", remedy="the prescriber orders it first")
    if session.state not in BEFORE:
        raise InputError("this is not the time to draw a dose", value=session.get_state_display())
    if drawn := in_use_ug(session):
        raise InputError(
            "a dose is drawn already",
            value=f"{mg_of(drawn)} in use",
            remedy="waste it before a witness, then draw anew",
            where="drawn_mg",
        )
    row_lot = lots_of(by, Permission.GIVE_DOSE).filter(uid=lot).first()
    if row_lot is None:
        raise InputError("the lot is missing", remedy="choose one", where="lot")
    if row_lot.expires_on < today():
        raise InputError(
            "this lot has expired", value=row_lot.expires_on.isoformat(), remedy="take another", where="lot"
        )
    if drawn_mg < ordered.dose_mg:
        raise InputError(
            "less was drawn than is ordered",
            value=f"{drawn_mg} mg",
            limit=f"{ordered.dose_mg} mg",
            remedy="draw the dose, or order less",
            where="drawn_mg",
        )
    proposal = proposal_for(session, ordered.step)
    draw = proposal.draw_of(row_lot.product, ordered.dose_mg, ordered.over_min, way)
    lot_words = [row_lot.name, row_lot.strength, row_lot.lot_number, str(row_lot.expires_on)]
    shown = canonical([draw.text, draw.warning, lot_words, str(drawn_mg)])
    hold_lot(row_lot)
    signature = sign(
        by=witness.actor,
        person=witness.person,
        meaning=f"I checked {ordered.dose_mg} mg from {row_lot.name}, lot {row_lot.lot_number}"
        + (f", pump {draw.rate_ml_h} mL/h" if draw.rate_ml_h is not None else ""),
        entity="session",
        uid=session.uid,
        content=shown,
    )
    fields = stamp.fields(by)
    row = DoseCheck.objects.create(
        session=session,
        prescription=ordered,
        lot=row_lot,
        draw=draw.text + (f" {draw.warning}" if draw.warning else ""),
        drawn_ug=micrograms(drawn_mg),
        volume_ml=draw.volume_ml,
        rate_ml_h=draw.rate_ml_h,
        way=draw.way or None,
        second=witness.person,
        signature=signature,
        **fields,
    )
    move(
        by=by,
        lot=row_lot,
        kind="drawn",
        amount_ug=row.drawn_ug,
        client_id=str(fields["client_id"]),
        session=session,
        witness=witness,
    )
    told_audit(by, "session.dose_checked", session, row, lot=row_lot.lot_number, drawn_mg=str(drawn_mg))
    return row


@transaction.atomic
def waste(
    *,
    by: Actor,
    patient: str,
    uid: str,
    amount_mg: Decimal,
    witness: Witness,
    reason: str = "",
    stamp: Stamp | None = None,
) -> None:
    """Destroy what is left of the drawn dose before a witness; until the dose is over only with the reason.

    Before the start it ends the check by two, and with it the release.
    """
    session, stamp = locked_session(by, patient, uid, Permission.GIVE_DOSE), stamp or Stamp()
    check = DoseCheck.objects.filter(session=session).order_by("-id").first()
    left = in_use_ug(session)
    amount = micrograms(amount_mg)
    if check is None or amount <= 0 or amount > left:
        raise InputError(
            "there is not that much left to waste",
            value=f"{amount_mg} mg",
            limit=f"{Decimal(left) / 1000:f} mg",
            remedy="enter what is left",
            where="amount_mg",
        )
    if session.state in NOT_OVER and not reason.strip():
        raise InputError(
            "the reason is missing: the dose is not over",
            value=f"{amount_mg} mg",
            remedy="write why, such as spilled, or ordered anew",
            where="reason",
        )
    fields = stamp.fields(by)
    move(
        by=by,
        lot=check.lot,
        kind="wasted",
        amount_ug=amount,
        client_id=str(fields["client_id"]),
        session=session,
        witness=witness,
        note=reason.strip(),
    )
    look_again(by, session)
