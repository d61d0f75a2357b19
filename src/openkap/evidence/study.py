"""What was read of a study: its arms, its outcomes, and where each number stands.

One YAML file below ``content/trials`` is one study, registration or companion report. A value that was
not found is ``null`` and named under ``missing``; nothing is filled in. Numbers stay ``Decimal`` as printed,
because how many digits were printed is itself evidence (the integrity gate reads them).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from openkap.core.content import Schema

Count = Annotated[int, Field(ge=0)]


class Tier(StrEnum):
    """How close to the first statement of a number we were, best first."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    NONE = "-"

    @property
    def words(self) -> str:
        """For the reader who does not know the letters."""
        return {
            Tier.A: "journal abstract, table or publisher page",
            Tier.B: "registry record or its mirror",
            Tier.C: "data or code posted by the authors",
            Tier.D: "preprint",
            Tier.E: "secondary text: news, company or student review",
            Tier.NONE: "no text found",
        }[self]


class Group(StrEnum):
    """What kind of evidence a record is; controlled and uncontrolled never meet in one pool."""

    EFFICACY_RCT = "efficacy_rct"
    EFFICACY_UNCONTROLLED = "efficacy_uncontrolled"
    OBSERVATIONAL = "observational_treatment"
    CASE_SERIES = "case_series"
    MECHANISTIC = "mechanistic"
    COMPANION = "companion"
    REGISTERED = "registered_no_results"
    REGISTERED_PREVENTION = "registered_prevention"
    PREVENTION = "prevention_perioperative"
    OTHER_QUESTION = "other_question"
    NOT_FOUND = "not_found"


class Window(StrEnum):
    """The stretch of time an outcome belongs to, counted as the trial counts it."""

    BASELINE = "baseline"
    ACUTE = "acute"
    DAY_1 = "day_1"
    END_OF_COURSE = "end_of_course"
    MONTH_1 = "month_1"
    MONTH_3 = "month_3"
    LATER = "later"
    UNCLEAR = "unclear"

    @property
    def words(self) -> str:
        """For headings and sentences."""
        return {
            Window.BASELINE: "baseline",
            Window.ACUTE: "within hours",
            Window.DAY_1: "24 hours",
            Window.END_OF_COURSE: "end of the course (about 1–2 weeks)",
            Window.MONTH_1: "about 1 month",
            Window.MONTH_3: "about 3 months",
            Window.LATER: "6 months or later",
            Window.UNCLEAR: "time not clear",
        }[self]


Cluster = Literal["total", "intrusion", "avoidance", "negative_cognition_mood", "arousal", "all"]
Reading = Literal["benefit", "no_difference", "harm", "unclear"]
Role = Literal["intervention", "comparator", "unclear"]


class Place(Schema):
    """Where something was read: an address of the web, or ``-`` where none was kept.

    Any other scheme would run when a reader of the report clicks on it.
    """

    url: Annotated[str, Field(pattern=r"^(https?://\S+|-)$")]
    holds: str
    tier: Tier


class Sourced(Schema):
    """A block that names the places it was read in; irregular details stay as text."""

    details: dict[str, Any] = Field(default_factory=dict)
    sources: tuple[str, ...] = ()


class Citation(Sourced):
    """How to find the report."""

    authors: str | None = None
    year: int | None = None
    title: str
    journal: str | None = None
    pages: str | None = None
    doi: str | None = None
    pmid: str | None = None
    pmcid: str | None = None
    registrations: tuple[str, ...] = ()


class Design(Sourced):
    """How the study was built."""

    type: str | None = None
    blinding: str | None = None
    sites: str | None = None
    recruitment: str | None = None


class Sample(Sourced):
    """How many people."""

    randomised: Count | None = None
    enrolled: Count | None = None
    analysed: Count | None = None
    planned: Count | None = None
    arms: dict[str, Count] = Field(default_factory=dict)

    @property
    def largest(self) -> int | None:
        """The best known size: randomised, else enrolled, else analysed."""
        for number in (self.randomised, self.enrolled, self.analysed):
            if number is not None:
                return number
        return None


