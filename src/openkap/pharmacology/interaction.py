"""What other drugs do to exposure, by route: large where the gut and liver come first, small by vein."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scipy.optimize import brentq

from openkap.core.errors import InputError
from openkap.pharmacology.library import (
    EffectInteraction,
    Interaction,
    interactions,
    reference_weight_kg,
    rows,
)
from openkap.pharmacology.model import CompartmentModel
from openkap.pharmacology.regimen import Regimen
from openkap.pharmacology.schema import Value


@dataclass(frozen=True)
class Applied:
    """A regimen and model as another drug changes them; ``row`` is the study used, if any."""

    regimen: Regimen
    model: CompartmentModel
    row: Interaction | None
    warnings: tuple[str, ...]


def perpetrators() -> tuple[str, ...]:
    """Drugs with at least one row."""
    return tuple(dict.fromkeys(row.perpetrator for row in interactions() if row.route != "in_vitro"))


def apply_interaction(model: CompartmentModel, regimen: Regimen, drug: str) -> Applied:
    """The model and regimen with ``drug`` on board.

    By vein the elimination is scaled until the typical area has the published ratio; by other routes the
    absorbed dose is (the change sits before the circulation). Without a published ratio nothing changes
    and the answer says so. ``InputError`` for a drug without any row.
    """
    if drug not in perpetrators():
        raise InputError(
            "no interaction with this drug is in the content",
            value=drug,
            limit=", ".join(perpetrators()),
            remedy="'unknown' is not 'none': ask a pharmacist",
        )
    notes: list[str] = []
    chosen: Interaction | None = None
    for route in regimen.routes:
        known = [row for row in interactions() if row.perpetrator == drug and row.route == route]
        usable = [row for row in known if row.auc_ratio is not None]
        if not usable:
            found = "; ".join(row.other or "" for row in known) or "no study by this route"
            notes.append(
                f"{drug} by the {route} route: no ratio found ({found}); the curve does not include it"
            )
            continue
        chosen = usable[0]
        assert chosen.auc_ratio is not None
        if len(usable) > 1:
            every = ", ".join(f"{row.auc_ratio:g} ({row.source[0]})" for row in usable)
            notes.append(f"{drug}, {route}: studies give area ratios {every}; the first is used")
        notes.append(
            f"{drug}, {route}: area × {chosen.auc_ratio:g}"
            + (f", peak × {chosen.cmax_ratio:g} as published" if chosen.cmax_ratio else "")
            + f" (n = {chosen.n}, {', '.join(chosen.source)}; {chosen.mechanism})"
        )
        if model.file.drug != "esketamine":
            notes.append("the studies gave esketamine; for racemic ketamine this is an extrapolation")
        if route == "iv":
            model = _faster(model, chosen.auc_ratio)
        else:
            notes.append(f"{route}: the absorbed dose is scaled; the shape of the curve is kept")
            doses = tuple(
                replace(dose, amount=dose.amount * chosen.auc_ratio) if dose.route == route else dose
                for dose in regimen.doses
            )
            regimen = Regimen(doses)
    return Applied(regimen, model, chosen, tuple(dict.fromkeys(notes)))


def _faster(model: CompartmentModel, ratio: float) -> CompartmentModel:
    """The model with its elimination scaled so that the area by vein is ``ratio`` of before."""
    from openkap.pharmacology.exposure import clearance_l_h
    from openkap.pharmacology.population import Person

    names = [name for name in ("CL", "CLK1", "k10", "kel", "kmet") if name in model.file.parameters]
    person = Person(weight_kg=reference_weight_kg())
    wanted = clearance_l_h(model, person) / ratio

    def scaled(factor: float) -> CompartmentModel:
        changed: dict[str, Value] = {}
        for name in names:
            old = model.file.parameters[name]
            assert old.value is not None
            changed[name] = old.model_copy(update={"value": old.value * factor})
        parameters = {**model.file.parameters, **changed}
        return replace(model, file=model.file.model_copy(update={"parameters": parameters}))

    def miss(factor: float) -> float:
        return clearance_l_h(scaled(factor), person) - wanted

    factor = float(brentq(miss, 1e-3, 1e3, xtol=1e-12))
    return scaled(factor)


def effect_interactions() -> tuple[EffectInteraction, ...]:
    """What other drugs do to effects: warnings, never numbers on a curve."""
    return rows(EffectInteraction, "interactions", "pharmacodynamic.yaml")
