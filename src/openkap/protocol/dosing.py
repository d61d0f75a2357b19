"""A dose proposed with its arithmetic: weight basis, milligrams, caps, rounding, millilitres, rates.

Every line of the arithmetic is shown, because two people check it. What no source gives (a ceiling, an
ideal-weight formula) is said to be missing and never filled in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from openkap.core.errors import InputError
from openkap.core.quantity import Quantity, parse_unit
from openkap.core.truth import Truth
from openkap.protocol.assess import source_dict
from openkap.protocol.condition import evaluate, parse_condition, say
from openkap.protocol.elements import dictionary
from openkap.protocol.facts import Facts, derive
from openkap.protocol.model import DoseStep, Product, Protocol
from openkap.protocol.rules import Action, Stage

PER_WEIGHT = "mg/kg"


@dataclass(frozen=True, slots=True)
class Line:
    """One step of the arithmetic, in words and figures."""

    text: str
    result: str


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run the pump: how the drug is made up, and the only rate that belongs to it."""

    id: str
    text: str
    rate: Quantity
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Draw:
    """How the dose comes out of one product."""

    product: Product
    volume: Quantity | None
    devices: int | None
    rate: Quantity | None
    text: str
    warning: str = ""
    # The way that gives the dose itself stands first; a rounded rate that misses it comes after.
    ways: tuple[Way, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The draw as data."""
        told = {
            "product": self.product.id,
            "name": self.product.name,
            "strength": self.product.strength or self.product.amount_per_device,
            "volume": str(self.volume) if self.volume else None,
            "devices": self.devices,
            "rate": str(self.rate) if self.rate else None,
            "undiluted": self.product.undiluted,
            "text": self.text,
            "warning": self.warning or None,
        }
        return {key: value for key, value in told.items() if value is not None}


@dataclass(frozen=True)
class Amount:
    """The dose on one weight basis."""

    basis: str
    weight: Quantity | None
    dose: Quantity
    per_kg_of_actual: Quantity | None
    rate: Quantity | None
    arithmetic: tuple[Line, ...]
    draws: tuple[Draw, ...]

    def as_dict(self) -> dict[str, Any]:
        """The amount as data."""
        return {
            "basis": self.basis,
            "weight": str(self.weight) if self.weight else None,
            "dose": str(self.dose),
            "dose_per_kg_actual": str(self.per_kg_of_actual) if self.per_kg_of_actual else None,
            "rate": str(self.rate) if self.rate else None,
            "arithmetic": [f"{line.text} = {line.result}" for line in self.arithmetic],
            "draws": [draw.as_dict() for draw in self.draws],
        }


@dataclass(frozen=True)
class DoseProposal:
    """A proposal, never an order: a named prescriber accepts it, or changes it with a reason."""

    protocol: Protocol = field(repr=False)
    step: DoseStep
    over: Quantity | None
    amounts: tuple[Amount, ...]
    notices: tuple[str, ...]
    suggested_step: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The proposal as plain data."""
        protocol = self.protocol
        return {
            "protocol": {"id": protocol.id, "version": protocol.version, "fingerprint": protocol.fingerprint},
            "drug": protocol.dosing.drug,
            "route": protocol.dosing.route,
            "step": self.step.id,
            "title": self.step.title,
            "dose": self.step.dose,
            "over": str(self.over) if self.over else None,
            "needs": self.step.needs,
            "grade": self.step.grade.value,
            "sources": [source_dict(protocol, name) for name in self.step.sources],
            "amounts": [amount.as_dict() for amount in self.amounts],
            "notices": list(self.notices),
            "suggested_step": self.suggested_step,
        }


def propose(
    facts: Facts,
    protocol: Protocol,
    *,
    step: str | None = None,
    over: Quantity | None = None,
    ideal_weight: Quantity | None = None,
    given_before: bool = False,
) -> DoseProposal:
    """The dose of ``step`` (the starting step by default) for this person.

    Parameters
    ----------
    facts : weight is required for a mg/kg dose; age, height and conditions drive the adjustments.
    over : another infusion time than the step's; IV only.
    ideal_weight : the ideal body weight by the site's named formula, entered by a person.
    given_before : a dose was given already, so that the starting-dose adjustments do not suggest a step.

    Raises
    ------
    InputError
        When a known fact excludes the person, when the weight is missing, old or implausible, or when the
        dose or its duration leaves the range of the protocol.
    """
    dosing = protocol.dosing
    facts = derive(facts, dictionary())
    _refuse_excluded(facts, protocol)
    chosen = dosing.step(step or dosing.start)
    duration = over or (Quantity.parse(chosen.over) if chosen.over else None)
    if over is not None and dosing.route != "IV":
        raise InputError(
            "only an infusion has a duration",
            value=str(over),
            limit=f"route {dosing.route}",
            remedy="leave the duration out",
        )
    if over is not None:
        _refuse_duration(over, protocol)
    _refuse_outside_range(chosen, protocol)
    notices, suggested = _adjustments(facts, protocol, chosen, given_before)
    amounts = []
    for basis, weight in _weights(facts, protocol, chosen, ideal_weight, notices):
        amounts.append(_amount(protocol, chosen, basis, weight, _actual_weight(facts), duration))
    cap = dosing.cap
    if cap.limit is None:
        notices.append(f"No ceiling: {cap.note or 'no sourced absolute limit for one dose'}")
    else:
        limit = Quantity.parse(cap.limit)
        for amount in amounts:
            if amount.dose.compare(limit) > 0:
                raise InputError(
                    "the dose is above the ceiling for one dose",
                    value=str(amount.dose),
                    limit=cap.limit,
                    remedy="choose a lower step",
                )
    if chosen.needs:
        notices.append(f"This step needs: {chosen.needs}")
    if dosing.rest_between_devices is not None:
        notices.append(dosing.rest_between_devices.text)
    return DoseProposal(protocol, chosen, duration, tuple(amounts), tuple(notices), suggested)


def _refuse_excluded(facts: Facts, protocol: Protocol) -> None:
    for rule in protocol.stage(Stage.ELIGIBILITY):
        if rule.is_active and rule.action is Action.EXCLUDE and rule.outcome(facts)[0] == "fires":
            raise InputError(
                "no dose is proposed for somebody who is excluded",
                value=f"{rule.id} {rule.title}",
                limit=say(rule.condition, dictionary()),
                remedy="see the assessment; correct the fact if it is wrong",
            )


def _refuse_duration(over: Quantity, protocol: Protocol) -> None:
    """Far from the steps of the protocol an infusion becomes a bolus, or the pump's rate rounds to 0.0."""
    durations = [Quantity.parse(step.over) for step in protocol.dosing.steps if step.over]
    low, high = min(durations), max(durations)
    if not low <= over <= high:
        raise InputError(
            "the infusion time leaves the range of this protocol",
            value=str(over),
            limit=f"{low} to {high}",
            remedy="choose a time inside it",
        )


def _refuse_outside_range(step: DoseStep, protocol: Protocol) -> None:
    dose, bounds = Quantity.parse(step.dose), protocol.dosing.range
    if not Quantity.parse(bounds.low) <= dose <= Quantity.parse(bounds.high):
        raise InputError(
            "the dose leaves the range of this protocol",
            value=step.dose,
            limit=f"{bounds.low} to {bounds.high}",
            remedy="choose a step inside it",
        )


def _actual_weight(facts: Facts) -> Quantity | None:
    weight = facts.value("body_weight")
    return weight if isinstance(weight, Quantity) else None


def _weights(
    facts: Facts, protocol: Protocol, step: DoseStep, ideal_weight: Quantity | None, notices: list[str]
) -> list[tuple[str, Quantity | None]]:
    """The weight bases to show; two where the protocol asks for a choice."""
    if parse_unit(Quantity.parse(step.dose).unit.code) != parse_unit(PER_WEIGHT):
        return [("fixed dose", None)]
    actual = _actual_weight(facts)
    if actual is None:
        known = facts.known.get("body_weight")
        raise InputError(
            "the dose needs the body weight",
            value=f"{known.shown()} ({known.standing(facts.as_of).value})" if known else "not known",
            limit="a weight measured in the last 90 days, confirmed if unusual",
            remedy="weigh the patient, or confirm an unusual weight that is meant",
        )
    bases: list[tuple[str, Quantity | None]] = [("actual body weight", actual)]
    rule = protocol.dosing.weight
    if rule.show_ideal_when is None:
        return bases
    asked = evaluate(parse_condition(rule.show_ideal_when, dictionary()), facts).truth
    formula = rule.ideal_weight_formula
    if ideal_weight is not None:
        _check_ideal_weight(ideal_weight, actual)
        bases.append((f"ideal body weight ({formula or 'formula not named'})", ideal_weight.to("kg")))
    if asked is Truth.YES:
        said = "Body mass index is high: the prescriber chooses between actual and ideal body weight."
        if ideal_weight is None:
            said += (
                f" Enter the ideal weight by {formula}."
                if formula
                else " It is not worked out: the sources give no formula and the site has named none."
            )
        notices.append(said)
    elif asked is Truth.UNKNOWN:
        notices.append("Height is not known, so whether a second weight basis should be shown is not known.")
    return bases


def _check_ideal_weight(weight: Quantity, actual: Quantity) -> None:
    try:
        dictionary()["body_weight"].parse(str(weight))
    except InputError as refused:
        raise refused.at("ideal weight") from None
    if not weight <= actual:
        raise InputError(
            "the ideal weight is above the actual weight, and would raise the dose",
            value=str(weight),
            limit=f"at most {actual}",
            remedy="check both weights; this basis is for people above their ideal weight",
            where="ideal weight",
        )


def _amount(
    protocol: Protocol,
    step: DoseStep,
    basis: str,
    weight: Quantity | None,
    actual: Quantity | None,
    duration: Quantity | None,
) -> Amount:
    per = Quantity.parse(step.dose)
    rounding = protocol.dosing.rounding
    lines = []
    if weight is None:
        dose = per.to("mg")
        lines.append(Line("fixed dose", str(dose)))
    else:
        kilograms = weight.to("kg").value
        exact = Quantity(per.to(PER_WEIGHT).value * kilograms, parse_unit("mg"))
        lines.append(Line(f"{per} × {_figure(kilograms)} kg", f"{_figure(exact.value)} mg"))
        dose = _round(exact, rounding.dose)
        if dose.value != exact.value:
            lines.append(Line(f"rounded to {rounding.dose}", str(dose)))
    per_kg = None
    if actual is not None:
        per_kg = _round(
            Quantity(dose.value / actual.to("kg").value, parse_unit(PER_WEIGHT)), f"0.001 {PER_WEIGHT}"
        )
    rate = None
    if duration is not None:
        hours = duration.to("h").value
        rate = _round(Quantity(dose.value / hours, parse_unit("mg/h")), "0.1 mg/h")
        lines.append(Line(f"{dose} ÷ {duration}", str(rate)))
    draws = tuple(draw(protocol, product, dose, duration) for product in protocol.dosing.products)
    return Amount(basis, weight, dose, per_kg, rate, tuple(lines), draws)


def draw(protocol: Protocol, product: Product, dose: Quantity, duration: Quantity | None) -> Draw:
    """How a dose comes out of one product: volume or devices, and the pump's rate over ``duration``."""
    dosing = protocol.dosing
    if product.amount_per_device is not None:
        each = Quantity.parse(product.amount_per_device)
        devices = dose.value / each.to("mg").value
        if devices != devices.to_integral_value():
            return Draw(
                product, None, None, None, f"{dose} is not a whole number of devices", "choose another dose"
            )
        return Draw(product, None, int(devices), None, f"{int(devices)} × {each}, one device after the other")
    assert product.strength is not None
    strength = Quantity.parse(product.strength).to("mg/mL").value
    volume = _round(Quantity(dose.value / strength, parse_unit("mL")), dosing.rounding.volume)
    text = f"{dose} ÷ {product.strength} = {volume}"
    if duration is None:
        return Draw(product, volume, None, None, text)
    ways = _ways(protocol, product, dose, volume, duration)
    text += "; " + ", or ".join(f"{way.text}: {way.rate} for {duration}" for way in ways)
    warning = " ".join(way.warning for way in ways if way.warning)
    if not product.undiluted:
        warning = f"Never give {product.strength} undiluted by this route."
    by_id = {way.id: way for way in ways}
    first = by_id.get(UNDILUTED) or by_id.get(DILUTED)
    return Draw(product, volume, None, first.rate if first else None, text, warning, ways)


UNDILUTED, DILUTED = "undiluted", "diluted"


def _ways(
    protocol: Protocol, product: Product, dose: Quantity, volume: Quantity, duration: Quantity
) -> tuple[Way, ...]:
    dosing, hours = protocol.dosing, duration.to("h").value
    ways = []
    if product.undiluted:
        assert product.strength is not None
        strength = Quantity.parse(product.strength).to("mg/mL").value
        rate = _round(Quantity(volume.value / hours, parse_unit("mL/h")), dosing.rounding.rate)
        warning = _missed_dose(dose, rate.value * hours * strength, dosing.rounding.rate_error, rate)
        ways.append(Way(UNDILUTED, "undiluted, by syringe pump", rate, warning))
    if dosing.dilution is not None:
        bag = Quantity.parse(dosing.dilution.volume)
        rate = _round(Quantity(bag.to("mL").value / hours, parse_unit("mL/h")), dosing.rounding.rate)
        ways.append(Way(DILUTED, f"made up to {bag} with {dosing.dilution.fluid}", rate))
    return tuple(sorted(ways, key=lambda way: bool(way.warning)))


def _missed_dose(dose: Quantity, given: Decimal, allowed: str, rate: Quantity) -> str:
    """A rounded pump rate that misses the dose by more than is allowed says so."""
    share = abs(given - dose.value) / dose.value
    if share <= Decimal(str(Quantity.parse(allowed).number("1"))):
        return ""
    return f"At {rate} the pump gives {given:.1f} mg, not {dose}: dilute for a finer rate."


def _adjustments(
    facts: Facts, protocol: Protocol, chosen: DoseStep, given_before: bool
) -> tuple[list[str], str | None]:
    notices, suggested = [], None
    for adjustment in protocol.dosing.adjustments:
        if adjustment.when is None:
            if given_before:
                notices.append(f"{adjustment.text} ({adjustment.grade.value})")
            continue
        truth = evaluate(parse_condition(adjustment.when, dictionary()), facts).truth
        if truth is Truth.NO:
            continue
        lead = "" if truth is Truth.YES else "Not known whether this applies: "
        notices.append(f"{lead}{adjustment.text} ({adjustment.grade.value})")
        if truth is Truth.YES and adjustment.use_step and not given_before:
            suggested = adjustment.use_step if adjustment.use_step != chosen.id else None
    return notices, suggested


def _round(quantity: Quantity, step: str) -> Quantity:
    """To the nearest multiple of ``step``, in its unit."""
    of = Quantity.parse(step)
    value = quantity.to(of.unit).value
    return Quantity((value / of.value).quantize(Decimal(1), ROUND_HALF_EVEN) * of.value, of.unit)


def _figure(value: Decimal) -> str:
    """Without trailing zeros: 47.00 as 47."""
    return f"{value.normalize():f}"
