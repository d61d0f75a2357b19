"""What a curve amounts to: peak, area, time above a level, half-life; and which dose equals which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openkap.core.errors import InputError
from openkap.pharmacology.assembly import NG_ML_PER_MG_L, assemble
from openkap.pharmacology.library import reference_weight_kg
from openkap.pharmacology.model import CompartmentModel
from openkap.pharmacology.population import Person, Population, everybody
from openkap.pharmacology.regimen import Regimen
from openkap.pharmacology.simulate import Simulation, checked_times, simulate
from openkap.pharmacology.variability import individual_parameters

Array = NDArray[np.float64]

FINEST_GRID_MIN = 1.0
_MOST_POINTS = 3000


@dataclass(frozen=True)
class Exposure:
    """One substance in many people, each of shape (people,): ng/mL, min, ng/mL*h, h.

    ``auc`` is the exact area up to the last time, ``auc_infinite`` the exact area for ever.
    """

    analyte: str
    cmax: Array
    tmax_min: Array
    auc: Array
    auc_infinite: Array
    half_life_h: Array


def output_times(regimen: Regimen, until_min: float) -> Array:
    """An even grid of minutes to ``until_min``, as fine as one minute where that is affordable."""
    if until_min <= 0:
        raise InputError(
            "the simulated time must be above zero", value=f"{until_min:g} min", remedy="give --until"
        )
    step = max(FINEST_GRID_MIN, float(np.ceil(until_min / _MOST_POINTS)))
    grid = np.arange(0, until_min + step / 2, step)
    grid[-1] = until_min if abs(grid[-1] - until_min) < step / 2 else grid[-1]
    ends = np.array([dose.start_min + dose.over_min for dose in regimen.doses])
    return checked_times(np.union1d(grid[grid <= until_min], ends[(ends <= until_min) & (ends > 0)]))


def exposure(simulation: Simulation, analyte: str | None = None) -> Exposure:
    """Peak, area and half-life of ``analyte`` (the drug given by default).

    The peak is the highest value on the simulation's own times, with the vertex of the parabola through its
    neighbours where the curve is smooth there; the areas come from the solution itself, not from trapezes.
    """
    name = analyte or simulation.model.parent
    if name not in simulation.areas:
        raise InputError(
            "this substance is not in the simulation",
            value=name,
            limit=", ".join(simulation.areas) or "simulate with areas",
            remedy="choose one of these",
        )
    values = simulation.concentrations[name]
    cmax, tmax = peak(simulation.time_min, values, breaks=_breaks(simulation.regimen))
    infinite, half_life = _for_ever(simulation, name)
    return Exposure(name, cmax, tmax, simulation.areas[name][:, -1], infinite, half_life)


def _breaks(regimen: Regimen) -> Array:
    return np.array([t for d in regimen.doses for t in (d.start_min, d.start_min + d.over_min)])


def peak(times: Array, values: Array, *, breaks: Array) -> tuple[Array, Array]:
    """Highest value and its time for each row of ``values`` (people, times)."""
    people = np.arange(len(values))
    at = values.argmax(axis=1)
    best, when = values[people, at], times[at]
    smooth = (at > 0) & (at < len(times) - 1) & ~np.isin(when, breaks)
    who, mid = people[smooth], at[smooth]
    x0, x1, x2 = times[mid - 1], times[mid], times[mid + 1]
    y0, y1, y2 = values[who, mid - 1], values[who, mid], values[who, mid + 1]
    left, right = (y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)
    bend = (right - left) / (x2 - x0)
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = np.where(bend < 0, (x0 + x1) / 2 - left / (2 * bend), x1)
        height = y1 + (vertex - x1) * (left + bend * (vertex - x0))
    inside = (vertex > x0) & (vertex < x2) & (height >= y1)
    best[who], when[who] = np.where(inside, height, y1), np.where(inside, vertex, x1)
    return best, when


def _for_ever(simulation: Simulation, analyte: str) -> tuple[Array, Array]:
    """Area to infinity (ng/mL*h) by solving ``A x = -input``, and terminal half-life (h)."""
    people = simulation.people
    weight = np.where(np.isnan(people.weight_kg), reference_weight_kg(), people.weight_kg)
    built = assemble(simulation.model, simulation.parameters, simulation.regimen, weight)
    rates, size = built.system.rates, built.system.rates.shape[1]
    if built.saturations or built.losses:
        unknown = np.full(people.size, np.nan)
        return unknown, unknown
    given = np.zeros((people.size, size, 1))
    for jump in built.jumps:
        given[:, jump.state, 0] += jump.amount_mg
    for inflow in built.inflows:
        given[:, inflow.state, 0] += inflow.rate_mg_min * (inflow.stop_min - inflow.start_min)
    total = np.linalg.solve(rates, -given)
    row = built.reported.index(analyte)
    area = (built.system.outputs[:, row, :] * total[:, :, 0]).sum(axis=1) / 60.0
    slowest = -np.linalg.eigvals(rates).real.max(axis=1)
    return area, np.log(2) / slowest / 60.0


def time_above(simulation: Simulation, level_ng_ml: float, analyte: str | None = None) -> Array:
    """Minutes above a level for each person, crossings by linear interpolation; shape (people,)."""
    if level_ng_ml <= 0:
        raise InputError("a level must be above zero", value=f"{level_ng_ml:g} ng/mL", remedy="check it")
    values = simulation.concentrations[analyte or simulation.model.parent] - level_ng_ml
    gaps = np.diff(simulation.time_min)
    left, right = values[:, :-1], values[:, 1:]
    span = np.abs(left) + np.abs(right)
    above = np.clip(left, 0, None) + np.clip(right, 0, None)
    share = np.divide(above, span, out=np.zeros_like(span), where=span > 0)
    return np.asarray((share * gaps).sum(axis=1))


@dataclass(frozen=True)
class Equivalent:
    """The dose (mg) by another way with the same exposure: median and 90 % of people between the ends."""

    measure: str
    median_mg: float
    low_mg: float
    high_mg: float
    people: int
    warnings: tuple[str, ...]


def equivalent_dose(
    reference: tuple[CompartmentModel, Regimen],
    other: tuple[CompartmentModel, Regimen],
    person: Person,
    *,
    measure: str = "auc",
    n: int = 500,
    seed: int = 1,
    until_min: float = 1440.0,
) -> Equivalent:
    """How many mg of ``other`` give the exposure of ``reference`` (``measure``: ``auc`` or ``cmax``).

    Each virtual person has one ratio; both models draw their own effects, so a person's two curves vary
    independently and the band is, if anything, too wide. Models are linear, so that the dose scales with
    the exposure; a device schedule (28 mg steps) is linear only within the split it was given.
    """
    if measure not in ("auc", "cmax"):
        raise InputError("unknown measure", value=measure, limit="auc, cmax", remedy="choose one")
    weight = person.weight_kg or reference_weight_kg()
    ratios = []
    found = []
    for offset, (model, regimen) in enumerate((reference, other)):
        crowd = Population.around(person, n, seed=seed + offset)
        sim = simulate(model, regimen, crowd, output_times(regimen, until_min))
        result = exposure(sim)
        ratios.append(result.auc_infinite if measure == "auc" else result.cmax)
        found.append(sim)
    given = sum(dose.mg(weight) for dose in other[1].doses)
    doses = given * ratios[0] / ratios[1]
    low, median, high = np.quantile(doses, (0.05, 0.5, 0.95))
    notes = []
    if reference[0].file.drug != other[0].file.drug:
        notes.append("one side is racemic ketamine, the other esketamine: equal ng/mL is not equal effect")
    if reference[0].file.sampling.site != other[0].file.sampling.site:
        notes.append(
            f"sampling sites differ ({reference[0].file.sampling.site}, {other[0].file.sampling.site}): "
            "peaks cannot be compared directly"
        )
    return Equivalent(measure, float(median), float(low), float(high), n, tuple(notes))


def clearance_l_h(model: CompartmentModel, person: Person) -> float:
    """Total clearance of the drug given by vein, L/h, typical for this person: dose over area."""
    body = everybody(person)
    values, _ = individual_parameters(model, body)
    built = assemble(
        model, values, Regimen.single(route="iv", dose="1 mg"), np.array([reference_weight_kg()])
    )
    given = np.zeros(built.system.rates.shape[1])
    given[built.jumps[0].state] = 1.0
    area = built.system.outputs[0, 0] @ np.linalg.solve(built.system.rates[0], -given)
    return float(NG_ML_PER_MG_L / area * 60.0)
