"""Dissociation and receptor occupancy, only as far as somebody measured them.

Symptom response is not here on purpose: neither occupancy nor dissociation predicts it in people
(see the mechanism map).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openkap.pharmacology.library import Incidence, number, responses
from openkap.pharmacology.simulate import Simulation

Array = NDArray[np.float64]

# Half of a racemate is the S enantiomer, by definition of the word.
_SHARE_OF_S = {"racemic_ketamine": 0.5, "ketamine_unspecified": 0.5, "esketamine": 1.0}


@dataclass(frozen=True)
class DissociationCourse:
    """Drug high over time.

    ``intensity`` (people, times): share of the strongest drug high, from 0 to 1.
    ``probability`` (times,): share of the people above half of it, i.e. above the C50.
    ``incidences``: what trials counted for this route, at their doses; nothing in between is computed.
    """

    time_min: Array
    intensity: Array
    probability: Array
    minutes_above_c50: Array
    incidences: tuple[Incidence, ...]
    sources: tuple[str, ...]
    warnings: tuple[str, ...]


def s_level(simulation: Simulation) -> Array:
    """The S-ketamine part of the level, (people, times), ng/mL; of the effect site where there is one."""
    level = simulation.parent if simulation.effect_site is None else simulation.effect_site
    return level * _SHARE_OF_S[simulation.model.file.drug]


def dissociation(simulation: Simulation) -> DissociationCourse:
    """The course of the drug high after a dose, in the people simulated."""
    known = responses().dissociation
    c50 = number(known.c50, "ng/mL")
    level = s_level(simulation)
    above = level > c50
    gaps = np.diff(simulation.time_min, append=simulation.time_min[-1])
    routes = simulation.regimen.routes
    notes = [
        "steepness, maximum and effect-site delay of the drug high were not found: steepness 1 is assumed"
        + ("" if simulation.effect_site is not None else " and the level in blood drives it without delay")
    ]
    if simulation.model.file.drug != "esketamine":
        notes.append(
            "the C50 is of esketamine; of racemic ketamine the S half is counted, R is weaker (oye1992)"
        )
    if simulation.site not in ("arterial", "arterial_like"):
        notes.append(f"the C50 is arterial, this model's level is {simulation.site}")
    if simulation.people.size == 1:
        notes.append("one person: the probability is 0 or 1; simulate with N people for a share")
    rows = tuple(row for row in known.incidences if row.route in routes)
    if not rows:
        notes.append("how often dissociation occurs by this route was not found as a share of people")
    return DissociationCourse(
        time_min=simulation.time_min,
        intensity=level / (level + c50),
        probability=above.mean(axis=0),
        minutes_above_c50=(above * gaps).sum(axis=1),
        incidences=rows,
        sources=tuple(dict.fromkeys([*known.c50.source, *(s for row in rows for s in row.source)])),
        warnings=tuple(notes),
    )


@dataclass(frozen=True)
class Occupancy:
    """Theoretical share of NMDA channels bound, (people, times); never measured in people."""

    share: Array
    sources: tuple[str, ...]
    warnings: tuple[str, ...]


def occupancy(simulation: Simulation) -> Occupancy:
    """Langmuir occupancy by unbound S-ketamine in plasma; theoretical, without human calibration."""
    known = responses().occupancy
    free = s_level(simulation) * number(known.fraction_unbound, "1")
    notes = (
        "theoretical: unbound plasma level over a Ki from rat tissue; no human occupancy curve was found",
        "channel block depends on use, and the brain-to-plasma ratio in people is unknown",
        "occupancy does not predict symptom response",
    )
    names = dict.fromkeys([*known.ki.source, *known.fraction_unbound.source])
    return Occupancy(free / (free + number(known.ki, "ng/mL")), tuple(names), notes)
