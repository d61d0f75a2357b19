"""The room's other content: responses, absorption, defaults, observations, interactions, sources."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import model_validator

from openkap.core.content import SHIPPED, Schema, read_document
from openkap.core.quantity import Quantity
from openkap.core.source import Seen, Source
from openkap.pharmacology.schema import Drug, Name, Site, Sourced, Text, Value

Row = TypeVar("Row", bound=Schema)


class SourceRow(Schema):
    """Where a number was read."""

    cite: Text
    doi: str | None
    url: Text
    where: Text
    grade: str
    seen: Seen


class Sources(Schema):
    """All sources of the room, and what each grade means."""

    grades: dict[str, Text]
    sources: dict[Name, SourceRow]

    @model_validator(mode="after")
    def _grades_are_explained(self) -> Sources:
        unknown = sorted({each.grade for each in self.sources.values()} - self.grades.keys())
        if unknown:
            raise ValueError(f"the grade {unknown[0]} is not explained under grades")
        return self

    def core(self, name: str) -> Source:
        """A source in the words of the whole house."""
        row = self.sources[name]
        kind = {"secondary_code": "secondary", "web_secondary": "secondary", "review": "secondary"}
        return Source(name, row.cite, row.url, kind.get(row.grade, "primary"), row.seen, row.where)


class Cohort(Schema):
    """Mean rises at the peak in one published cohort."""

    about: Text
    n: int
    systolic_rise: Value
    diastolic_rise: Value
    heart_rate_rise: Value


class BloodPressure(Schema):
    """What is known on blood pressure and heart rate during a session."""

    cohorts: dict[Name, Cohort]
    reference_concentration: Value
    relative_spread: Value
    reading_sd: Value
    return_iv: Value
    return_intranasal: Value
    peak_iv: Value
    peak_intranasal: Value
    large_rise_intranasal: Value
    severe_sessions: Value
    severe_patients: Value


class Incidence(Sourced):
    """How often dissociation was seen in one trial arm."""

    id: Name
    route: Name
    drug: Drug
    dose_mg: float | None
    percent: float | None
    percent_range: tuple[float, float] | None = None
    placebo_percent: float | None
    n: int | None
    meaning: Text


class Dissociation(Schema):
    """What is known on dissociation and level."""

    c50: Value
    linear_from: Value
    linear_to: Value
    cadss_mean: Value
    offset_iv: Value
    incidences: tuple[Incidence, ...]


class Occupancy(Schema):
    """The two numbers of the theoretical occupancy."""

    ki: Value
    fraction_unbound: Value


class Crowd(Schema):
    """Bodies of a virtual crowd."""

    women: Value
    age_median: Value
    age_sd: Value
    weight_median: Value
    weight_log_sd: Value


class Responses(Schema):
    """The numbers behind the response curves."""

    blood_pressure: BloodPressure
    dissociation: Dissociation
    occupancy: Occupancy
    molar_mass: Value
    crowd: Crowd


class Reported(Schema):
    """One value of a published row; ``null`` and ranges as printed."""

    value: float | None
    unit: Text
    meaning: str | None = None
    name: str | None = None
    range: tuple[float, float] | None = None
    each: tuple[float | None, ...] | None = None
    sd: float | None = None
    ci90: tuple[float, float] | None = None
    spread: tuple[float, float] | None = None
    note: str | None = None


class AbsorptionRow(Sourced):
    """Bioavailability and absorption of one route in one study."""

    id: Name
    route: Name
    form: str | None
    drug: Drug
    n: int | None
    values: dict[Name, Reported]


class Loan(Schema):
    """Absorption put on a disposition model that has none for the route."""

    row: Name
    bioavailability: Value
    tmax: Value


class Default(Sourced):
    """The default model of a route, with its reason."""

    id: Name
    routes: tuple[Name, ...]
    drug: Drug
    site: Site | None
    model: Name | None
    alternative: Name | None
    confidence: Name
    reason: Text
    absorption: Loan | None = None


class UsualDose(Sourced):
    """The dose at which a default route stands beside the others."""

    default: Name
    dose: Text
    over: Text | None
    meaning: Text


class DerivedRate(Sourced):
    """A first-order rate that puts the peak of one disposition at a time."""

    disposition: Name
    tmax: Reported
    ka: Reported
    cmax_per_mg: Reported


class Ceiling(Sourced):
    """The highest dose of a drug by a route in the sources read."""

    route: Name
    drug: Drug
    value: float | None
    unit: Text
    meaning: Text


class Observed(Sourced):
    """One observed, label or model-reported value."""

    id: Name
    drug: Drug
    route: Name
    dose: float | tuple[float, float] | None = None
    dose_unit: str | None = None
    duration_min: float | None = None
    analyte: Name
    metric: Name
    value: float | tuple[float, float] | None
    unit: Text
    stat: str | None = None
    spread: float | tuple[float, float] | None = None
    spread_type: str | None = None
    n: int | None = None
    population: str | None = None
    sampling: str | None = None
    kind: Name


class Table4(Sourced):
    """One row of the exposures printed with the nasal model."""

    stratum: Text
    dose: Reported
    cmax: Reported
    auc: Reported
    nk_cmax: Reported
    nk_auc: Reported
    kind: Name


class Stratum(Sourced):
    """The person who stands for one stratum of that table."""

    stratum: Text
    age_years: float
    ancestry: Name | None = None


class Reference(Schema):
    """Whom a typical prediction is for, and how near an observation it must come."""

    weight: Value
    agreement: Value
    strata: tuple[Stratum, ...]


class Comparison(Sourced):
    """A prediction published with the parameter library, which this room must reproduce."""

    id: Name
    what: Text
    model: Name
    predicted: float | tuple[float, ...]
    observed_row: Name
    observed: float | tuple[float, ...]
    ratio: float | tuple[float, ...] | None = None
    comment: str | None = None


class Interaction(Sourced):
    """What another drug does to exposure by one route; ratios against control."""

    perpetrator: Name
    as_written: Text
    mechanism: Text
    victim: Text
    route: Name
    cmax_ratio: float | None
    auc_ratio: float | None
    other: str | None
    n: int | None
    apply: Text


class EffectInteraction(Sourced):
    """What another drug does to an effect of ketamine."""

    agent: Text
    effect: Text
    direction: Text
    magnitude: str | None
    n: int | None
    apply: Text


class PatientFactor(Sourced):
    """What changes exposure or effect in a person."""

    factor: Text
    effect: Text
    magnitude: str | None
    apply: Text


class Finding(Sourced):
    """One published row on receptors, acute effects or symptoms."""

    id: Name
    about: Text
    words: str | None = None
    values: tuple[Reported, ...]


def rows(schema: type[Row], *path: str, root: Path = SHIPPED) -> tuple[Row, ...]:
    """All rows of one table file below ``root``, checked."""
    file = root.joinpath(*path)
    document = read_document(file)
    found: Any = document.data.get("rows") if isinstance(document.data, dict) else None
    if not isinstance(found, list):
        raise document.error("a table needs a list under rows", remedy="see the shipped files")
    return tuple(document.parse(schema, ("rows", i)) for i in range(len(found)))


@lru_cache(maxsize=8)
def responses(root: Path = SHIPPED) -> Responses:
    """The numbers behind the response curves."""
    return read_document(root / "pharmacodynamics" / "responses.yaml").parse(Responses)


@lru_cache(maxsize=8)
def reference(root: Path = SHIPPED) -> Reference:
    """The person of a typical prediction and the window of agreement."""
    return read_document(root / "observed" / "reference.yaml").parse(Reference)


@lru_cache(maxsize=1)
def reference_weight_kg() -> float:
    """The weight every model is written for; used, and said, where a person's own is not given."""
    return number(reference().weight, "kg")


