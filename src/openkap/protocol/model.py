"""A protocol: what a course of treatment is, from indication to maintenance, every number with its source.

A protocol file names versioned rule sets and says the rest itself. Once published it is immutable: its
fingerprint stands in ``content/published.yaml``, and a change is a new version.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from pydantic import field_validator

from openkap.core.content import Schema
from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.core.source import Source
from openkap.protocol.rules import Action, Rule, Sourced, Stage


def _quantity_text(text: str | None) -> str | None:
    if text is not None:
        try:
            Quantity.parse(text)
        except InputError as refused:
            raise ValueError(str(refused)) from None
    return text


class Statement(Sourced):
    """A sentence with its source and grade."""

    id: str = ""
    text: str


class Position(Sourced):
    """What a guideline or regulator says, for or against, and what we do about it."""

    id: str
    body: str
    position: str
    about_ptsd: Literal["for", "against", "conditional", "silent", "not_seen"]
    action: str | None = None
    status: str | None = None
    in_notice: bool = False


class Collect(Sourced):
    """What must be on record before the first dose."""

    id: str
    items: tuple[str, ...]


class ConsentElement(Sourced):
    """One thing a patient must have been told, and how that is shown."""

    id: str
    title: str
    required: bool
    shown_by: Literal["read_and_tick", "teach_back", "signed", "recorded_conversation_note"]
    say: str | None = None


class DoseStep(Sourced):
    """A dose that may be chosen: ``dose`` is mg/kg or mg, ``over`` its infusion time."""

    id: str
    title: str
    dose: str
    over: str | None = None
    needs: str | None = None

    _dose = field_validator("dose", "over")(_quantity_text)


class DoseRange(Sourced):
    """The lowest and highest dose anybody may choose here."""

    low: str
    high: str

    _bounds = field_validator("low", "high")(_quantity_text)


class Cap(Sourced):
    """An absolute ceiling for one dose; ``limit`` null means no sourced number was found."""

    limit: str | None
    _limit = field_validator("limit")(_quantity_text)


class Adjustment(Sourced):
    """What changes the dose: a condition, the step to use instead, the sentence shown."""

    id: str
    when: str | None = None
    text: str
    use_step: str | None = None


class Product(Sourced):
    """A vial, ampoule or device. ``undiluted`` says whether it may be given as it is by this route."""

    id: str
    name: str
    strength: str | None = None
    amount_per_device: str | None = None
    undiluted: bool = True

    _amounts = field_validator("strength", "amount_per_device")(_quantity_text)


class Dilution(Sourced):
    """The bag a dose is made up in."""

    volume: str
    fluid: str
    _volume = field_validator("volume")(_quantity_text)


class Rounding(Sourced):
    """To what the shown amounts are rounded, and by how much a rounded pump rate may miss the dose."""

    dose: str
    volume: str
    rate: str
    rate_error: str
    _amounts = field_validator("dose", "volume", "rate", "rate_error")(_quantity_text)


class WeightBasis(Sourced):
    """Which weight a mg/kg dose is worked out on, and when a second basis is shown beside it."""

    basis: Literal["actual", "none"]
    show_ideal_when: str | None = None
    ideal_weight_formula: str | None = None


class Dosing(Schema):
    """Everything ``dosing.propose`` needs."""

    drug: str
    route: Literal["IV", "IM", "SC", "intranasal", "oral", "sublingual"]
    start: str
    weight: WeightBasis
    steps: tuple[DoseStep, ...]
    range: DoseRange
    cap: Cap
    adjustments: tuple[Adjustment, ...]
    products: tuple[Product, ...]
    dilution: Dilution | None = None
    rest_between_devices: Statement | None = None
    rounding: Rounding
    titration: Statement | None = None

    def step(self, step_id: str) -> DoseStep:
        """The step of that id; ``InputError`` lists what there is."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise InputError(
            "no such dosing step",
            value=step_id,
            limit=", ".join(step.id for step in self.steps),
            remedy="choose one of these",
        )


class Course(Sourced):
    """How many sessions, over how long, how far apart; null counts wait for the site."""

    id: str
    title: str
    sessions: int | None
    days: tuple[int, ...] = ()
    period: str | None = None
    result: str | None = None


