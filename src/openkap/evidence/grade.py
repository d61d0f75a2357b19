"""Certainty of an answer by the GRADE domains: rules propose, a named reviewer overrides with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from openkap.core.content import Schema

LEVELS = ("very low", "low", "moderate", "high")
DomainName = Literal["risk of bias", "inconsistency", "indirectness", "imprecision", "missing results"]
_CONCERN = {0: "no concern", -1: "serious", -2: "very serious"}


class Limit(Schema):
    """A number the rules use, with the reason for it."""

    value: Decimal
    why: str


class CertaintyLimits(Schema):
    """All limits of the rules; they live in content/analyses.yaml."""

    smallest_effect_smd: Limit
    moderate_effect_smd: Limit
    information_size: Limit
    silent_share_serious: Limit
    silent_share_very_serious: Limit
    i2_serious: Limit


class Override(Schema):
    """A reviewer's judgement in place of a rule's: who, when and why are required."""

    analysis: str
    domain: DomainName
    level: Literal["0", "-1", "-2"]
    reviewer: str
    reason: str
    on: date


@dataclass(frozen=True)
class Domain:
    """One domain's judgement: 0, -1 or -2 steps, and why."""

    name: DomainName
    level: int
    reason: str
    judged_by: str = "rule"

    @property
    def words(self) -> str:
        """No concern, serious, very serious."""
        return _CONCERN[self.level]


@dataclass(frozen=True)
class Certainty:
    """Where the rating starts, what each domain takes away, and what is left."""

    start: str
    domains: tuple[Domain, ...]

    @property
    def level(self) -> str:
        """high, moderate, low or very low."""
        steps = LEVELS.index(self.start) + sum(domain.level for domain in self.domains)
        return LEVELS[max(0, steps)]


@dataclass(frozen=True)
class Body:
    """What the rules look at: a body of evidence for one question."""

    randomised: bool
    trials: int
    rated: int
    high_risk: int
    people: int | None
    i2: float | None
    conflict: bool
    mixed_regimens: str | None
    low: float | None
    high: float | None
    no_effect: float
    appreciable: float | None
    silent_share: float
    silent: str


def propose(body: Body, limits: CertaintyLimits) -> Certainty:
    """The rules' rating; every reason is a sentence with its numbers."""
    return Certainty(
        "high" if body.randomised else "low",
        (
            _risk_of_bias(body),
            _inconsistency(body, limits),
            _indirectness(body),
            _imprecision(body, limits),
            _missing(body, limits),
        ),
    )


def override(certainty: Certainty, overrides: list[Override]) -> Certainty:
    """The rating with reviewers' judgements in place; the rule's reason stays readable beside theirs."""
    given = {each.domain: each for each in overrides}
    domains = tuple(
        Domain(
            domain.name,
            int(each.level),
            f"{each.reason} (the rule had proposed {domain.words}: {domain.reason})",
            f"{each.reviewer}, {each.on.isoformat()}",
        )
        if (each := given.get(domain.name))
        else domain
        for domain in certainty.domains
    )
    return Certainty(certainty.start, domains)


def _risk_of_bias(body: Body) -> Domain:
    if not body.trials:
        return Domain("risk of bias", 0, "no study with numbers to rate")
    if body.rated < body.trials:
        return Domain(
            "risk of bias",
            -1,
            f"{body.trials - body.rated} of {body.trials} studies without a judgement that could be read; "
            "unrated counts as a concern, and blinding to ketamine seldom holds",
        )
    if body.high_risk:
        return Domain("risk of bias", -1, f"{body.high_risk} of {body.trials} studies at high risk")
    return Domain("risk of bias", 0, "every study rated, none at high risk")


def _inconsistency(body: Body, limits: CertaintyLimits) -> Domain:
    if body.conflict:
        return Domain("inconsistency", -1, "trials that report in words point both ways")
    if body.i2 is not None and body.i2 >= float(limits.i2_serious.value):
        return Domain("inconsistency", -1, f"I² is {body.i2:.0f}%")
    if body.trials < 2:
        return Domain("inconsistency", 0, "fewer than two studies: cannot be judged, not rated down")
    return Domain("inconsistency", 0, f"I² is {body.i2 or 0:.0f}%")


def _indirectness(body: Body) -> Domain:
    if body.mixed_regimens:
        return Domain("indirectness", -1, body.mixed_regimens)
    return Domain("indirectness", 0, "drug, route and comparison are those asked about")


def _imprecision(body: Body, limits: CertaintyLimits) -> Domain:
    size = int(limits.information_size.value)
    few = body.people is None or body.people < size
    told = (
        f"{body.people if body.people is not None else 'an unknown number of'} people (information size "
        f"{size})"
    )
    if body.low is None or body.high is None:
        return Domain("imprecision", -2, f"no pooled interval; {told}")
    crosses = body.low <= body.no_effect <= body.high
    wide = body.appreciable is not None and crosses and body.high >= body.appreciable
    if few and (wide or crosses):
        return Domain("imprecision", -2, f"{told}, and the interval holds both no effect and a real one")
    if few or crosses:
        return Domain("imprecision", -1, told if few else "the interval holds no effect")
    return Domain("imprecision", 0, told)


def _missing(body: Body, limits: CertaintyLimits) -> Domain:
    if body.silent_share >= float(limits.silent_share_very_serious.value):
        return Domain("missing results", -2, body.silent)
    if body.silent_share >= float(limits.silent_share_serious.value):
        return Domain("missing results", -1, body.silent)
    return Domain("missing results", 0, body.silent or "no trial is known that lacks numbers")
