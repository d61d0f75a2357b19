"""The questions of content/analyses.yaml, answered: what is in, what is left out and why, what is silent.

A pool here never stands alone: the same object carries the trials that are known and gave no numbers, with
how many people they hold and what they said in words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from openkap.core.errors import InputError
from openkap.evidence.base import Base
from openkap.evidence.choice import LeftOut, belongs, choose
from openkap.evidence.contrasts import Effect
from openkap.evidence.grade import Body, Certainty, CertaintyLimits, override, propose
from openkap.evidence.plan import Analysis, Plan
from openkap.evidence.pooling import Pooled, pool
from openkap.evidence.silence import OwnWords, own_words, silent_studies
from openkap.evidence.silence import Silent as Silent
from openkap.evidence.study import Study


@dataclass(frozen=True)
class Answer:
    """What the base says to one question. ``pooled`` needs two effects; one effect stands for itself.

    ``own_words`` is what the studies behind the effects say themselves beside their number.
    """

    analysis: Analysis
    effects: tuple[Effect, ...]
    left_out: tuple[LeftOut, ...]
    silent: tuple[Silent, ...]
    pooled: Pooled | None
    normal: Pooled | None
    certainty: Certainty
    range_by_correlation: tuple[float, float] | None = None
    own_words: tuple[OwnWords, ...] = ()

    @property
    def estimate(self) -> float | None:
        """The pooled effect, or the only one there is."""
        if self.pooled:
            return self.pooled.estimate
        return self.effects[0].yi if len(self.effects) == 1 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95% interval: Knapp-Hartung for a pool; for a single effect as printed, else normal."""
        if self.pooled:
            return (self.pooled.ci_low, self.pooled.ci_high)
        return self.effects[0].interval if len(self.effects) == 1 else None

    @property
    def people(self) -> int:
        """People in the studies behind the effects, counted like everybody here: as randomised."""
        return sum(effect.recruited or effect.people or 0 for effect in self.effects)

    @property
    def measured(self) -> int:
        """How many of them were measured and stand behind the numbers."""
        return sum(effect.people or 0 for effect in self.effects)

    @property
    def silent_people(self) -> int:
        """Randomised people in trials without numbers."""
        return sum(each.people or 0 for each in self.silent)

    @property
    def silent_share(self) -> float:
        """Their share of everybody known to the question."""
        total = self.people + self.silent_people
        return self.silent_people / total if total else 0.0

    @property
    def no_effect(self) -> float:
        """The value of no effect on the scale of ``yi``."""
        return 0.0

    @property
    def mixed_scores(self) -> str | None:
        """A sentence where standardised differences of final scores and of changes stand in one pool."""
        changes = [each.study for each in self.effects if each.statistic == "change"]
        if self.analysis.measure != "SMD" or not 0 < len(changes) < len(self.effects):
            return None
        return (
            f"changes from before ({', '.join(changes)}) and scores afterwards, whose standard deviations "
            "are of different things, so that their standardised differences should not be pooled "
            "(Cochrane handbook 10.5.2)"
        )

    def shown(self, value: float) -> float:
        """``yi`` as a reader reads it: ratios back from their logarithm."""
        return math.exp(value) if self.analysis.measure == "RR" else value

    def in_favour(self) -> Literal["yes", "no", "unclear"]:
        """Does the interval lie wholly on ketamine's side, wholly on the other, or across no effect?"""
        if self.interval is None:
            return "unclear"
        low, high = self.interval
        if low > 0:
            return "yes"
        return "no" if high < 0 else "unclear"


@dataclass(frozen=True)
class Answers:
    """Every question's answer, by id."""

    plan: Plan
    by_id: dict[str, Answer] = field(default_factory=dict)

    def get(self, analysis_id: str) -> Answer:
        """The answer to one question."""
        if analysis_id not in self.by_id:
            raise InputError("no such analysis", value=analysis_id, limit=", ".join(self.by_id))
        return self.by_id[analysis_id]


