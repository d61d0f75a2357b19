"""What measured concentrations teach about one person: maximum a posteriori estimates of random effects.

Minimised is ``sum((ln measured - ln predicted)^2 / s^2) + effects' inverse(covariance) effects``: log-normal
error, with the model's residual on the log scale, and the model's between-person covariance as prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from openkap.core.errors import InputError
from openkap.pharmacology.model import CompartmentModel, load_model
from openkap.pharmacology.population import Person
from openkap.pharmacology.regimen import Regimen
from openkap.pharmacology.simulate import simulate
from openkap.pharmacology.variability import Effects, random_effects, shifted

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measurement:
    """One measured level: minute, ng/mL, of which substance (the drug given by default)."""

    minute: float
    level_ng_ml: float
    analyte: str | None = None

    def __post_init__(self) -> None:
        if not (self.minute >= 0 and 0 < self.level_ng_ml < 1e6):
            raise InputError(
                "a measured level needs a time from 0 on and a level above zero",
                value=f"{self.level_ng_ml:g} ng/mL at {self.minute:g} min",
                limit="levels below the limit of quantification are left out",
                remedy="check the row",
            )


@dataclass(frozen=True)
class Learnt:
    """The update of one person.

    ``change`` maps each varying parameter to (before, after) in the room's units (mg, L, min);
    ``effect_sd`` maps it to the standard deviations of its effect (before, after); ``predicted`` holds
    (before, after) for each measurement, ng/mL.
    """

    person: Person
    change: dict[str, tuple[float, float]]
    effect_sd: dict[str, tuple[float, float]]
    predicted: tuple[tuple[float, float], ...]
    converged: bool
    warnings: tuple[str, ...]


def learn(
    model: CompartmentModel | str, regimen: Regimen, person: Person, measured: Sequence[Measurement]
) -> Learnt:
    """The person's most probable parameters after the measurements.

    Raises ``InputError`` when the model has no between-person variability or no residual error to weigh
    them with. The returned person carries the effects: simulate with it to see the person's own curve.
    """
    model = load_model(model) if isinstance(model, str) else model
    effects = random_effects(model)
    if not effects.names:
        raise InputError(
            f"the model {model.id} has no between-person variability: nothing can be learnt with it",
            remedy="choose a model with variability, see 'openkap models list'",
        )
    if not measured:
        raise InputError("no measured level", remedy="give at least one")
    spread, notes = _residual(model, measured)
    root = np.linalg.cholesky(effects.covariance + 1e-12 * np.eye(len(effects.names)))
    logs = np.log([each.level_ng_ml for each in measured])

    def carrying(standard: Array) -> Person:
        values = root @ standard
        return replace(person, effects=dict(zip(effects.names, map(float, values), strict=True)))

    def misfit(standard: Array) -> Array:
        levels = _predict(model, regimen, carrying(standard), measured)
        return np.concatenate([(logs - np.log(levels)) / spread, standard])

    start = np.zeros(len(effects.names))
    found = least_squares(misfit, start, xtol=1e-12, ftol=1e-12, gtol=1e-10)
    after = carrying(found.x)
    posterior = root @ np.linalg.inv(found.jac.T @ found.jac) @ root.T
    before_levels = _predict(model, regimen, replace(person, effects={}), measured)
    after_levels = _predict(model, regimen, after, measured)
    return Learnt(
        person=after,
        change=_change(model, regimen, person, after, effects),
        effect_sd={
            name: (float(effects.covariance[i, i] ** 0.5), float(posterior[i, i] ** 0.5))
            for i, name in enumerate(effects.names)
        },
        predicted=tuple(zip(map(float, before_levels), map(float, after_levels), strict=True)),
        converged=bool(found.success),
        warnings=(*notes, *([] if found.success else ["the search did not converge"])),
    )


def _predict(
    model: CompartmentModel, regimen: Regimen, person: Person, measured: Sequence[Measurement]
) -> Array:
    times = sorted({each.minute for each in measured})
    result = simulate(model, regimen, person, times, areas=False)
    where = {minute: i for i, minute in enumerate(times)}
    levels = [result.concentrations[m.analyte or model.parent][0, where[m.minute]] for m in measured]
    # A level before the dose is zero in the model; measured above zero it can only be misfit.
    return np.asarray(np.maximum(np.array(levels), 1e-6))


def _change(
    model: CompartmentModel, regimen: Regimen, before: Person, after: Person, effects: Effects
) -> dict[str, tuple[float, float]]:
    typical = simulate(model, regimen, replace(before, effects={}), [0.0], areas=False).parameters
    return {
        name: (
            float(typical[name][0]),
            float(shifted(typical[name], np.array(after.effects[name]), is_logit=name in effects.logit)[0]),
        )
        for name in effects.names
    }


def _residual(model: CompartmentModel, measured: Sequence[Measurement]) -> tuple[Array, list[str]]:
    """Log-scale standard deviation for each measurement."""
    lender, notes = model, []
    spread = model.file.variability
    if not model.file.residual and spread is not None and spread.borrowed is not None:
        lender = load_model(spread.borrowed.model)
        notes.append(f"residual error is borrowed from {lender.id}: this model has none of its own")
    found: list[float] = []
    for each in measured:
        analyte = each.analyte or model.parent
        if analyte not in model.file.analytes:
            raise InputError(
                "the model does not describe this substance",
                value=analyte,
                limit=", ".join(model.file.analytes),
                remedy="leave the row out",
            )
        role = lender.file.analytes[min(model.file.analytes.index(analyte), len(lender.file.analytes) - 1)]
        rows = [r for r in lender.file.residual if r.analyte == role and r.kind in ("proportional", "log")]
        if not rows:
            raise InputError(
                f"the model {model.id} has no residual error: measurements cannot be weighed against it",
                remedy="choose a model with variability, see 'openkap models list'",
            )
        found.append(rows[0].sd)
    return np.array(found), notes
