"""Coverage of the live page's bands under simulated truth; prints a table, fails outside 87 to 93 %."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from openkap.care.live.expected import DRUGS, ROUTES, Earlier, Subject, expected
from openkap.care.live.expected import SEED as BAND_SEED
from openkap.care.treatment.dose.delivered import Given, Ordered
from openkap.pharmacology import Person, Population, Regimen, simulate
from openkap.pharmacology.absorption import choose
from openkap.pharmacology.haemodynamics import expected_vitals
from openkap.pharmacology.library import number, responses

LOW, HIGH = 0.87, 0.93
PEOPLE, CROWD, SEED = 400, 2000, 20261124
READ_AT = np.array([10, 20, 30, 40, 55, 70, 85, 100, 120])
SD = number(responses().blood_pressure.reading_sd, "mm[Hg]")
Rows = Iterator[tuple[str, float]]


@dataclass(frozen=True)
class Dose:
    """A drug by a route, as really given: rates are (minute, mg/h); none where it is given at once."""

    words: str
    drug: str
    route: str
    mg: float
    rates: tuple[tuple[float, float], ...] = ()
    until: float = 0.0

    @property
    def regimen(self) -> Regimen:
        if self.rates:
            return Regimen.delivered([(m, f"{r} mg/h") for m, r in self.rates], until_min=self.until)
        return Regimen.single(route=ROUTES[self.route], dose=f"{self.mg} mg")

    def shown(self, base: dict[str, float], earlier: tuple[Earlier, ...] = ()) -> dict[str, Any]:
        """What the live page would show beside this dose."""
        subject = Subject(self.drug, self.route, 70.0, 42.0, base.get("sbp"), base.get("dbp"), None, earlier)
        ordered = Ordered(self.mg, 40.0 if self.rates else None, None)
        given = Given(self.rates or ((0.0, 0.0),), self.until, self.mg, "stopped", None)
        return expected(subject, ordered, given, 160)


RACEMIC = ("racemic ketamine", "IV", 35.0)
WHOLE = Dose("35 mg over 40 min", *RACEMIC, ((0.0, 52.5), (40.0, 0.0)), 40.0)
DOSES = (
    WHOLE,
    Dose("paused 12 to 20", *RACEMIC, ((0.0, 52.5), (12.0, 0.0), (20.0, 52.5), (48.0, 0.0)), 48.0),
    Dose("half rate from 15", *RACEMIC, ((0.0, 52.5), (15.0, 26.25), (65.0, 0.0)), 65.0),
    Dose("stopped at 18", *RACEMIC, ((0.0, 52.5), (18.0, 0.0)), 18.0),
    Dose("35 mg intramuscular", "racemic ketamine", "IM", 35.0),
    Dose("56 mg esketamine intranasal", "esketamine", "intranasal", 56.0),
    Dose("84 mg esketamine intranasal", "esketamine", "intranasal", 84.0),
)
PERSON = Person(weight_kg=70, age_years=42)
BASE = {"sbp": 122.0, "dbp": 78.0}
SIGNS = (("sbp", "systolic"), ("dbp", "diastolic"))


def slopes_of(dose: Dose, noise: np.random.Generator) -> dict[str, np.ndarray]:
    """Each person's own rise per ng/mL, drawn from the published spread."""
    bands = expected_vitals(dose.regimen, PERSON, [0.0, 40.0], drug=DRUGS[dose.drug]).bands
    return {
        sign: bands[sign].prior.median * np.exp(bands[sign].prior.log_sd * noise.normal(size=PEOPLE))
        for _, sign in SIGNS
    }


def truth(dose: Dose, slopes: dict[str, np.ndarray], noise: np.random.Generator) -> dict[str, np.ndarray]:
    """Readings of people with these slopes: (people, times) for systolic and diastolic."""
    bands = expected_vitals(dose.regimen, PERSON, READ_AT.astype(float), drug=DRUGS[dose.drug]).bands
    made = {}
    for _, sign in SIGNS:
        level = bands[sign].middle / bands[sign].prior.median
        made[sign] = slopes[sign][:, None] * level + noise.normal(0, SD, (slopes[sign].size, READ_AT.size))
    return made


def at_readings(told: dict[str, Any]) -> list[int]:
    return [int(np.argmin(np.abs(np.array(told["minutes"]) - minute))) for minute in READ_AT]


def share_inside(told: dict[str, Any], name: str, readings: np.ndarray) -> float:
    band = told["bands"][name]
    low, high = (np.array(band[edge])[at_readings(told)] for edge in ("low", "high"))
    return float(((BASE[name] + readings >= low) & (BASE[name] + readings <= high)).mean())


def first_session(noise: np.random.Generator) -> Rows:
    for dose in DOSES:
        told, readings = dose.shown(BASE), truth(dose, slopes_of(dose, noise), noise)
        for name, sign in SIGNS:
            yield f"{name}, first session, {dose.words}", share_inside(told, name, readings[sign])


def fourth_session(noise: np.random.Generator) -> Rows:
    slopes = slopes_of(WHOLE, noise)
    earlier = [truth(WHOLE, slopes, noise) for _ in range(3)]
    today = truth(WHOLE, slopes, noise)
    counted: dict[str, list[float]] = {"sbp": [], "dbp": []}
    at = tuple(map(float, READ_AT))
    for person in range(120):
        before = tuple(
            Earlier(WHOLE.rates, WHOLE.until, at, tuple(e["systolic"][person]), tuple(e["diastolic"][person]))
            for e in earlier
        )
        told = WHOLE.shown(BASE, before)
        for name, sign in SIGNS:
            counted[name].append(share_inside(told, name, today[sign][person : person + 1]))
    for name, found in counted.items():
        yield f"{name}, fourth session, own history", float(np.mean(found))


def concentration() -> Rows:
    for dose in DOSES:
        route = ROUTES[dose.route]
        model = choose(route, DRUGS[dose.drug], site="venous" if route == "iv" else None).model
        crowd = Population.around(PERSON, CROWD, seed=SEED)
        levels = simulate(model, dose.regimen, crowd, READ_AT.astype(float), areas=False).parent
        told = dose.shown({})
        low, high = (np.array(told["concentration"][edge])[at_readings(told)] for edge in ("low", "high"))
        yield f"concentration, {dose.words}", float(((levels >= low) & (levels <= high)).mean())


def main() -> int:
    noise = np.random.default_rng(SEED)
    rows = [*first_session(noise), *fourth_session(noise), *concentration()]
    print(
        f"run {datetime.now(UTC):%-d %b %Y}, seeds {BAND_SEED} (band) and {SEED} (truth), "
        f"{PEOPLE} people (concentration {CROWD})"
    )
    for words, share in rows:
        print(f"{words:52} {share:6.1%}  {'ok' if LOW <= share <= HIGH else 'OUTSIDE'}")
    return 0 if all(LOW <= share <= HIGH for _, share in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
