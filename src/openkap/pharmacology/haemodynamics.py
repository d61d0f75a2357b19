"""Blood pressure and heart rate to expect during a session, and what earlier sessions teach about a person.

The rise follows the venous concentration of the typical curve for the dose as given: ``slope * C(t)``. The
slope is log-normal between people; its mean is a published mean rise over the published peak level, its
relative spread the published one (differences in concentration are inside it, so they are not added again).
Earlier sessions of the same person shift and narrow it (maximum a posteriori, Laplace's approximation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from openkap.core.errors import InputError
from openkap.pharmacology.absorption import choose
from openkap.pharmacology.library import Cohort, number, responses
from openkap.pharmacology.model import CompartmentModel
from openkap.pharmacology.population import Person
from openkap.pharmacology.regimen import Regimen
from openkap.pharmacology.schema import Value
from openkap.pharmacology.simulate import simulate

Array = NDArray[np.float64]

SIGNS = ("systolic", "diastolic", "heart_rate")
_UNITS = {"systolic": "mm[Hg]", "diastolic": "mm[Hg]", "heart_rate": "/min"}


@dataclass(frozen=True)
class EarlierSession:
    """Readings of a finished session as rises over that session's own baseline.

    ``minutes`` count from the start of ``regimen``; ``systolic`` and ``diastolic`` hold mmHg, NaN where a
    reading is missing.
    """

    regimen: Regimen
    minutes: Sequence[float]
    systolic: Sequence[float]
    diastolic: Sequence[float]


@dataclass(frozen=True)
class Slope:
    """A person's rise per ng/mL: median and log standard deviation; ``readings`` behind it."""

    median: float
    log_sd: float
    readings: int = 0

    def quantile(self, share: float) -> float:
        """The slope below which this share of people (or of belief) lies."""
        return float(self.median * np.exp(self.log_sd * ndtri(share)))

    @property
    def mean(self) -> float:
        """Mean of the log-normal."""
        return float(self.median * np.exp(self.log_sd**2 / 2))


@dataclass(frozen=True)
class Band:
    """Expected rise of one vital sign over time, each of shape (times,), in ``unit``."""

    low: Array
    middle: Array
    high: Array
    unit: str
    prior: Slope
    slope: Slope


@dataclass(frozen=True)
class ExpectedVitals:
    """Bands of the rises over baseline; ``level`` of people (or of belief) lie inside."""

    time_min: Array
    bands: dict[str, Band]
    level: float
    cohort: str
    model: str
    sources: tuple[str, ...]
    warnings: tuple[str, ...]

    def absolute(self, sign: str, baseline: float) -> tuple[Array, Array, Array]:
        """Low, middle and high of a sign when the person's reading before the dose was ``baseline``."""
        band = self.bands[sign]
        return baseline + band.low, baseline + band.middle, baseline + band.high


def expected_vitals(
    regimen: Regimen,
    person: Person,
    times: ArrayLike,
    *,
    drug: str = "racemic_ketamine",
    cohort: str = "yale",
    level: float = 0.9,
    earlier: Sequence[EarlierSession] = (),
) -> ExpectedVitals:
    """The band in which blood pressure and heart rate are expected over a session.

    Parameters
    ----------
    regimen : the dose as planned, or as given so far (``Regimen.delivered``).
    person : the patient; weight matters for mg/kg doses and for the curve.
    times : minutes from the start of the dose, shape (times,).
    drug : ``racemic_ketamine`` or ``esketamine``.
    cohort : which published cohort the rise is taken from: ``yale`` (larger) or ``china``.
    level : share of people inside the band.
    earlier : this person's finished sessions.

    Returns
    -------
    ExpectedVitals
        Rises over baseline in mm[Hg] and /min, shape (times,); with earlier sessions each band carries the
        prior and the updated slope, so that the change can be shown.
    """
    known = responses().blood_pressure
    if cohort not in known.cohorts:
        raise InputError("unknown cohort", value=cohort, limit=", ".join(known.cohorts), remedy="choose one")
    if not 0 < level < 1:
        raise InputError("a level lies between 0 and 1", value=level, limit="for instance 0.9")
    chosen = _venous_model(regimen, drug)
    curve = simulate(chosen, regimen, person, times, areas=False)
    concentration = curve.parent[0]
    bands: dict[str, Band] = {}
    notes = _notes(regimen, person, drug, curve.time_min, concentration)
    for sign in SIGNS:
        prior = _prior(known.cohorts, cohort, sign, notes)
        slope = _update(prior, _pairs(sign, earlier, drug, person)) if earlier else prior
        edge = (1 - level) / 2
        bands[sign] = Band(
            low=slope.quantile(edge) * concentration,
            middle=slope.median * concentration,
            high=slope.quantile(1 - edge) * concentration,
            unit=_UNITS[sign],
            prior=prior,
            slope=slope,
        )
    return ExpectedVitals(
        time_min=curve.time_min,
        bands=bands,
        level=level,
        cohort=known.cohorts[cohort].about,
        model=chosen.id,
        sources=_sources(known.cohorts[cohort], chosen),
        warnings=tuple(dict.fromkeys([*notes, *(n for n in curve.warnings if "weight not given" in n)])),
    )