class VitalsSchedule(Sourced):
    """Minutes (from the start of the dose) at which readings are due, and the minimum stay."""

    minutes: tuple[int, ...]
    measures: tuple[str, ...]
    minimum_stay: str
    continuous: tuple[str, ...] = ()
    late_after: str = "5 min"

    _stay = field_validator("minimum_stay", "late_after")(_quantity_text)


class ScaleTimes(Sourced):
    """A scale given during the session, and when."""

    scale: str
    minutes: tuple[int, ...] = ()
    times: tuple[str, ...] = ()


class Measures(Sourced):
    """Which instruments at which point of care."""

    when: str
    instruments: tuple[str, ...]


class Preparation(Sourced):
    """Sessions before the first dose."""

    sessions: int
    minutes: int
    content: tuple[str, ...]


class Integration(Sourced):
    """The visit after each dose, inside a window of hours."""

    sessions_per_dose: int
    minutes: int
    window_h: tuple[int, int]
    content: tuple[str, ...]


class Therapy(Sourced):
    """A guideline-based trauma-focused therapy."""

    id: str
    title: str
    sessions: str | None
    session_minutes: str | None = None


class TherapyPlan(Schema):
    """Psychotherapy that the course serves: preparation, integration, trauma-focused therapy."""

    principle: Statement
    preparation: Preparation
    integration: Integration
    trauma_focused: tuple[Therapy, ...]
    rules: tuple[Statement, ...]
    timing: tuple[Statement, ...]


class CourseRule(Sourced):
    """A stopping rule, maintenance rule or exposure gate of the course as a whole."""

    id: str
    kind: Literal["stop", "maintenance", "exposure", "strategy"]
    text: str
    do: str | None = None
    value: Decimal | None = None
    unit: str | None = None
    per: str | None = None


class StaffRole(Sourced):
    """Who must be there."""

    role: str
    text: str


class RuleChange(Sourced):
    """What a protocol does otherwise than its rule set, and why.

    ``if_missing`` is what the rule asks for while its facts are not known; what is known counts as ever.
    """

    rule: str
    action: Action | None = None
    if_missing: Action | None = None
    reason: str


class Indication(Sourced):
    """For whom the protocol is meant."""

    text: str


@dataclass(frozen=True)
class Protocol:
    """A protocol ready for use: rules compiled, rule sets joined, sources resolved.

    ``fingerprint`` covers all an answer rests on, ``files`` the protocol's own files; ``retired`` says why it
    assesses nobody any more.
    """

    id: str
    version: str
    title: str
    status: str
    summary: str
    fingerprint: str
    files: str
    indication: Indication
    positions: tuple[Position, ...]
    rules: tuple[Rule, ...]
    collect: tuple[Collect, ...]
    consent: tuple[ConsentElement, ...]
    dosing: Dosing
    courses: tuple[Course, ...]
    therapy: TherapyPlan
    vitals: VitalsSchedule
    scales: tuple[ScaleTimes, ...]
    measures: tuple[Measures, ...]
    course_rules: tuple[CourseRule, ...]
    staffing: tuple[StaffRole, ...]
    equipment: tuple[Statement, ...]
    emergencies: tuple[Statement, ...]
    contacts: tuple[Statement, ...]
    changes: tuple[RuleChange, ...]
    sources: dict[str, Source] = field(repr=False)
    parts: dict[str, str] = field(default_factory=dict)
    more_rules: dict[str, str] = field(default_factory=dict)
    site: str = ""
    retired: str = ""

    def stage(self, stage: Stage) -> tuple[Rule, ...]:
        """The rules of one stage."""
        return tuple(rule for rule in self.rules if rule.stage is stage)

    def rule(self, rule_id: str) -> Rule:
        """The rule of that id; ``InputError`` when there is none."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise InputError("no such rule in this protocol", value=rule_id, remedy="see openkap protocol show")

    def against(self) -> tuple[Position, ...]:
        """The guideline-conflict notice: positions against, not seen, or marked for it."""
        return tuple(
            each for each in self.positions if each.in_notice or each.about_ptsd in ("against", "not_seen")
        )
