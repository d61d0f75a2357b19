"""Coverage of the live page's bands under simulated truth; prints a table, fails outside 87 to 93 %."""

from __future__ import annotations

import sys

import numpy as np

from openkap.care.live.dose import Given, Ordered
from openkap.care.live.expected import Earlier, Subject, expected
from openkap.pharmacology import Person, Population, Regimen, simulate
from openkap.pharmacology.absorption import choose
from openkap.pharmacology.haemodynamics import expected_vitals
from openkap.pharmacology.library import number, responses

LOW, HIGH = 0.87, 0.93
PEOPLE, SEED = 400, 20261124
READ_AT = np.array([10, 20, 30, 40, 55, 70, 85, 100, 120])
SD = number(responses().blood_pressure.reading_sd, "mm[Hg]")
DOSES = {
    "35 mg over 40 min": (((0.0, 52.5), (40.0, 0.0)), 40.0),
    "paused 12 to 20": (((0.0, 52.5), (12.0, 0.0), (20.0, 52.5), (48.0, 0.0)), 48.0),
    "half rate from 15": (((0.0, 52.5), (15.0, 26.25), (65.0, 0.0)), 65.0),
    "stopped at 18": (((0.0, 52.5), (18.0, 0.0)), 18.0),
}


def truth(rates, until, slopes, noise):
    """Readings of people with these slopes: (people, times) for systolic and diastolic."""
    regimen = Regimen.delivered([(m, f"{r} mg/h") for m, r in rates], until_min=until)
    person = Person(weight_kg=70, age_years=42)
    bands = expected_vitals(regimen, person, READ_AT.astype(float)).bands
    made = {}
    for sign in ("systolic", "diastolic"):
        level = bands[sign].middle / bands[sign].prior.median
        made[sign] = slopes[sign][:, None] * level + noise.normal(0, SD, (slopes[sign].size, READ_AT.size))
    return made


def share_inside(told, name, base, readings):
    index = [int(np.argmin(np.abs(np.array(told["minutes"]) - m))) for m in READ_AT]
    band = told["bands"][name]
    low, high = np.array(band["low"])[index], np.array(band["high"])[index]
    return float(((base + readings >= low) & (base + readings <= high)).mean())


def main() -> int:
    noise = np.random.default_rng(SEED)
    first = expected_vitals(
        Regimen.single(route="iv", dose="35 mg", over="40 min"),
        Person(weight_kg=70, age_years=42),
        [0.0, 40.0],
    ).bands
    slopes = {
        sign: first[sign].prior.median * np.exp(first[sign].prior.log_sd * noise.normal(size=PEOPLE))
        for sign in ("systolic", "diastolic")
    }
    base = {"sbp": 122.0, "dbp": 78.0}
    subject = Subject("racemic ketamine", "IV", 70.0, 42.0, base["sbp"], base["dbp"])
    rows = []
    for words, (rates, until) in DOSES.items():
        given = Given(rates, until, 35.0, "stopped", None)
        told = expected(subject, Ordered(35.0, 40.0, None), given, 160)
        readings = truth(rates, until, slopes, noise)
        for name, sign in (("sbp", "systolic"), ("dbp", "diastolic")):
            rows.append(
                (f"{name}, first session, {words}", share_inside(told, name, base[name], readings[sign]))
            )
    rates, until = DOSES["35 mg over 40 min"]
    earlier = [truth(rates, until, slopes, noise) for _ in range(3)]
    today = truth(rates, until, slopes, noise)
    counted = {"sbp": [], "dbp": []}
    for person in range(120):
        before = tuple(
            Earlier(
                rates,
                until,
                tuple(map(float, READ_AT)),
                tuple(e["systolic"][person]),
                tuple(e["diastolic"][person]),
            )
            for e in earlier
        )
        who = Subject("racemic ketamine", "IV", 70.0, 42.0, base["sbp"], base["dbp"], None, before)
        told = expected(who, Ordered(35.0, 40.0, None), Given(rates, until, 35.0, "stopped", None), 160)
        for name, sign in (("sbp", "systolic"), ("dbp", "diastolic")):
            counted[name].append(share_inside(told, name, base[name], today[sign][person : person + 1]))
    rows += [
        (f"{name}, fourth session, own history", float(np.mean(found))) for name, found in counted.items()
    ]
    rows += concentration()
    for words, share in rows:
        print(f"{words:45} {share:6.1%}  {'ok' if LOW <= share <= HIGH else 'OUTSIDE'}")
    return 0 if all(LOW <= share <= HIGH for _, share in rows) else 1


def concentration():
    rows = []
    for words, (rates, until) in DOSES.items():
        regimen = Regimen.delivered([(m, f"{r} mg/h") for m, r in rates], until_min=until)
        model = choose("iv", "racemic_ketamine", site="venous").model
        crowd = Population.around(Person(weight_kg=70, age_years=42), 2000, seed=SEED)
        levels = simulate(model, regimen, crowd, READ_AT.astype(float), areas=False).parent
        subject = Subject("racemic ketamine", "IV", 70.0, 42.0, None, None)
        told = expected(subject, Ordered(35.0, 40.0, None), Given(rates, until, 35.0, "stopped", None), 160)
        index = [int(np.argmin(np.abs(np.array(told["minutes"]) - m))) for m in READ_AT]
        low = np.array(told["concentration"]["low"])[index]
        high = np.array(told["concentration"]["high"])[index]
        rows.append((f"concentration, {words}", float(((levels >= low) & (levels <= high)).mean())))
    return rows


if __name__ == "__main__":
    sys.exit(main())
