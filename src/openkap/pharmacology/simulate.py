"""The one door: ``simulate(model, regimen, people, times) -> Simulation``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.pharmacology.assembly import EFFECT_SITE, Assembly, assemble
from openkap.pharmacology.disposition import solve
from openkap.pharmacology.library import reference_weight_kg
from openkap.pharmacology.model import CompartmentModel, load_model
from openkap.pharmacology.nonlinear import integrate
from openkap.pharmacology.population import Person, Population, everybody
from openkap.pharmacology.regimen import Regimen
from openkap.pharmacology.variability import individual_parameters

Array = NDArray[np.float64]

# A band is drawn between these quantiles of the people: the middle, and ninety of a hundred.
QUANTILES = (0.05, 0.5, 0.95)
_CHUNK = 20_000


@dataclass(frozen=True)
class Simulation:
    """Concentrations of people over time.

    ``time_min`` (times,), minutes. ``concentrations`` maps each analyte to (people, times), ng/mL at
    ``site``; ``effect_site`` is (people, times) or ``None``; ``areas`` maps each analyte to its area under
    the curve so far, (people, times), ng/mL * h. ``parameters`` maps names to (people,), mg, L, min.
    ``warnings`` are part of the answer and must be shown with it.
    """

    model: CompartmentModel
    regimen: Regimen
    people: Population
    time_min: Array
    concentrations: dict[str, Array]
    areas: dict[str, Array]
    effect_site: Array | None
    parameters: dict[str, Array] = field(repr=False)
    warnings: tuple[str, ...]

    @property
    def site(self) -> str:
        """Where the blood was drawn that the model describes."""
        return self.model.file.sampling.site

    @property
    def sources(self) -> tuple[str, ...]:
        """Ids of the sources of the model."""
        return self.model.file.source

    @property
    def parent(self) -> Array:
        """Concentration of the drug given, (people, times), ng/mL."""
        return self.concentrations[self.model.parent]

    def band(self, analyte: str | None = None, quantiles: Sequence[float] = QUANTILES) -> dict[float, Array]:
        """Quantiles over people at each time, each of shape (times,), ng/mL."""
        values = self.concentrations[analyte or self.model.parent]
        found = np.quantile(values, quantiles, axis=0)
        return dict(zip(quantiles, found, strict=True))


def simulate(
    model: CompartmentModel | str,
    regimen: Regimen,
    people: Person | Sequence[Person] | Population,
    times: ArrayLike,
    *,
    ke0: Quantity | str | None = None,
    uncertainty: bool = False,
    areas: bool = True,
    workers: int = 1,
) -> Simulation:
    """What ``regimen`` does in ``people``.

    Parameters
    ----------
    model : from ``load_model``, or its id.
    regimen : the doses; times count from minute 0.
    people : one person, several, or a population (which draws random effects from its seed).
    times : minutes, increasing, shape (times,). Evenly spaced times are the quickest.
    ke0 : rate of an effect site, such as ``"0.1 /min"``; no default, as none was found in the literature.
    uncertainty : draw typical values from their standard errors, where known.
    areas : also carry the exact area under each curve (``False`` is quicker, for live pages).
    workers : threads; one is best up to some ten thousand people, the steps are too short to share.

    Returns
    -------
    Simulation
        Arrays (people, times); a value at the moment of a bolus includes the bolus.

    Raises
    ------
    InputError
        Times that are negative or not increasing, a route the model lacks, parameters never found.
    """
    model = load_model(model) if isinstance(model, str) else model
    minutes = checked_times(times)
    crowd = everybody(people)
    values, notes = individual_parameters(model, crowd, uncertainty=uncertainty)
    weight = np.where(np.isnan(crowd.weight_kg), reference_weight_kg(), crowd.weight_kg)
    rate = ke0_per_minute(ke0)
    names: list[str] = []
    pieces: list[Array] = []
    for low in range(0, crowd.size, _CHUNK):
        part = slice(low, low + _CHUNK)
        own = {name: value[part] for name, value in values.items()}
        slow = None if rate is None else np.full(len(weight[part]), rate)
        assembly = assemble(model, own, regimen, weight[part], ke0_per_min=slow, integrate=areas)
        names = assembly.reported
        pieces.append(_solved(assembly, minutes, workers))
    found = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    reported = {name: found[:, i] for i, name in enumerate(names)}
    under = {n.removeprefix("auc_"): v / 60.0 for n, v in reported.items() if n.startswith("auc_")}
    return Simulation(
        model=model,
        regimen=regimen,
        people=crowd,
        time_min=minutes,
        concentrations={name: reported[name] for name in names if name in model.file.analytes},
        areas=under,
        effect_site=reported.get(EFFECT_SITE),
        parameters=values,
        warnings=tuple(dict.fromkeys([*notes, *model.file.warnings])),
    )


def _solved(assembly: Assembly, minutes: Array, workers: int) -> Array:
    """Exact where the system is linear; integrated where something saturates."""
    system, jumps, inflows = assembly.system, assembly.jumps, assembly.inflows
    if assembly.saturations or assembly.losses:
        return integrate(system, jumps, inflows, minutes, assembly.saturations, assembly.losses)
    return solve(system, jumps, inflows, minutes, workers=workers)


def checked_times(times: ArrayLike) -> Array:
    """Times as an array of minutes: finite, not negative, increasing."""
    minutes = np.atleast_1d(np.asarray(times, dtype=float))
    if minutes.ndim != 1 or minutes.size == 0 or not np.isfinite(minutes).all():
        raise InputError("times must be a list of numbers", limit="one or more minutes", remedy="check them")
    if minutes[0] < 0:
        raise InputError(
            "a time cannot be negative",
            value=f"{minutes[0]:g} min",
            limit="0 min or later",
            remedy="count time from the start of the first dose",
        )
    if (np.diff(minutes) <= 0).any():
        raise InputError("times must increase", remedy="sort them and remove repetitions")
    return minutes


def ke0_per_minute(ke0: Quantity | str | None) -> float | None:
    """The rate of the effect site in 1/min."""
    if ke0 is None:
        return None
    quantity = Quantity.parse(ke0) if isinstance(ke0, str) else ke0
    rate = quantity.number("/min")
    if not rate > 0:
        raise InputError("ke0 must be above zero", value=str(quantity), limit="for instance 0.1 /min")
    return rate
