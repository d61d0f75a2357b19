"""Which model answers for a route, and published absorption put on a disposition that has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.linalg import expm
from scipy.optimize import brentq

from openkap.core.errors import InputError
from openkap.pharmacology.assembly import assemble
from openkap.pharmacology.library import (
    Default,
    Loan,
    ask_again,
    ceilings,
    defaults,
    number,
    reference_weight_kg,
)
from openkap.pharmacology.model import CompartmentModel, load_model
from openkap.pharmacology.population import Person, everybody
from openkap.pharmacology.regimen import Dose, Regimen
from openkap.pharmacology.schema import Path, Value
from openkap.pharmacology.variability import individual_parameters


@dataclass(frozen=True)
class Choice:
    """The model chosen for a route, with the default's reason and confidence."""

    model: CompartmentModel
    default: Default


def choose(route: str, drug: str, *, site: str | None = None) -> Choice:
    """The default model of a route; ``InputError`` with the reason where no human kinetics exist."""
    rows = [row for row in defaults() if route in row.routes and row.drug == drug]
    if site is not None and any(row.site for row in rows):
        rows = [row for row in rows if row.site == site]
    if not rows:
        known = sorted({f"{r} {row.drug}" for row in defaults() for r in row.routes if row.model})
        raise InputError(
            "no model for this route and drug",
            value=f"{route} {drug}" + (f" {site}" if site else ""),
            limit=", ".join(known),
            remedy="choose one of these, or give your own with --model-file",
        )
    row = rows[0]
    if row.model is None:
        raise InputError(
            f"{row.reason}: a {route} curve of {drug} would be invented",
            value=f"{route} {drug}",
            remedy="use a route with human kinetics; 'openkap routes' lists them",
        )
    model = load_model(row.model)
    if row.absorption is not None:
        model = with_absorption(model, route, row.absorption)
    return Choice(model, row)


def with_absorption(model: CompartmentModel, route: str, loan: Loan) -> CompartmentModel:
    """``model`` with a first-order path for ``route``: published bioavailability, rate from time to peak."""
    rate = rate_for_peak(model, number(loan.tmax, "min"))
    fraction, ka = f"F_{route}", f"ka_{route}"
    parameters: dict[str, Value] = {
        **model.file.parameters,
        fraction: loan.bioavailability,
        ka: Value(
            value=rate,
            unit="/min",
            meaning=f"rate that puts the peak at {loan.tmax.value:g} {loan.tmax.unit} on this disposition",
            source=("calc", *loan.tmax.source),
            grade="calc",
        ),
    }
    into = model.paths("iv")[0].into
    path = Path(name="absorbed", into=into, fraction=fraction, rate=ka)
    said = (
        f"{route}: bioavailability {loan.bioavailability.value:g}"
        + (f" (published {_span(loan.bioavailability)})" if loan.bioavailability.range else "")
        + f" and time to peak {loan.tmax.value:g} min"
        + (f" ({_span(loan.tmax)})" if loan.tmax.range else "")
        + f" are put on the disposition {model.id}; their variability is not in the band"
    )
    file = model.file.model_copy(
        update={
            "parameters": parameters,
            "routes": {**model.file.routes, route: (path,)},
            "warnings": (said, *model.file.warnings),
            "source": tuple(dict.fromkeys((*model.file.source, *loan.bioavailability.source))),
        }
    )
    return replace(model, file=file)


def _span(value: Value) -> str:
    assert value.range is not None
    return f"{value.range[0]:g} to {value.range[1]:g}"


