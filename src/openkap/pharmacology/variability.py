"""Parameters of each person: typical values, covariates, random effects, parameter uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openkap.core.errors import ContentError
from openkap.pharmacology.library import reference_weight_kg
from openkap.pharmacology.model import CompartmentModel, load_model, units_inside
from openkap.pharmacology.population import Population
from openkap.pharmacology.schema import Covariate, Spread

Array = NDArray[np.float64]

_NORMAL_95 = 1.959963984540054  # two-sided 95 % point of the normal distribution


@dataclass(frozen=True)
class Effects:
    """Random effects of a model: names, covariance on their own scale, and which ones are logits."""

    names: tuple[str, ...]
    covariance: Array
    logit: frozenset[str]


def individual_parameters(
    model: CompartmentModel, people: Population, *, uncertainty: bool = False
) -> tuple[dict[str, Array], list[str]]:
    """Every known parameter for every person, shape (people,), in mg, L, min; and what must be said.

    ``uncertainty`` draws each person's typical values from their standard errors, where those are known.
    """
    notes: list[str] = []
    size = people.size
    values = {name: np.full(size, value) for name, value in model.typical().items()}
    generator = np.random.default_rng(people.seed)
    if uncertainty:
        notes += _draw_uncertainty(model, values, generator)
    notes += _apply_covariates(model, people, values)
    effects = random_effects(model)
    if people.varied:
        notes += _say_variability(model)
        drawn = draw(effects, size, generator)
        notes += _draw_occasion(model, values, generator)
    else:
        drawn = {}
    for name in dict.fromkeys([*drawn, *people.effects]):
        eta = people.effects[name] if name in people.effects else drawn[name]
        values[name] = shifted(values[name], eta, is_logit=name in effects.logit)
    return values, notes


def shifted(typical: Array, effect: Array, *, is_logit: bool) -> Array:
    """The person's value: ``typical * exp(effect)``, or the same on the logit scale."""
    if not is_logit:
        return np.asarray(typical * np.exp(effect))
    return np.asarray(1 / (1 + (1 - typical) / typical * np.exp(-effect)))


def random_effects(model: CompartmentModel) -> Effects:
    """The model's between-person effects, its own or borrowed."""
    spread = model.file.variability
    if spread is None:
        return Effects((), np.zeros((0, 0)), frozenset())
    if spread.borrowed is not None:
        base = random_effects(load_model(spread.borrowed.model))
        names = tuple(spread.borrowed.effects)
        weights = np.zeros((len(names), len(base.names)))
        for i, name in enumerate(names):
            for other, weight in spread.borrowed.effects[name].items():
                weights[i, base.names.index(other)] = weight
        return Effects(names, weights @ base.covariance @ weights.T, frozenset())
    known = {name: each for name, each in spread.omega.items() if each.value is not None}
    names = tuple(known)
    covariance = np.diag([variance(each) for each in known.values()])
    for each in spread.covariance:
        i, j = names.index(each.between[0]), names.index(each.between[1])
        covariance[i, j] = covariance[j, i] = each.value
    if names and np.linalg.eigvalsh(covariance).min() < -1e-12:
        raise ContentError(
            "the covariance of the random effects is not one of real numbers",
            value=", ".join(names),
            remedy="a covariance is too large for its two variances: check them",
            where=str(model.origin),
        )
    logit = frozenset(name for name, each in known.items() if each.type == "sd_logit")
    return Effects(names, covariance, logit)


def variance(spread: Spread) -> float:
    """The variance of the effect; a CV of a log-normal parameter has ``log(1 + CV^2)``."""
    assert spread.value is not None
    if spread.type == "variance_log":
        return spread.value
    if spread.type == "sd_logit":
        return spread.value**2
    return float(np.log1p((spread.value / 100) ** 2))


def draw(effects: Effects, size: int, generator: np.random.Generator) -> dict[str, Array]:
    """Correlated normal effects for ``size`` people."""
    if not effects.names:
        return {}
    values, vectors = np.linalg.eigh(effects.covariance)
    root = vectors * np.sqrt(np.clip(values, 0, None))
    drawn = generator.standard_normal((size, len(effects.names))) @ root.T
    return {name: np.ascontiguousarray(drawn[:, i]) for i, name in enumerate(effects.names)}