@lru_cache(maxsize=8)
def sources(root: Path = SHIPPED) -> Sources:
    """All sources of the room."""
    return read_document(root / "sources" / "pharmacology.yaml").parse(Sources)


@lru_cache(maxsize=8)
def defaults(root: Path = SHIPPED) -> tuple[Default, ...]:
    """Default models by route."""
    return rows(Default, "absorption", "defaults.yaml", root=root)


@lru_cache(maxsize=8)
def absorption_rows(root: Path = SHIPPED) -> tuple[AbsorptionRow, ...]:
    """Absorption by route as published."""
    return rows(AbsorptionRow, "absorption", "routes.yaml", root=root)


@lru_cache(maxsize=8)
def ceilings(root: Path = SHIPPED) -> tuple[Ceiling, ...]:
    """Highest doses in the sources."""
    return rows(Ceiling, "absorption", "ceilings.yaml", root=root)


@lru_cache(maxsize=8)
def ask_again(root: Path = SHIPPED) -> Value:
    """How many times the highest dose on record a dose must be to be asked again."""
    return read_document(root / "absorption" / "ceilings.yaml").parse(Value, ("ask_again",))


@lru_cache(maxsize=8)
def usual_doses(root: Path = SHIPPED) -> dict[str, UsualDose]:
    """The dose of comparison, by default route."""
    found = rows(UsualDose, "absorption", "usual_doses.yaml", root=root)
    return {row.default: row for row in found}


@lru_cache(maxsize=8)
def observed(root: Path = SHIPPED) -> tuple[Observed, ...]:
    """Observed and label values."""
    return rows(Observed, "observed", "observed.yaml", root=root)


@lru_cache(maxsize=8)
def interactions(root: Path = SHIPPED) -> tuple[Interaction, ...]:
    """Kinetic interactions by route."""
    return rows(Interaction, "interactions", "pharmacokinetic.yaml", root=root)


def number(value: Value, unit: str) -> float:
    """A known value as a number in ``unit``."""
    assert value.value is not None
    assert value.unit is not None
    return value.value * Quantity.of(1, value.unit).number(unit)
