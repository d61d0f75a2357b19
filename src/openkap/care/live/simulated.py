"""The simulated patient: vital signs that follow the dose as given, with what the scenario injects."""

from __future__ import annotations

from typing import Any

from openkap.care.live.assumptions import assumptions
from openkap.care.live.scenario import Injected, Scenario
from openkap.care.treatment.dose.delivered import Given
from openkap.protocol.elements import dictionary

# Bounds of the program, no findings: how finely the monitor is worked out, how long it runs on after a
# scenario has ended, and from which share of its rise on a value that an event sets is shown.
STEP_MIN, AFTER_END_MIN, SHOWN_FROM = 0.5, 20, 0.5


def trace(scenario: Scenario, given: Given, seed: int, acts: dict[str, float]) -> dict[str, Any]:
    """Values every half minute of the whole scenario; ``acts`` are the minutes of pause and stop."""
    import numpy as np

    minutes = np.arange(0, float(scenario.ends) + AFTER_END_MIN, STEP_MIN)
    noise = np.random.default_rng(seed)
    values = _course(scenario, given, minutes)
    for name, sd in assumptions().scatters().items():
        values[name] = values[name] + noise.normal(0, sd, minutes.size)
    for event in scenario.events:
        share = _share(event, minutes, acts)
        for name, change in event.change.items():
            values[name] = values[name] + float(change) * share
        for name, value in event.set.items():
            values[name] = np.where(share > SHOWN_FROM, float(value), values[name])
    rounded = {}
    for name, curve in values.items():
        bounds = dictionary()[name].impossible
        assert bounds is not None
        shown = np.clip(np.round(curve), float(bounds.below), float(bounds.above))
        rounded[name] = [int(value) for value in shown]
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
    held = assumptions()
    values = {name: np.full(minutes.size, level) for name, level in held.levels().items()}
    values["sbp"] = float(who.sbp) + slope * bands["systolic"].middle
    values["dbp"] = float(who.dbp) + slope * bands["diastolic"].middle
    values["heart_rate"] = float(who.heart_rate) + slope * bands["heart_rate"].middle
    drowsy = high > held.when_dissociated("from_intensity")
    values["moaas"] = np.where(drowsy, held.when_dissociated("moaas"), values["moaas"])
    values["distress_rating_0_10"] = (
        values["distress_rating_0_10"] + held.when_dissociated("distress_added") * high
    )
    return values


def _share(event: Injected, minutes: Any, acts: dict[str, float]) -> Any:
    """How much of an event is there at each minute, 0 to 1."""
    import numpy as np

    rises, falls = (assumptions().minutes(name) for name in ("rises", "falls"))
    begin, end = float(event.at), float(event.until)
    relief = acts.get(event.relieved_by or "")
    if relief is None and event.relieved_by == "pause":
        relief = acts.get("stop")
    if relief is not None:
        end = min(end, max(relief, begin))
    rising = np.clip((minutes - begin) / rises, 0, 1)
    falling = np.clip(1 - (minutes - end) / falls, 0, 1)
    top = min(1.0, (end - begin) / rises) if end > begin else 0.0
    return np.where(minutes < begin, 0.0, np.where(minutes <= end, rising, top * falling))
