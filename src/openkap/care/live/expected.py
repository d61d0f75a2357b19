"""What to expect of this person and this dose as really given: concentration and blood-pressure bands.

A band is what ninety of a hundred readings would lie in: the spread between people from ``pharmacology``
and the scatter of one reading around a person's curve, put together. It is never a diagnosis.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from openkap.care.treatment.dose.delivered import Given, Ordered
from openkap.core.errors import InputError

PEOPLE = 400
SEED = 20261123
EVERY_MIN = 2
# Share of readings inside a band, and the normal quantile of its edges.
LEVEL = 0.9
EDGE = 1.6448536269514722
ROUTES = {"IV": "iv", "IM": "intramuscular", "intranasal": "intranasal", "IN": "intranasal"}
DRUGS = {"racemic ketamine": "racemic_ketamine", "esketamine": "esketamine"}


@dataclass(frozen=True)
class Earlier:
    """A finished session of the same person: the dose, and rises over that session's own baseline."""

    rates: tuple[tuple[float, float], ...]
    until_min: float
    minutes: tuple[float, ...]
    systolic: tuple[float, ...]
    diastolic: tuple[float, ...]


@dataclass(frozen=True)
class Subject:
    """Whom the bands are for. Hashable: the same question is answered once."""

    drug: str
    route: str
    weight_kg: float | None
    age_years: float | None
    sbp: float | None
    dbp: float | None
    heart_rate: float | None = None
    earlier: tuple[Earlier, ...] = field(default=())


def expected(subject: Subject, ordered: Ordered, given: Given, last_min: int) -> dict[str, Any]:
    """The bands as data for the page; with the reason when there are none."""
    # After the last rate has come to nothing, later is the same question.
    until = given.rates[-1][0] if given.rates and given.rates[-1][1] == 0 else given.until_min
    return _expected(subject, ordered, given.rates, round(until, 2), last_min)


@lru_cache(maxsize=256)
def _expected(
    subject: Subject,
    ordered: Ordered,
    rates: tuple[tuple[float, float], ...],
    until_min: float,
    last_min: int,
) -> dict[str, Any]:
    route, drug = ROUTES.get(subject.route, subject.route.lower()), DRUGS.get(subject.drug, subject.drug)
    try:
        return _bands(subject, route, drug, _regimen(route, ordered, rates, until_min), last_min)
    except InputError as refused:
        return {"minutes": [], "why_not": f"{refused.what}; {refused.remedy}", "warnings": []}


def _regimen(route: str, ordered: Ordered, rates: tuple[tuple[float, float], ...], until_min: float) -> Any:
    from openkap.pharmacology import Regimen

    if route == "iv" and ordered.over_min:
        steps = [(minute, f"{rate:.6f} mg/h") for minute, rate in rates]
        return Regimen.delivered(steps, until_min=max(until_min, rates[-1][0]))
    return Regimen.single(route=route, dose=f"{ordered.dose_mg} mg")


def _bands(subject: Subject, route: str, drug: str, regimen: Any, last_min: int) -> dict[str, Any]:
    import numpy as np

    from openkap.pharmacology import Person, Population, simulate
    from openkap.pharmacology.absorption import choose
    from openkap.pharmacology.haemodynamics import EarlierSession, expected_vitals
    from openkap.pharmacology.library import number, responses
    from openkap.pharmacology.regimen import Regimen

    minutes = np.arange(0, last_min + 1, EVERY_MIN, dtype=float)
    person = Person(weight_kg=subject.weight_kg, age_years=subject.age_years)
    choice = choose(route, drug, site="venous" if route == "iv" else None)
    crowd = simulate(
        choice.model, regimen, Population.around(person, PEOPLE, seed=SEED), minutes, areas=False
    )
    low, middle, high = crowd.band().values()
    before = [
        EarlierSession(
            Regimen.delivered([(m, f"{r:.6f} mg/h") for m, r in each.rates], until_min=each.until_min),
            each.minutes,
            each.systolic,
            each.diastolic,
        )
        for each in subject.earlier
    ]
    vitals = expected_vitals(regimen, person, minutes, drug=drug, level=LEVEL, earlier=before)
    scatter = EDGE * number(responses().blood_pressure.reading_sd, "mm[Hg]")
    told: dict[str, Any] = {
        "minutes": minutes.tolist(),
        "concentration": {"low": _list(low), "middle": _list(middle), "high": _list(high), "unit": "ng/mL"},
        "site": crowd.site,
        "model": choice.model.id,
        "confidence": choice.default.confidence,
        "vitals_model": vitals.model,
        "cohort": vitals.cohort,
        "level": LEVEL,
        "sources": list(dict.fromkeys([*crowd.sources, *vitals.sources])),
        "warnings": list(dict.fromkeys([*vitals.warnings, *crowd.warnings])),
        "earlier": len(before),
        "bands": {},
    }
    signs = (("sbp", "systolic", subject.sbp), ("dbp", "diastolic", subject.dbp))
    for name, sign, baseline in signs:
        if baseline is None:
            continue
        band = vitals.bands[sign]
        under = np.sqrt((band.middle - band.low) ** 2 + scatter**2)
        over = np.sqrt((band.high - band.middle) ** 2 + scatter**2)
        told["bands"][name] = {
            "low": _list(baseline + band.middle - under),
            "middle": _list(baseline + band.middle),
            "high": _list(baseline + band.middle + over),
            "unit": band.unit,
        }
    return told


def _list(values: Any) -> list[float]:
    return [round(float(value), 1) for value in values]


def departures(told: dict[str, Any], minute: float, values: dict[str, float]) -> list[str]:
    """Which of these values lie outside the band at that minute."""
    times = told["minutes"]
    if not times or not times[0] <= minute <= times[-1]:
        return []
    index = min(range(len(times)), key=lambda place: abs(times[place] - minute))
    return [
        name
        for name, value in values.items()
        if name in told["bands"]
        and not told["bands"][name]["low"][index] <= value <= told["bands"][name]["high"][index]
    ]