def _draw_occasion(
    model: CompartmentModel, values: dict[str, Array], generator: np.random.Generator
) -> list[str]:
    spread = model.file.variability
    if spread is None or not spread.occasion:
        return []
    for name, each in spread.occasion.items():
        if each.value is not None:
            size = len(values[name])
            values[name] = values[name] * np.exp(generator.normal(0, np.sqrt(variance(each)), size))
    return ["variability between occasions is drawn once for each person: every session is alike"]


def _draw_uncertainty(
    model: CompartmentModel, values: dict[str, Array], generator: np.random.Generator
) -> list[str]:
    known: list[str] = []
    for name, each in model.file.parameters.items():
        if each.value is None or each.value <= 0:
            continue
        relative = 0.0
        if each.se is not None:
            relative = each.se / each.value
        elif each.rse_percent is not None:
            relative = each.rse_percent / 100
        elif each.ci95 is not None:
            relative = (each.ci95[1] - each.ci95[0]) / (2 * _NORMAL_95) / each.value
        if relative:
            known.append(name)
            size = len(values[name])
            values[name] = values[name] * np.exp(generator.normal(0, np.sqrt(np.log1p(relative**2)), size))
    if not known:
        return ["no standard error of any parameter was found: parameter uncertainty is not in the band"]
    return ["parameter uncertainty is drawn independently for: " + ", ".join(known)]


def _apply_covariates(model: CompartmentModel, people: Population, values: dict[str, Array]) -> list[str]:
    notes: list[str] = []
    weight = np.where(np.isnan(people.weight_kg), reference_weight_kg(), people.weight_kg)
    for name, each in model.file.parameters.items():
        if name in values and each.unit and each.unit.endswith("/kg"):
            values[name] = values[name] * weight
    for covariate in model.file.covariates:
        if covariate.form in ("not_retained", "not_applied", "per_kg") or covariate.apply == "never":
            continue
        names = [name for name in covariate.on if name in values]
        factor, shift = _effect(covariate, people, weight)
        for name in names:
            values[name] = values[name] * factor + shift
    if model.file.covariates and np.isnan(people.weight_kg).any() and _uses_weight(model):
        notes.append(f"weight not given: {reference_weight_kg():g} kg, the model's reference, is used")
    if np.isnan(people.age_years).any() and any(c.covariate == "age_over_60" for c in model.file.covariates):
        notes.append("age not given: taken as 60 years or younger")
    return notes


def _uses_weight(model: CompartmentModel) -> bool:
    return any(c.covariate == "weight" and c.form in ("power", "per_kg") for c in model.file.covariates)


def _effect(covariate: Covariate, people: Population, weight: Array) -> tuple[Array, Array]:
    one, none = np.ones(people.size), np.zeros(people.size)
    if covariate.form == "power":
        assert covariate.reference is not None
        assert covariate.value is not None
        return (weight / covariate.reference) ** covariate.value, none
    if covariate.form == "linear_above":
        assert covariate.reference is not None
        assert covariate.value is not None
        age = np.where(np.isnan(people.age_years), covariate.reference, people.age_years)
        slope = covariate.value * units_inside(covariate.unit or "1")
        return one, slope * np.clip(age - covariate.reference, 0, None)
    assert covariate.value is not None
    flag = people.flags.get(covariate.covariate, np.zeros(people.size, dtype=bool))
    return np.where(flag, covariate.value, 1.0), none


def _say_variability(model: CompartmentModel) -> list[str]:
    spread = model.file.variability
    if spread is None or not (spread.omega or spread.borrowed):
        none = "this model has no between-person variability: the band shows only what covariates make"
        return [f"{none}, people differ more than this"]
    if spread.borrowed is not None:
        which = ", ".join(spread.borrowed.effects)
        lender = spread.borrowed.model
        return [f"variability of {which} is borrowed from {lender}: this model has none of its own"]
    missing = [name for name, each in spread.omega.items() if each.value is None]
    return [f"no variability was found for: {', '.join(missing)}"] if missing else []