def answer_all(base: Base, plan: Plan) -> Answers:
    """Every question, answered from the base."""
    return Answers(plan, {analysis.id: answer(base, analysis, plan) for analysis in plan.analyses})


def answer(base: Base, analysis: Analysis, plan: Plan) -> Answer:
    """One question, answered from the base."""
    studies = [study for study in base.studies if belongs(study, analysis)]
    r = plan.prepost_correlation
    aims = {window: float(day.value) for window, day in plan.aim_days.items()}
    chosen = choose(studies, analysis, float(r.value), aims)
    effects = chosen.effects
    silent = silent_studies(studies, chosen, analysis, aims)
    words = own_words(studies, effects, analysis)
    pooled = normal = None
    spread = None
    if len(effects) >= 2:
        yi, vi = [each.yi for each in effects], [each.vi for each in effects]
        labels = [each.study for each in effects]
        pooled = pool(yi, vi, "REML", "knha", labels=labels)
        normal = pool(yi, vi, "REML", "z", labels=labels)
        if analysis.measure == "change":
            others = [choose(studies, analysis, float(value), aims).effects for value in (r.low, r.high)]
            ends = [pool([e.yi for e in x], [e.vi for e in x], "REML", "knha").estimate for x in others]
            spread = (min(ends), max(ends))
    result = Answer(
        analysis,
        effects,
        chosen.left_out,
        silent,
        pooled,
        normal,
        Certainty("high", ()),
        spread,
        words,
    )
    body = _body(result, studies, plan.certainty)
    judged = [each for each in plan.overrides if each.analysis == analysis.id]
    certainty = override(propose(body, plan.certainty), judged)
    return replace(result, certainty=certainty)


def _body(result: Answer, studies: list[Study], limits: CertaintyLimits) -> Body:
    inside = [study for study in studies if study.id in {effect.study_id for effect in result.effects}]
    rated = [study.risk_of_bias for study in inside if study.risk_of_bias]
    readings = {each.reading for each in result.silent} | {each.reading for each in result.own_words}
    low, high = result.interval or (None, None)
    appreciable = float(limits.moderate_effect_smd.value) if result.analysis.measure == "SMD" else None
    share = result.silent_share
    largest = f"{result.silent[0].study} (n = {result.silent[0].people or '?'})" if result.silent else ""
    told = (
        f"{result.silent_people} of {result.people + result.silent_people} people known "
        f"({share:.0%}) are in studies without usable numbers, the largest {largest}"
        if result.silent
        else ""
    )
    return Body(
        randomised=result.analysis.design == "controlled",
        trials=len(inside),
        rated=len(rated),
        high_risk=sum(each.overall == "high" for each in rated),
        people=result.measured or None,
        i2=result.pooled.i2 if result.pooled else None,
        conflict={"benefit", "no_difference"} <= readings
        or (result.in_favour() == "yes" and "no_difference" in readings),
        mixed_regimens=_regimens(inside, result.mixed_scores),
        low=low,
        high=high,
        no_effect=0.0,
        appreciable=appreciable,
        silent_share=share,
        silent=told,
    )


def _regimens(studies: list[Study], mixed_scores: str | None) -> str | None:
    """A sentence when the pooled studies differ in number of doses, in therapy, or in what was scored."""
    arms = [arm for study in studies for arm in study.arms if arm.role == "intervention"]
    doses = {arm.administrations for arm in arms}
    therapy = {bool(arm.psychotherapy) for arm in arms}
    differences = []
    if len(doses) > 1:
        told = ", ".join(
            str(each) if each is not None else "unknown" for each in sorted(doses, key=lambda d: d or 0)
        )
        differences.append(f"numbers of doses ({told})")
    if len(therapy) > 1:
        differences.append("therapy given with the drug in some and not in others")
    if mixed_scores:
        differences.append(f"what was compared: {mixed_scores}")
    return f"the studies differ in {' and in '.join(differences)}" if differences else None