class Population(Sourced):
    """Who was treated; ``treatment_resistant`` and ``military`` in the source's words."""

    setting: str | None = None
    military: str | None = None
    treatment_resistant: str | None = None
    age_mean: Decimal | None = None
    female_percent: Decimal | None = None


class Diagnosis(Sourced):
    """How the disorder was established."""

    criteria: str | None = None
    instrument: str | None = None
    threshold: str | None = None


class Psychotherapy(Schema):
    """Therapy that ran with the drug."""

    type: str
    sessions: str | None = None
    start: str | None = None


class Arm(Sourced):
    """One group and what it was given."""

    id: str
    label: str
    role: Role
    drug: str | None = None
    enantiomer: str | None = None
    route: str | None = None
    dose: Decimal | None = None
    dose_unit: str | None = None
    infusion_minutes: Decimal | None = None
    administrations: Count | None = None
    schedule: str | None = None
    psychotherapy: Psychotherapy | None = None


class Timepoint(Schema):
    """When an outcome was measured; ``covers`` names further windows that one statement speaks of."""

    label: str
    window: Window
    covers: tuple[Window, ...] = ()
    hours_from_first_dose: Decimal | None = None
    days_from_first_dose: Decimal | None = None
    days_from_last_dose: Decimal | None = None
    weeks_from_first_dose: Decimal | None = None
    phase: str | None = None
    note: str | None = None


class ArmValue(Schema):
    """Mean and spread of one arm at one time."""

    arm_id: str
    n: Count | None = None
    mean: Decimal | None = None
    sd: Annotated[Decimal, Field(ge=0)] | None = None
    se: Annotated[Decimal, Field(ge=0)] | None = None
    ci_low: Decimal | None = None
    ci_high: Decimal | None = None


class Spread(Schema):
    """A single group's value before, after, or its change."""

    mean: Decimal | None = None
    sd: Decimal | None = None
    se: Decimal | None = None
    ci_low: Decimal | None = None
    ci_high: Decimal | None = None
    n: Count | None = None
    p: str | None = None


class Contrast(Schema):
    """A printed comparison of two arms."""

    measure: str | None = None
    intervention: str
    comparator: str
    analysis: str | None = None
    estimate: Decimal | None = None
    ci_low: Decimal | None = None
    ci_high: Decimal | None = None
    ci_level: Decimal | None = None
    p: str | None = None
    direction: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)


class EffectSize(Schema):
    """A printed standardised effect."""

    name: str
    estimate: Decimal | None = None
    ci_low: Decimal | None = None
    ci_high: Decimal | None = None
    ci_level: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    p: str | None = None
    direction: str | None = None


class Survival(Schema):
    """Time until an event, as a median or a mean; ``n`` is how many were followed."""

    event: str
    median_days: Decimal | None = None
    mean_days: dict[str, Decimal] = Field(default_factory=dict)
    n: Count | None = None


