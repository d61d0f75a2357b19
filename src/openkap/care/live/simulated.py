"""The simulated patient: vital signs that follow the dose as given, with what the scenario injects."""

from __future__ import annotations

from typing import Any

from openkap.care.live.scenario import Injected, Scenario
from openkap.care.treatment.delivered import Given

STEP_MIN = 0.5
# How fast an injected change comes and goes, minutes.
RISES, FALLS = 3.0, 5.0
# Scatter of the monitor around the person's curve.
SCATTER = {"sbp": 2.5, "dbp": 2.0, "heart_rate": 2.0}
STEADY = {"spo2": 98.0, "respiratory_rate": 14.0, "moaas": 5.0, "distress_rating_0_10": 1.0}
LIMITS = {"spo2": (60.0, 100.0), "respiratory_rate": (4.0, 40.0), "moaas": (0.0, 5.0)}


def trace(scenario: Scenario, given: Given, seed: int, acts: dict[str, float]) -> dict[str, Any]:
    """Values every half minute of the whole scenario; ``acts`` are the minutes of pause and stop."""
    import numpy as np

    minutes = np.arange(0, float(scenario.ends) + 20, STEP_MIN)
    noise = np.random.default_rng(seed)
    values = _course(scenario, given, minutes)
    for name, sd in SCATTER.items():
        values[name] = values[name] + noise.normal(0, sd, minutes.size)
    for event in scenario.events:
        share = _share(event, minutes, acts)
        for name, change in event.change.items():
            values[name] = values[name] + float(change) * share
        for name, value in event.set.items():
            values[name] = np.where(share > 0.5, float(value), values[name])
    rounded = {}
    for name, curve in values.items():
        low, high = LIMITS.get(name, (20.0, 260.0)) if name != "distress_rating_0_10" else (0.0, 10.0)
        rounded[name] = [int(value) for value in np.clip(np.round(curve), low, high)]
    return {"step_min": STEP_MIN, "values": rounded}


def _course(scenario: Scenario, given: Given, minutes: Any) -> dict[str, Any]:
    """What the dose itself does, from ``pharmacology``."""
    import numpy as np

    from openkap.pharmacology import Person, Regimen, simulate
    from openkap.pharmacology.absorption import choose
    from openkap.pharmacology.effect import dissociation
    from openkap.pharmacology.haemodynamics import expected_vitals

    who = scenario.person
    person = Person(weight_kg=who.number("weight", "kg"), age_years=who.number("age", "a"))
    steps = [(minute, f"{rate:.6f} mg/h") for minute, rate in given.rates]
    regimen = Regimen.delivered(steps, until_min=max(given.until_min, steps[-1][0]))
    bands = expected_vitals(regimen, person, minutes).bands
    slope = float(scenario.slope)
    curve = simulate(
        choose("iv", "racemic_ketamine", site="arterial").model, regimen, person, minutes, areas=False
    )
    high = dissociation(curve).intensity[0]
    values = {name: np.full(minutes.size, level) for name, level in STEADY.items()}
    values["sbp"] = float(who.sbp) + slope * bands["systolic"].middle
    values["dbp"] = float(who.dbp) + slope * bands["diastolic"].middle
    values["heart_rate"] = float(who.heart_rate) + slope * bands["heart_rate"].middle
    values["moaas"] = np.where(high > 0.5, 4.0, 5.0)
    values["distress_rating_0_10"] = 1.0 + 3.0 * high
    return values


def _share(event: Injected, minutes: Any, acts: dict[str, float]) -> Any:
    """How much of an event is there at each minute, 0 to 1."""
    import numpy as np

    begin, end = float(event.at), float(event.until)
    relief = acts.get(event.relieved_by or "")
    if relief is None and event.relieved_by == "pause":
        relief = acts.get("stop")
    if relief is not None:
        end = min(end, max(relief, begin))
    rising = np.clip((minutes - begin) / RISES, 0, 1)
    falling = np.clip(1 - (minutes - end) / FALLS, 0, 1)
    top = min(1.0, (end - begin) / RISES) if end > begin else 0.0
    return np.where(minutes < begin, 0.0, np.where(minutes <= end, rising, top * falling))