@lru_cache(maxsize=256)
def rate_for_peak(model: CompartmentModel, tmax_min: float) -> float:
    """The absorption rate (1/min) whose concentration peaks at ``tmax_min`` in a typical 70 kg person.

    The peak is where the concentration stops rising; the faster the absorption, the earlier that is. Raises
    ``InputError`` when no rate can bring the peak so late.
    """
    body = everybody(Person(weight_kg=reference_weight_kg()))
    values, _ = individual_parameters(model, body)
    bolus = Regimen((Dose("iv", 1.0),))
    built = assemble(model, values, bolus, np.array([reference_weight_kg()]))
    rates, into = built.system.rates[0], built.jumps[0].state
    size = len(rates)

    def rise(log_rate: float) -> float:
        full = np.zeros((size + 1, size + 1))
        full[:size, :size] = rates
        full[into, size], full[size, size] = np.exp(log_rate), -np.exp(log_rate)
        amounts = expm(full * tmax_min)[:, size]
        return float(full[into] @ amounts)

    low, high = np.log(1e-5), np.log(1e3)
    if rise(low) < 0:
        raise InputError(
            "no absorption rate can put the peak so late", value=f"{tmax_min:g} min", remedy="check the time"
        )
    return float(np.exp(brentq(rise, low, high, xtol=1e-12)))


def check_dose(regimen: Regimen, drug: str, weight_kg: float, *, confirmed: bool = False) -> list[str]:
    """Warnings for doses above the highest on record; far above it an ``InputError`` that asks again."""
    notes: list[str] = []
    factor = number(ask_again(), "1")
    for dose in regimen.doses:
        for row in ceilings():
            if row.route != dose.route or row.drug != drug or row.value is None:
                continue
            highest = row.value * weight_kg if row.unit == "mg/kg" else row.value
            given = dose.mg(weight_kg)
            if given > factor * highest and not confirmed:
                raise InputError(
                    "this dose is far above any on record: were micrograms meant?",
                    value=f"{given:g} mg {dose.route}",
                    limit=f"{highest:g} mg ({row.meaning})",
                    remedy=f"write {given:g} ug if that was meant, or confirm with --confirm-dose",
                )
            if given > highest:
                notes.append(
                    f"{given:g} mg is above the highest {dose.route} dose on record, {highest:g} mg "
                    f"({row.meaning}): extrapolation"
                )
    return list(dict.fromkeys(notes))


def check_person(model: CompartmentModel, person: Person, regimen: Regimen) -> list[str]:
    """What must be said when a person lies outside what the model was built from."""
    notes: list[str] = []
    bounds = model.file.validity
    for name, value, unit in (
        ("weight_kg", person.weight_kg, "kg"),
        ("age_years", person.age_years, "years"),
    ):
        pair = getattr(bounds, name) if bounds else None
        what = name.split("_")[0]
        if value is not None and pair is not None and not pair[0] <= value <= pair[1]:
            notes.append(
                f"{what} {value:g} {unit} is outside the {pair[0]:g} to {pair[1]:g} {unit} of the model: "
                "extrapolation"
            )
        elif value is not None and pair is None:
            notes.append(f"the {what} range of the people behind {model.id} was not found")
    if model.file.fixed_dose and any(dose.per_kg for dose in regimen.doses):
        notes.append(
            "esketamine by this model is dosed in fixed mg, not by weight: weight has no effect on it"
        )
    if model.file.fixed_dose and person.weight_kg is not None:
        notes.append("weight was screened in this model and has no effect on the curve")
    notes += _hepatic(person.hepatic)
    if person.bmi is not None and person.bmi >= 30 and any(dose.per_kg for dose in regimen.doses):
        notes.append(
            f"BMI {person.bmi:.0f}: a consensus suggests ideal weight for mg/kg doses from BMI 30 on, the "
            "landmark trials used actual weight (bmi_singh)"
        )
    return notes


def _hepatic(state: str | None) -> list[str]:
    if state == "moderate":
        known = "exposure and half-life are higher, by how much was not found"
        return [f"moderate hepatic impairment: {known}; the curve does not include it (label_2019)"]
    if state == "severe":
        return ["severe hepatic impairment was not studied (label_2019): this curve does not apply"]
    return []


def assumptions(texts: tuple[str, ...]) -> Mapping[str, str]:
    """``name=value`` pairs from the command line."""
    pairs = [text.partition("=") for text in texts]
    for name, equals, value in pairs:
        if not (name and equals and value.strip()):
            raise InputError(
                "not an assumption",
                value=name,
                limit="name=value with unit, such as hill=1",
                remedy="correct it",
            )
    return {name.strip(): value.strip() for name, _, value in pairs}