def _venous_model(regimen: Regimen, drug: str) -> CompartmentModel:
    """One model for all doses; the slope is per venous level, so the venous default is used."""
    routes = regimen.routes or ("iv",)
    models = {route: choose(route, drug, site="venous" if route == "iv" else None).model for route in routes}
    first = models[routes[0]]
    for route in routes[1:]:
        if route not in first.file.routes:
            raise InputError(
                "doses by these routes cannot be put on one model",
                value=", ".join(routes),
                remedy="ask for one route at a time",
            )
    return first


def _prior(cohorts: dict[str, Cohort], cohort: str, sign: str, notes: list[str]) -> Slope:
    known = responses().blood_pressure
    rise = _rise(cohorts[cohort], sign)
    if rise.value is None:
        other = next(name for name in cohorts if _rise(cohorts[name], sign).value is not None)
        notes.append(f"{sign} rise was not found in this cohort: that of the cohort {other} is used")
        rise = _rise(cohorts[other], sign)
    assert rise.value is not None
    relative = number(known.relative_spread, "1")
    if rise.sd is not None:
        relative = rise.sd / rise.value
    else:
        notes.append(
            f"{sign}: no spread between people was found, the relative spread {relative:g} is borrowed"
        )
    mean = rise.value / number(known.reference_concentration, "ng/mL")
    log_sd = float(np.sqrt(np.log1p(relative**2)))
    return Slope(mean / float(np.exp(log_sd**2 / 2)), log_sd)


def _rise(cohort: Cohort, sign: str) -> Value:
    return {
        "systolic": cohort.systolic_rise,
        "diastolic": cohort.diastolic_rise,
        "heart_rate": cohort.heart_rate_rise,
    }[sign]


def _pairs(sign: str, earlier: Sequence[EarlierSession], drug: str, person: Person) -> tuple[Array, Array]:
    levels: list[Array] = []
    rises: list[Array] = []
    for session in earlier:
        values = {"systolic": session.systolic, "diastolic": session.diastolic}.get(sign)
        if values is None:
            continue
        if len(values) != len(session.minutes):
            raise InputError(
                "an earlier session needs one reading for each time",
                value=f"{len(session.minutes)} times, {len(values)} readings",
                remedy="write NaN where a reading is missing",
            )
        rise = np.asarray(values, dtype=float)
        seen = np.isfinite(rise)
        order = np.argsort(np.asarray(session.minutes, dtype=float)[seen])
        minutes = np.asarray(session.minutes, dtype=float)[seen][order]
        if minutes.size:
            model = _venous_model(session.regimen, drug)
            levels.append(simulate(model, session.regimen, person, minutes, areas=False).parent[0])
            rises.append(rise[seen][order])
    none: Array = np.zeros(0)
    return (np.concatenate(levels), np.concatenate(rises)) if levels else (none, none)


def _update(prior: Slope, pairs: tuple[Array, Array]) -> Slope:
    """The most probable slope after the readings, and its width from the curvature there."""
    level, rise = pairs
    if not level.size:
        return prior
    sd = number(responses().blood_pressure.reading_sd, "mm[Hg]")

    def cost(effect: float) -> float:
        misfit = rise - prior.median * np.exp(effect) * level
        return float((effect / prior.log_sd) ** 2 + (misfit**2).sum() / sd**2) / 2

    wide = 6 * prior.log_sd
    # Loaded when it is needed: a page that draws no band starts without it.
    from scipy.optimize import minimize_scalar

    best = float(minimize_scalar(cost, bounds=(-wide, wide), method="bounded", options={"xatol": 1e-9}).x)
    slope = prior.median * np.exp(best)
    # Expected information (Gauss-Newton): positive everywhere, unlike the second derivative itself.
    precision = 1 / prior.log_sd**2 + float(((slope * level) ** 2).sum()) / sd**2
    return Slope(float(slope), float(precision**-0.5), int(level.size))


def _notes(regimen: Regimen, person: Person, drug: str, times: Array, level: Array) -> list[str]:
    known = responses().blood_pressure
    notes = [
        "the rise is a crude ratio of two independent published means (rise over level), not a fitted model"
    ]
    if drug != "racemic_ketamine":
        large = known.large_rise_intranasal.range
        assert large is not None
        notes.append(
            "the slope was seen with racemic ketamine; for esketamine it is an extrapolation "
            f"(label: {large[0]:g} to {large[1]:g} % had a large rise)"
        )
    if person.age_years is not None and person.age_years >= 50:
        notes.append(
            "from 50 years on rises are larger (china_bp); by how much was not found, not in the band"
        )
    if "hypertension" in person.flags:
        notes.append(
            "with hypertension rises are larger (china_bp); by how much was not found, not in the band"
        )
    back = regimen.end_min + number(known.return_iv, "min")
    if "iv" in regimen.routes and times[-1] >= back and level.max() > 0:
        share = float(np.interp(back, times, level)) / float(level.max())
        notes.append(
            f"readings were back to baseline {number(known.return_iv, 'h'):g} h after an infusion "
            f"(szarmach2020); this curve shows {share:.0%} of its peak then: late values are upper bounds"
        )
    return notes


def _sources(cohort: Cohort, model: CompartmentModel) -> tuple[str, ...]:
    known = responses().blood_pressure
    values = (cohort.systolic_rise, cohort.diastolic_rise, known.reference_concentration, known.reading_sd)
    return tuple(dict.fromkeys([*(name for each in values for name in each.source), *model.file.source]))
