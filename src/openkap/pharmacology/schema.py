"""What a model file may say. A value has a number or ``null``, a unit, a meaning, sources and a grade."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from openkap.core.content import Schema
from openkap.core.errors import InputError
from openkap.core.quantity import parse_unit

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=60)]
Text = Annotated[str, StringConstraints(min_length=1)]
Drug = Literal["racemic_ketamine", "esketamine", "arketamine", "ketamine_unspecified"]
# How the text was reached from which a number was taken; see content/sources/pharmacology.yaml.
GradeName = Literal[
    "primary_table",
    "primary_abstract",
    "secondary_code",
    "label",
    "review",
    "web_secondary",
    "calc",
    "platform",
]
Site = Literal["arterial", "arterial_like", "venous", "venous_assumed", "venous_like", "mixed", "unknown"]


def _known_unit(code: str) -> None:
    try:
        parse_unit(code)
    except InputError as error:
        raise ValueError(f"{error.what}: {code}; {error.limit}") from None


class Sourced(Schema):
    """Anything that carries a number says where it was read and how."""

    source: tuple[Name, ...] = Field(min_length=1)
    grade: GradeName
    loc: str | None = None
    note: str | None = None


class Value(Sourced):
    """One number with its unit. ``null`` means: not found in the material read."""

    value: float | None
    unit: str | None
    meaning: Text
    se: float | None = None
    sd: float | None = None
    rse_percent: float | None = None
    ci95: tuple[float, float] | None = None
    range: tuple[float, float] | None = None
    limits: tuple[float, float] | None = None
    fixed: bool = False

    @model_validator(mode="after")
    def _is_coherent(self) -> Value:
        if self.value is not None and self.unit is None:
            raise ValueError("a value needs its unit: write unit: '1' for a plain ratio")
        if self.unit is not None:
            _known_unit(self.unit)
        for name in ("ci95", "range", "limits"):
            pair = getattr(self, name)
            if pair is not None and pair[0] > pair[1]:
                raise ValueError(f"the limits of {name} are swapped: {pair[0]} is above {pair[1]}")
        if self.limits is not None and self.value is not None:
            low, high = self.limits
            if not low <= self.value <= high:
                raise ValueError(f"{self.value} lies outside its own limits {low} to {high}")
        return self


class Covariate(Sourced):
    """How one property of a person changes parameters."""

    on: tuple[Name, ...] = Field(min_length=1)
    covariate: Name
    form: Literal["power", "per_kg", "multiplier", "linear_above", "not_retained", "not_applied"]
    value: float | None = None
    reference: float | None = None
    unit: str | None = None
    apply: Literal["default", "optional", "never"] = "default"

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Covariate:
        if self.form in ("power", "multiplier", "linear_above") and self.value is None:
            raise ValueError(f"the form {self.form} needs a value")
        if self.form in ("power", "linear_above") and self.reference is None:
            raise ValueError(f"the form {self.form} needs a reference")
        return self


class Spread(Sourced):
    """Variability of one parameter: between people, or between occasions."""

    value: float | None
    type: Literal["variance_log", "cv_percent", "sd_logit"]


class Covariance(Sourced):
    """Covariance of two random effects on the log scale."""

    between: tuple[Name, Name]
    value: float


class Borrowed(Sourced):
    """Variability taken over from another model: each effect as a sum of that model's effects."""

    model: Name
    effects: dict[Name, dict[Name, float]]


class Variability(Schema):
    """Between people (``omega``), between occasions (``occasion``), or borrowed; never silently absent."""

    omega: dict[Name, Spread] = Field(default_factory=dict)
    covariance: tuple[Covariance, ...] = ()
    occasion: dict[Name, Spread] = Field(default_factory=dict)
    borrowed: Borrowed | None = None
    range_cv_percent: tuple[float, float] | None = None
    note: str | None = None


class Residual(Sourced):
    """Difference between one measurement and the person's own curve."""

    analyte: Name
    kind: Literal["proportional", "additive", "log"]
    sd: float
    unit: str

    @model_validator(mode="after")
    def _unit_is_known(self) -> Residual:
        _known_unit(self.unit)
        return self


class Compartment(Schema):
    """A place that holds drug; with ``volume`` its concentration can be reported."""

    analyte: Name | None = None
    volume: str | None = None


class Flow(Schema):
    """First-order transfer at ``rate`` (a formula, 1/time); ``to: out`` leaves the body.

    With ``km`` (a concentration, as a formula) the transfer saturates: ``rate / (1 + C / km)``.
    """

    from_: Name = Field(alias="from")
    to: Name
    rate: Text
    km: str | None = None


class Transit(Schema):
    """A chain of equal compartments before absorption."""

    compartments: int = Field(ge=1, le=50)
    mean_time: Text


class Loss(Schema):
    """A share of the absorbed drug lost as the plasma level rises: sigmoid Emax."""

    c50: Text
    hill: Text


class Path(Schema):
    """One way from the dose into a compartment: fraction, lag, zero-order release, transit, first order."""

    name: Name
    into: Name
    fraction: str | None = None
    fraction_of_later_devices: str | None = None
    lag: str | None = None
    over: str | None = None
    transit: Transit | None = None
    rate: str | None = None
    loss: Loss | None = None


class Validity(Sourced):
    """Whom the model was built from; outside is extrapolation."""

    weight_kg: tuple[float, float] | None = None
    age_years: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _is_ordered(self) -> Validity:
        for name in ("weight_kg", "age_years"):
            pair = getattr(self, name)
            if pair is not None and pair[0] > pair[1]:
                raise ValueError(f"the limits of {name} are swapped: {pair[0]} is above {pair[1]}")
        return self


class Sampling(Schema):
    """Where blood was drawn; arterial and venous levels differ by tens of percent during an infusion."""

    site: Site
    as_written: str | None


class ModelFile(Schema):
    """A kinetic model as one content file."""

    id: Name
    title: Text
    drug: Drug
    routes: dict[Name, tuple[Path, ...]]
    analytes: tuple[Name, ...]
    status: Literal["complete", "no_variability", "partial", "summary_only"]
    structure: Text
    population: str | None
    n: int | None
    sampling: Sampling
    validity: Validity | None
    disposition: Name | None = None
    device_mg: float | None = None
    fixed_dose: bool = False
    ke0: Name | None = None
    parameters: dict[Name, Value]
    compartments: dict[Name, Compartment] = Field(default_factory=dict)
    flows: tuple[Flow, ...] = ()
    variability: Variability | None
    residual: tuple[Residual, ...] = ()
    covariates: tuple[Covariate, ...] = ()
    warnings: tuple[str, ...] = ()
    source: tuple[Name, ...] = Field(min_length=1)
    loc: str | None = None
