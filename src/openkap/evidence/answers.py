"""The questions of content/analyses.yaml, answered: what is in, what is left out and why, what is silent.

A pool here never stands alone: the same object carries the trials that are known and gave no numbers, with
how many people they hold and what they said in words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from openkap.core.errors import InputError
from openkap.evidence.base import Base
from openkap.evidence.contrasts import Effect, controlled_effect, single_group_change
from openkap.evidence.grade import Body, Certainty, CertaintyLimits, override, propose
from openkap.evidence.plan import Analysis, Plan
from openkap.evidence.pooling import Pooled, pool
from openkap.evidence.study import Group, Outcome, Study, Window

# One outcome a study: the one marked primary, final scores before changes, interviews before self-report.
_SCALE_ORDER = ("CAPS-5", "CAPS", "PCL-5", "PCL", "IES-R")
_UNCONTROLLED = (Group.EFFICACY_UNCONTROLLED, Group.OBSERVATIONAL, Group.CASE_SERIES)


@dataclass(frozen=True)
class Silent:
    """A study that belongs to the question and gave no number for it."""

    study_id: str
    study: str
    people: int | None
    said: str
    reading: str | None
    urls: tuple[str, ...]


@dataclass(frozen=True)
class LeftOut:
    """An effect that could be computed and is not pooled, with the reason."""

    effect: Effect
    reason: str


@dataclass(frozen=True)
class Answer:
    """What the base says to one question. ``pooled`` needs two effects; one effect stands for itself."""

    analysis: Analysis
    effects: tuple[Effect, ...]
    left_out: tuple[LeftOut, ...]
    silent: tuple[Silent, ...]
    pooled: Pooled | None
    normal: Pooled | None
    certainty: Certainty
    range_by_correlation: tuple[float, float] | None = None

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
    effects, left_out = _effects(studies, analysis, float(r.value))
    silent = tuple(_silent(studies, effects, left_out, analysis))
    pooled = normal = None
    spread = None
    if len(effects) >= 2:
        yi, vi = [each.yi for each in effects], [each.vi for each in effects]
        labels = [each.study for each in effects]
        pooled = pool(yi, vi, "REML", "knha", labels=labels)
        normal = pool(yi, vi, "REML", "z", labels=labels)
        if analysis.measure == "change":
            other = [
                pool(
                    [e.yi for e in _effects(studies, analysis, float(value))[0]],
                    [e.vi for e in _effects(studies, analysis, float(value))[0]],
                    "REML",
                    "knha",
                ).estimate
                for value in (r.low, r.high)
            ]
            spread = (min(other), max(other))
    result = Answer(
        analysis,
        effects,
        left_out,
        silent,
        pooled,
        normal,
        Certainty("high", ()),
        range_by_correlation=spread,
    )
    body = _body(result, studies, plan.certainty)
    judged = [each for each in plan.overrides if each.analysis == analysis.id]
    certainty = override(propose(body, plan.certainty), judged)
    return Answer(analysis, effects, left_out, silent, pooled, normal, certainty, spread)


def belongs(study: Study, analysis: Analysis) -> bool:
    """Is the study of the kind the question asks about?"""
    if study.retracted:
        return False
    if analysis.population == "prevention":
        return study.group is Group.PREVENTION
    if study.is_prevention:
        return False
    return study.is_controlled if analysis.design == "controlled" else study.group in _UNCONTROLLED


def _effects(
    studies: list[Study], analysis: Analysis, correlation: float
) -> tuple[tuple[Effect, ...], tuple[LeftOut, ...]]:
    chosen: list[tuple[Study, Effect]] = []
    left_out: list[LeftOut] = []
    for study in studies:
        found = []
        for outcome in sorted(study.outcomes, key=preference):
            if not _matches(outcome, analysis):
                continue
            effect = (
                single_group_change(study, outcome, correlation)
                if analysis.measure == "change"
                else controlled_effect(study, outcome, analysis.measure)
            )
            if effect:
                found.append(effect)
        if found:
            chosen.append((study, found[0]))
            left_out += [
                LeftOut(each, f"{found[0].outcome_id} of the same study is used") for each in found[1:]
            ]
    kept, overlapping = _without_overlap(chosen)
    return kept, (*left_out, *overlapping)


def preference(outcome: Outcome) -> tuple[bool, bool, int, bool]:
    """Sorts outcomes of one study: the one to use comes first."""
    order = (
        _SCALE_ORDER.index(outcome.instrument) if outcome.instrument in _SCALE_ORDER else len(_SCALE_ORDER)
    )
    return (not outcome.primary, outcome.statistic == "change", order, outcome.kind != "arm_level")


def _matches(outcome: Outcome, analysis: Analysis) -> bool:
    return (
        outcome.domain == analysis.domain
        and outcome.cluster == analysis.cluster
        and outcome.time.window in analysis.windows
        and (not analysis.instruments or outcome.instrument in analysis.instruments)
    )


def _without_overlap(
    chosen: list[tuple[Study, Effect]],
) -> tuple[tuple[Effect, ...], tuple[LeftOut, ...]]:
    """At most one study of a probable overlap: the largest."""
    best: dict[str, tuple[Study, Effect]] = {}
    for study, effect in chosen:
        if study.overlap:
            held = best.get(study.overlap)
            if held is None or (effect.people or 0) > (held[1].people or 0):
                best[study.overlap] = (study, effect)
    kept = [effect for study, effect in chosen if not study.overlap or best[study.overlap][1] is effect]
    out = [
        LeftOut(effect, f"its sample probably overlaps that of {best[study.overlap][0].name}")
        for study, effect in chosen
        if study.overlap and best[study.overlap][1] is not effect
    ]
    return tuple(kept), tuple(out)


def _silent(
    studies: list[Study], effects: tuple[Effect, ...], left_out: tuple[LeftOut, ...], analysis: Analysis
) -> list[Silent]:
    heard = {effect.study_id for effect in effects} | {each.effect.study_id for each in left_out}
    samples = {study.overlap: study.name for study in studies if study.overlap and study.id in heard}
    silent = []
    for study in studies:
        if study.id in heard or study.record != "study":
            continue
        if study.overlap in samples:
            same = (
                f"no usable numbers; its sample probably overlaps that of {samples[study.overlap]}, not "
                "counted"
            )
            silent.append(Silent(study.id, study.name, None, same, None, ()))
            continue
        words = _words(study, analysis)
        said, reading = _said(words, analysis) if words else _on_another_measure(study, analysis)
        urls = tuple(study.places[key].url for key in (words.sources if words else study.citation.sources))
        silent.append(Silent(study.id, study.name, study.sample.largest, said, reading, urls))
    return sorted(silent, key=lambda each: (-(each.people or 0), each.study_id))


def _words(study: Study, analysis: Analysis) -> Outcome | None:
    """What a silent study said in words about this domain and cluster at this time, or at a time unclear."""
    told = [o for o in study.outcomes if o.kind == "qualitative" and o.domain == analysis.domain]
    if analysis.cluster == "total":
        told = [o for o in told if o.cluster == "total" and o.finding]
    else:
        told = [o for o in told if analysis.cluster in o.findings_by_cluster]
    wanted = set(analysis.windows)
    near = [o for o in told if wanted & {o.time.window, *o.time.covers}]
    return next(
        iter(near or [o for o in told if o.time.window is Window.UNCLEAR and not o.time.covers]), None
    )


def _on_another_measure(study: Study, analysis: Analysis) -> tuple[str, str | None]:
    """A study may hold a number that this question's measure cannot take; it is told, not pooled."""
    for outcome in study.outcomes:
        contrast = outcome.contrast
        if _matches(outcome, analysis) and contrast and contrast.estimate is not None:
            text = f"{contrast.measure} {contrast.estimate} ({contrast.ci_low} to {contrast.ci_high})"
            ends = (contrast.ci_low, contrast.ci_high) if contrast.measure in ("OR", "RR") else (None, None)
            no_effect = ends[0] is not None and ends[1] is not None and ends[0] < 1 < ends[1]
            return f"{text}, another measure, not pooled", "no_difference" if no_effect else "unclear"
    return "nothing usable for this question in what was read", None


def _said(words: Outcome, analysis: Analysis) -> tuple[str, str | None]:
    if analysis.cluster != "total":
        reading = words.readings_by_cluster.get(analysis.cluster)
        return words.findings_by_cluster[analysis.cluster], reading
    return words.finding or "", words.reading


def _body(result: Answer, studies: list[Study], limits: CertaintyLimits) -> Body:
    inside = [study for study in studies if study.id in {effect.study_id for effect in result.effects}]
    rated = [study.risk_of_bias for study in inside if study.risk_of_bias]
    readings = {each.reading for each in result.silent}
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
        mixed_regimens=_regimens(inside),
        low=low,
        high=high,
        no_effect=0.0,
        appreciable=appreciable,
        silent_share=share,
        silent=told,
    )


def _regimens(studies: list[Study]) -> str | None:
    """A sentence when the pooled studies differ in number of doses or in therapy given with the drug."""
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
    return f"the studies differ in {' and in '.join(differences)}" if differences else None