class Outcome(Sourced):
    """One measurement of one scale at one time, with as much as was printed."""

    id: str
    instrument: str
    domain: str
    cluster: Cluster | None = None
    rater: str | None = None
    kind: Literal[
        "arm_level",
        "between_group",
        "single_arm_prepost",
        "binary",
        "time_to_event",
        "slope",
        "qualitative",
    ]
    time: Timepoint
    primary: bool = False
    statistic: Literal["final", "change"] = "final"
    higher_is_better: bool = False
    unit: str | None = None
    values: tuple[ArmValue, ...] = ()
    contrast: Contrast | None = None
    effect_size: EffectSize | None = None
    baseline: Spread | None = None
    post: Spread | None = None
    change: Spread | None = None
    survival: Survival | None = None
    definition: str | None = None
    events: dict[str, Count] = Field(default_factory=dict)
    n: dict[str, Count] = Field(default_factory=dict)
    percent: dict[str, Decimal] = Field(default_factory=dict)
    p: str | None = None
    finding: str | None = None
    findings_by_cluster: dict[str, str] = Field(default_factory=dict)
    reading: Reading | None = None
    readings_by_cluster: dict[str, Reading] = Field(default_factory=dict)
    # Of a harm, coded only where the words say so: "short-lived" is not a time.
    passes_within_hours: bool | None = None
    computed: tuple[dict[str, Any], ...] = ()
    from_participant_file: bool = False
    # A model's mean (least squares), not the mean of people's scores.
    is_adjusted: bool = False
    # What a person must settle before this enters a pool, put here by an import; delete what is settled.
    unsettled: tuple[str, ...] = ()
    note: str | None = None
    where: str | None = None

    @model_validator(mode="after")
    def _computed_names_its_formula(self) -> Outcome:
        if any("formula" not in each for each in self.computed):
            raise ValueError("a computed value needs its formula")
        return self


class AdverseEvent(Sourced):
    """A harm, with counts where they were printed; ``at_risk`` only where it was."""

    term: str
    serious: bool | None = None
    events: dict[str, Count] = Field(default_factory=dict)
    at_risk: dict[str, Count] = Field(default_factory=dict)
    # As in an outcome: with a reason here its counts enter no rate.
    unsettled: tuple[str, ...] = ()
    note: str | None = None


class RiskOfBias(Sourced):
    """A named reviewer's judgements with a named tool: domain to low, some concerns or high, and why."""

    tool: str
    judged_by: str
    reason: str
    on: date
    domains: dict[str, Literal["low", "some concerns", "high", "no information"]]
    overall: Literal["low", "some concerns", "high", "no information"]


class Retraction(Sourced):
    """A report was withdrawn: nothing of the study enters an answer from then on."""

    notice: str


class Study(Schema):
    """A record of the evidence base. ``id`` names its file, so it can leave no folder."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    label: str | None = None
    record: Literal["study", "registration", "companion", "stub"]
    group: Group
    status: str | None = None
    companion_of: str | None = None
    overlap: str | None = None
    retracted: Retraction | None = None
    citation: Citation
    design: Design = Design()
    sample: Sample = Sample()
    population: Population = Population()
    diagnosis: Diagnosis = Diagnosis()
    comparator: str | None = None
    arms: tuple[Arm, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    measured_without_values: tuple[str, ...] = ()
    adverse_events: tuple[AdverseEvent, ...] = ()
    risk_of_bias: RiskOfBias | None = None
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    places: dict[str, Place] = Field(default_factory=dict)

    @property
    def name(self) -> str:
        """First author and year, as a reader would say it; the registry number where neither is known."""
        if self.label:
            return self.label
        authors, year = self.citation.authors, self.citation.year
        if authors and not authors.startswith("("):
            first = authors.split(",")[0].split(" et al")[0].strip()
            words = first.split(" ")
            surname = " ".join(words[:-1]) if len(words) > 1 and words[-1].isupper() else first
            return f"{surname} {year}" if year else surname
        return self.citation.registrations[0] if self.citation.registrations else self.citation.title

    @property
    def is_prevention(self) -> bool:
        """Ketamine given around surgery or injury: another question, another population."""
        return self.group in (Group.PREVENTION, Group.REGISTERED_PREVENTION)

    @property
    def is_controlled(self) -> bool:
        """A randomised comparison in people who have the disorder."""
        return self.group is Group.EFFICACY_RCT

    def arm(self, arm_id: str) -> Arm | None:
        """The arm with this id, or ``None``."""
        return next((arm for arm in self.arms if arm.id == arm_id), None)

    def tier_of(self, sources: Iterable[str]) -> Tier:
        """The best tier among the named places."""
        tiers = [self.places[key].tier for key in sources if key in self.places]
        return min(tiers, key=lambda tier: tier.value if tier is not Tier.NONE else "Z", default=Tier.NONE)
