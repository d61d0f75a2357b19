"""The dose proposed for one session, and how an ordered amount comes out of one product."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from openkap.care.enrolment.facts import screening_facts
from openkap.care.treatment.models import DoseEvent, Session
from openkap.care.treatment.rows.facts import protocol_of_session
from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.protocol.dosing import DoseProposal, Draw, draw, propose
from openkap.protocol.model import Protocol


@dataclass(frozen=True, slots=True)
class Drawn:
    """How the ordered dose comes out of one product, in one way: one instruction for the pump."""

    text: str
    warning: str
    volume_ml: Decimal | None
    rate_ml_h: Decimal | None
    way: str = ""


@dataclass(frozen=True)
class SessionProposal:
    """A proposal for this patient on this day."""

    proposal: DoseProposal

    @property
    def protocol(self) -> Protocol:
        return self.proposal.protocol

    @property
    def amounts(self) -> Any:
        return self.proposal.amounts

    @property
    def over(self) -> Quantity | None:
        return self.proposal.over

    def as_dict(self) -> dict[str, Any]:
        return self.proposal.as_dict()

    def draw_of(self, product: str, dose_mg: Decimal, over_min: int | None, way: str = "") -> Drawn:
        """The draw for an ordered amount, which may differ from the proposed one, made up in one way."""
        for each in self.protocol.dosing.products:
            if each.id == product:
                over = Quantity.of(over_min, "min") if over_min else None
                made = draw(self.protocol, each, Quantity.of(dose_mg, "mg"), over)
                return _in_one_way(made, way)
        raise InputError(
            "this product does not belong to the protocol",
            value=product,
            limit=", ".join(each.id for each in self.protocol.dosing.products),
            remedy="choose a lot of one of these",
            where="lot",
        )


def _in_one_way(made: Draw, way: str) -> Drawn:
    volume = made.volume.to("mL").value if made.volume else None
    if not made.ways:
        return Drawn(made.text, made.warning, volume, None)
    chosen = next((each for each in made.ways if each.id == (way or made.ways[0].id)), None)
    if chosen is None:
        raise InputError(
            "this product is not given so",
            value=way,
            limit="; ".join(each.text for each in made.ways),
            remedy="choose the other way",
            where="way",
        )
    arithmetic = made.text.split(";")[0]
    text = f"{arithmetic}; {chosen.text}. Pump: {chosen.rate}."
    return Drawn(text, chosen.warning, volume, chosen.rate.to("mL/h").value, chosen.id)


def proposal_for(session: Session, step: str = "") -> SessionProposal:
    """The proposal of a step (the starting step by default) on what is known today."""
    given = DoseEvent.objects.filter(patient=session.patient, kind="start").exclude(session=session).exists()
    facts = screening_facts(session.patient)
    return SessionProposal(
        propose(facts, protocol_of_session(session), step=step or None, given_before=given)
    )
