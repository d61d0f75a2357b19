"""One question, one answer: a dose for a person, as numbers, text, CSV and figure."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from openkap.core.errors import InputError
from openkap.pharmacology.absorption import check_dose, check_person, choose
from openkap.pharmacology.crowd import virtual_crowd
from openkap.pharmacology.effect import DissociationCourse, dissociation, occupancy
from openkap.pharmacology.exposure import Exposure, exposure, output_times, time_above
from openkap.pharmacology.figure import Line, Shade, curves
from openkap.pharmacology.haemodynamics import ExpectedVitals, expected_vitals
from openkap.pharmacology.interaction import apply_interaction
from openkap.pharmacology.library import reference_weight_kg, sources
from openkap.pharmacology.model import CompartmentModel
from openkap.pharmacology.population import Person, Population
from openkap.pharmacology.regimen import Regimen
from openkap.pharmacology.simulate import QUANTILES, Simulation, simulate

_EDGES = f"{QUANTILES[0]:.0%} to {QUANTILES[2]:.0%} of people".replace("%", " %")


@dataclass(frozen=True)
class Answer:
    """What is printed, written and drawn."""

    simulation: Simulation
    exposure: Exposure
    dissociation: DissociationCourse
    vitals: ExpectedVitals | None
    above_level: tuple[float, Any] | None
    warnings: tuple[str, ...]


def answer(
    model: CompartmentModel | None,
    regimen: Regimen,
    person: Person,
    *,
    drug: str,
    site: str | None = None,
    people: int = 1,
    crowd: bool = False,
    seed: int = 1,
    until_min: float = 1440.0,
    ke0: str | None = None,
    level_ng_ml: float | None = None,
    interacting: tuple[str, ...] = (),
    uncertainty: bool = False,
    confirmed: bool = False,
) -> Answer:
    """Everything that is asked about one dose. Raises ``InputError`` for what cannot be answered."""
    notes: list[str] = []
    if model is None:
        choice = choose(regimen.routes[0], drug, site=site)
        model = choice.model
        row = choice.default
        notes.append(f"default for this route: {model.id}, {row.reason}; confidence {row.confidence}")
    weight = person.weight_kg or reference_weight_kg()
    notes += check_dose(regimen, model.file.drug, weight, confirmed=confirmed)
    notes += check_person(model, person, regimen)
    if model.assumed:
        notes.append("assumed by the caller, not by any source: " + ", ".join(model.assumed))
    asked = regimen
    for other in interacting:
        applied = apply_interaction(model, regimen, other)
        model, regimen = applied.model, applied.regimen
        notes += applied.warnings
    body: Person | Population = person
    if crowd:
        body = virtual_crowd(people, seed=seed)
    elif people > 1:
        body = Population.around(person, people, seed=seed)
    times = output_times(regimen, until_min)
    result = simulate(model, regimen, body, times, ke0=ke0, uncertainty=uncertainty)
    return Answer(
        simulation=result,
        exposure=exposure(result),
        dissociation=dissociation(result),
        vitals=_vitals(asked, person, times, drug, notes),
        above_level=None if level_ng_ml is None else (level_ng_ml, time_above(result, level_ng_ml)),
        warnings=tuple(dict.fromkeys([*notes, *result.warnings])),
    )


def _vitals(
    regimen: Regimen, person: Person, times: Any, drug: str, notes: list[str]
) -> ExpectedVitals | None:
    try:
        return expected_vitals(regimen, person, times, drug=drug)
    except InputError as refusal:
        notes.append(f"no expected blood pressure: {refusal.what}")
        return None


def as_json(found: Answer) -> dict[str, Any]:
    """The answer as data. Bands are there when more than one person was simulated."""
    sim, exp = found.simulation, found.exposure
    many = sim.people.size > 1
    data: dict[str, Any] = {
        "model": sim.model.id,
        "fingerprint": sim.model.fingerprint,
        "drug": sim.model.file.drug,
        "site": sim.site,
        "regimen": sim.regimen.words(),
        "people": sim.people.size,
        "seed": sim.people.seed,
        "cmax": _summary(exp.cmax, "ng/mL"),
        "tmax": _summary(exp.tmax_min, "min"),
        "auc": _summary(exp.auc, "ng/mL*h", until_min=float(sim.time_min[-1])),
        "auc_infinite": _summary(exp.auc_infinite, "ng/mL*h"),
        "half_life": _summary(exp.half_life_h, "h"),
        "units": {"time": "min", "concentration": "ng/mL", "auc": "ng/mL*h"},
        "time_min": sim.time_min.tolist(),
        "concentration": {name: np.median(v, axis=0).tolist() for name, v in sim.concentrations.items()},
    }
    if many:
        data["bands"] = {
            name: {f"p{q * 100:g}": band.tolist() for q, band in sim.band(name).items()}
            for name in sim.concentrations
        }
    if sim.effect_site is not None:
        data["effect_site"] = np.median(sim.effect_site, axis=0).tolist()
    if found.above_level is not None:
        level, minutes = found.above_level
        data["time_above"] = {"level": level, "level_unit": "ng/mL", **_summary(minutes, "min")}
    data["dissociation"] = _dissociation(found)
    bound = occupancy(sim)
    data["occupancy_theoretical"] = {
        "highest": _summary(bound.share.max(axis=1), "1"),
        "sources": list(bound.sources),
        "warnings": list(bound.warnings),
    }
    data["vitals"] = _vitals_json(found.vitals)
    data["sources"] = {name: sources().core(name).cite() for name in sim.sources}
    data["warnings"] = list(found.warnings)
    return data


def _summary(values: Any, unit: str, **more: float) -> dict[str, Any]:
    if not np.isfinite(values).all():
        return {"value": None, "unit": unit, "note": "not defined for a saturable model", **more}
    if len(values) == 1:
        return {"value": float(values[0]), "unit": unit, **more}
    low, middle, high = np.quantile(values, QUANTILES)
    return {"value": float(middle), "p5": float(low), "p95": float(high), "unit": unit, **more}


def _dissociation(found: Answer) -> dict[str, Any]:
    course = found.dissociation
    rows = [
        {
            "dose_mg": row.dose_mg,
            "percent": row.percent if row.percent is not None else row.percent_range,
            "placebo_percent": row.placebo_percent,
            "n": row.n,
            "meaning": row.meaning,
            "source": row.source[0],
        }
        for row in course.incidences
    ]
    return {
        "share_above_c50": course.probability.tolist(),
        "intensity": np.median(course.intensity, axis=0).tolist(),
        "observed": rows,
        "sources": list(course.sources),
        "warnings": list(course.warnings),
    }


def _vitals_json(vitals: ExpectedVitals | None) -> dict[str, Any] | None:
    if vitals is None:
        return None
    return {
        "level": vitals.level,
        "cohort": vitals.cohort,
        "model": vitals.model,
        "rise": {
            sign: {
                "low": b.low.tolist(),
                "middle": b.middle.tolist(),
                "high": b.high.tolist(),
                "unit": b.unit,
            }
            for sign, b in vitals.bands.items()
        },
        "sources": list(vitals.sources),
        "warnings": list(vitals.warnings),
    }


def as_csv(found: Answer) -> str:
    """Time and, for each substance, the median (and band); units in the header."""
    sim = found.simulation
    columns: dict[str, Any] = {"time_min": sim.time_min}
    for name in sim.concentrations:
        if sim.people.size == 1:
            columns[f"{name}_ng_ml"] = sim.concentrations[name][0]
        else:
            for q, band in sim.band(name).items():
                columns[f"{name}_p{q * 100:g}_ng_ml"] = band
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(np.round(c, 6).tolist() for c in columns.values()), strict=True))
    return out.getvalue()


def as_figure(found: Answer) -> str:
    """Concentration over time as SVG, with band, model, site and sources in the caption."""
    sim = found.simulation
    shades: list[Shade] = []
    lines: list[Line] = []
    for dash, name in enumerate(sim.concentrations):
        band = sim.band(name)
        low, middle, high = (band[q] for q in QUANTILES)
        typical = "median" if sim.people.size > 1 else "typical"
        lines.append(Line(sim.time_min, middle, f"{spoken(name)}, {typical}", dash))
        if sim.people.size > 1 and name == sim.model.parent:
            shades.append(Shade(sim.time_min, low, high, f"{spoken(name)}, {_EDGES}"))
    dose = sim.regimen.doses[0]
    only = len(sim.regimen.doses) == 1
    return curves(
        title=f"{sim.model.file.drug.replace('_', ' ').capitalize()}, {sim.regimen.words()}",
        y_label=f"Concentration, {sim.site.replace('_', ' ')} (ng/mL)",
        lines=lines,
        shades=shades,
        caption=caption(found),
        mark=(dose.start_min, dose.start_min + dose.over_min) if only else None,
    )


def spoken(analyte: str) -> str:
    """A substance as it is written in text: S-norketamine."""
    return f"S-{analyte[2:]}" if analyte.startswith("s_") else analyte.replace("_", " ")


def caption(found: Answer) -> str:
    """Model, site, people, sources, and that it is a simulation."""
    sim = found.simulation
    read = ", ".join(
        f"{name} (doi {row.doi})" if (row := sources().sources[name]).doi else name for name in sim.sources
    )
    whom = sim.people.origin if sim.people.size > 1 else "one person, typical values"
    seed = f", seed {sim.people.seed}" if sim.people.size > 1 and "seed" not in whom else ""
    return (
        f"Simulation with the model {sim.model.file.title} ({sim.model.id}; "
        f"{sim.site.replace('_', ' ')} blood); {whom}{seed}. Sources: {read}. "
        "Not for dosing decisions by itself."
    )
