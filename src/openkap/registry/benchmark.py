"""Our trajectory beside the active arms of the trials: same scale, same time, same baseline severity.

A before-after change of a clinic is never set beside a between-arm effect. What the clinic's patients did is
compared with what patients in *active arms* did, by a prediction interval for one more group of patients; the
randomised contrast, which alone says what the treatment caused, stands beside it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from openkap.core.content import SHIPPED, Schema, read_document
from openkap.core.source import Grade
from openkap.evidence.base import Base
from openkap.evidence.bayes import bayes
from openkap.evidence.change import change_sd
from openkap.evidence.contrasts import controlled_effect, single_group_change
from openkap.evidence.study import ArmValue, Group, Outcome, Study
from openkap.registry.missing import Estimate
from openkap.registry.repeated import Trajectory
from openkap.registry.schema import SourceLine

Design = Literal["randomised", "open-label", "real-world"]
DESIGNS: dict[Group, Design] = {
    Group.EFFICACY_RCT: "randomised",
    Group.EFFICACY_UNCONTROLLED: "open-label",
    Group.OBSERVATIONAL: "real-world",
}
Verdict = Literal["inside", "better", "worse", "cannot say"]
# A prediction interval from two groups has one degree of freedom; three is the least we call a comparison.
FEWEST_ARMS = 3


class Pair(Schema):
    """A window of ours and the time of the trials it stands beside."""

    window: str
    title: str
    evidence: str
    from_day: int
    to_day: int


class Plan(Schema):
    """The benchmark's plan, as content."""

    version: str
    owner: str
    review_by: date
    grade: Grade
    source: str
    sources: dict[str, SourceLine]
    scale: str
    cluster: str
    instrument: str
    correlation: float = Field(gt=-1, lt=1)
    tau_scale: float = Field(gt=0)
    pairs: tuple[Pair, ...]
    fingerprint: str = ""


def read_plan(root: Path = SHIPPED) -> Plan:
    """The plan below a content folder."""
    document = read_document(root / "benchmark" / "plan.yaml")
    return document.parse(Plan).model_copy(update={"fingerprint": document.fingerprint})


@dataclass(frozen=True)
class ActiveArm:
    """What one group on ketamine or esketamine did, as far as it was printed. Negative change is better."""

    study_id: str
    study: str
    arm: str
    design: Design
    time: str
    change: float
    se: float | None
    n: int | None
    baseline: float | None
    how: str
    tier: str
    urls: tuple[str, ...]
    adjusted: float | None = None


@dataclass(frozen=True)
class Contrast:
    """A randomised difference between arms, in the trial's own measure; positive favours ketamine."""

    study: str
    instrument: str
    time: str
    measure: str
    estimate: float
    se: float
    how: str
    urls: tuple[str, ...]


@dataclass(frozen=True)
class PooledArms:
    """The trials' active arms together, at the clinic's baseline severity."""

    k: int
    people: int
    estimate: float
    low: float
    high: float
    prediction_low: float
    prediction_high: float
    tau: float
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Benchmark:
    """One time of the clinic beside the trials, with both fingerprints and the words that must go with it."""

    window: str
    title: str
    instrument: str
    clinic: Estimate
    clinic_model: tuple[float, float, float]
    clinic_baseline: float
    slope: float
    arms: tuple[ActiveArm, ...]
    pooled: PooledArms | None
    verdict: Verdict
    contrasts: tuple[Contrast, ...]
    real_world: tuple[ActiveArm, ...]
    data_fingerprint: str
    evidence_fingerprint: str
    plan_fingerprint: str
    sentences: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Everything, for ``--json`` and for storing."""
        return {**asdict(self), "clinic": self.clinic.as_dict()}


def evidence_fingerprint(base: Base) -> str:
    """One SHA-256 over every study file of the base."""
    lines = "".join(f"{name} {mark}\n" for name, mark in sorted(base.fingerprints.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def benchmark(
    clinic: Estimate,
    trajectory: Trajectory,
    time: int,
    pair: Pair,
    base: Base,
    plan: Plan,
    *,
    data_fingerprint: str,
) -> Benchmark:
    """Set one time of the clinic beside the trials.

    Parameters
    ----------
    clinic : the clinic's mean change at this time, with the missing counted in.
    trajectory : the repeated-measures model; its baseline and the slope of change on baseline adjust the
    arms.
    time : index of the time in the trajectory, baseline being 0.
    """
    baseline = float(trajectory.mean[0])
    slope = float(trajectory.covariance[time, 0] / trajectory.covariance[0, 0]) - 1
    spread = typical_spread(base, plan)
    groups = [adjust(borrow(arm, spread), baseline, slope) for arm in groups_at(base, plan, pair)]
    arms = tuple(arm for arm in groups if arm.design != "real-world")
    pooled = pool_arms(arms, plan.tau_scale)
    verdict = judge(clinic, pooled)
    model = trajectory.change(time)
    result = Benchmark(
        pair.window,
        pair.title,
        plan.instrument,
        clinic,
        model,
        baseline,
        slope,
        arms,
        pooled,
        verdict,
        tuple(randomised_contrasts(base, pair)),
        tuple(arm for arm in groups if arm.design == "real-world"),
        data_fingerprint,
        evidence_fingerprint(base),
        plan.fingerprint,
    )
    return Benchmark(**{**vars(result), "sentences": tuple(_sentences(result))})


def groups_at(base: Base, plan: Plan, pair: Pair) -> list[ActiveArm]:
    """Every group on ketamine or esketamine with a change of this instrument at this time.

    Of studies that probably share patients, the one with the most people stands for all.
    """
    found: list[ActiveArm] = []
    kept: dict[str, ActiveArm] = {}
    for study in base.studies:
        design = DESIGNS.get(study.group)
        if design is None:
            continue
        best: dict[str, ActiveArm] = {}
        for outcome in study.outcomes:
            if (
                outcome.instrument != plan.instrument
                or outcome.cluster != plan.cluster
                or not _is_at(outcome, pair)
            ):
                continue
            for arm in _arms_of(study, outcome, design, plan.correlation):
                held = best.get(arm.arm)
                # A printed spread of the change goes before one that rests on an assumed correlation.
                if held is None or (arm.se is not None and (held.se is None or "assumed" in held.how)):
                    best[arm.arm] = arm
        for arm in best.values():
            if study.overlap:
                held = kept.get(study.overlap)
                kept[study.overlap] = arm if held is None or (arm.n or 0) > (held.n or 0) else held
            else:
                found.append(arm)
    return sorted([*found, *kept.values()], key=lambda arm: (arm.design, arm.study_id))


def _is_at(outcome: Outcome, pair: Pair) -> bool:
    """Whether an outcome belongs to a time of ours; one counted from the last of many doses does not tell.

    What an import left open belongs nowhere until a person has settled it.
    """
    if outcome.unsettled:
        return False
    days = outcome.time.days_from_first_dose
    if days is None and outcome.time.days_from_last_dose is not None:
        return False
    if days is None and outcome.time.weeks_from_first_dose is not None:
        days = outcome.time.weeks_from_first_dose * 7
    if days is not None:
        return pair.from_day <= float(days) <= pair.to_day
    return outcome.time.window.value == pair.evidence


def _arms_of(study: Study, outcome: Outcome, design: Design, correlation: float) -> Iterable[ActiveArm]:
    labels = {arm.id: arm.label for arm in study.arms if arm.role == "intervention"}
    urls = tuple(study.places[key].url for key in outcome.sources if key in study.places)

    def made(
        label: str, change: float, se: float | None, n: int | None, baseline: Any, how: str
    ) -> ActiveArm:
        return ActiveArm(
            study.id,
            study.name,
            label,
            design,
            outcome.time.label,
            change,
            se,
            n,
            None if baseline is None else float(baseline),
            how,
            study.tier_of(outcome.sources).words,
            urls,
        )

    if outcome.kind == "single_arm_prepost":
        before = outcome.baseline.mean if outcome.baseline else None
        label = ", ".join(labels.values())
        effect = single_group_change(study, outcome, correlation)
        if effect is not None:
            yield made(label, -effect.yi, math.sqrt(effect.vi), effect.n1, before, effect.how)
        elif outcome.baseline and outcome.post and before is not None and outcome.post.mean is not None:
            change = float(outcome.post.mean - before)
            yield made(label, change, None, outcome.post.n, before, "means only")
    elif outcome.kind == "arm_level":
        start = _baseline_values(study, outcome)
        for value in outcome.values:
            if value.arm_id not in labels or value.mean is None:
                continue
            first = start.get(value.arm_id)
            mean = first.mean if first else None
            if outcome.statistic == "change":
                se = _standard_error(value)
                yield made(labels[value.arm_id], float(value.mean), se, value.n, mean, "printed change")
            elif first and mean is not None and first.sd and value.sd and value.n:
                sd = float(change_sd(sd_pre=float(first.sd), sd_post=float(value.sd), r=correlation))
                how = f"means and SDs before and after; correlation of {correlation:g} assumed"
                yield made(
                    labels[value.arm_id],
                    float(value.mean - mean),
                    sd / math.sqrt(value.n),
                    value.n,
                    mean,
                    how,
                )


def _baseline_values(study: Study, outcome: Outcome) -> dict[str, ArmValue]:
    for other in study.outcomes:
        if (other.instrument, other.cluster) == (outcome.instrument, outcome.cluster) and (
            other.time.window.value == "baseline"
        ):
            return {value.arm_id: value for value in other.values}
    return {}


def _standard_error(value: ArmValue) -> float | None:
    if value.se is not None:
        return float(value.se)
    return float(value.sd) / math.sqrt(value.n) if value.sd is not None and value.n else None


def typical_spread(base: Base, plan: Plan) -> float | None:
    """SD of the change over all groups that printed one, by the square root of its mean square.

    Borrowing it for a study that printed none follows Furukawa et al. 2006,
    doi:10.1016/j.jclinepi.2005.06.006.
    """
    printed = {
        (arm.study_id, arm.time): arm
        for pair in plan.pairs
        for arm in groups_at(base, plan, pair)
        if arm.se and arm.n and arm.how.startswith("printed")
    }
    squares = [(arm.n or 0) * (arm.se or 0.0) ** 2 for arm in printed.values()]
    return math.sqrt(sum(squares) / len(squares)) if squares else None


def borrow(arm: ActiveArm, spread: float | None) -> ActiveArm:
    """The arm with a borrowed spread where it printed none; it says so."""
    if arm.se is not None or spread is None or not arm.n:
        return arm
    how = "means only; spread of the change borrowed from the groups that printed one"
    return ActiveArm(**{**vars(arm), "se": spread / math.sqrt(arm.n), "how": how})


def adjust(arm: ActiveArm, baseline: float, slope: float) -> ActiveArm:
    """The arm's change as if its people had begun at ``baseline``; unchanged where its own is not known."""
    shift = 0.0 if arm.baseline is None else slope * (baseline - arm.baseline)
    return ActiveArm(**{**vars(arm), "adjusted": arm.change + shift})


def pool_arms(arms: Sequence[ActiveArm], tau_scale: float) -> PooledArms | None:
    """Random effects with a prior for tau, integrated; ``None`` for too few arms to tell how they differ.

    With so few arms the usual intervals fall short: REML with Knapp-Hartung covers 82 to 93 % (see
    validation/registry), since tau is so often estimated as nothing.
    """
    usable = [arm for arm in arms if arm.se and arm.adjusted is not None]
    if len(usable) < FEWEST_ARMS:
        return None
    result = bayes(
        [arm.adjusted for arm in usable if arm.adjusted is not None],
        [arm.se**2 for arm in usable if arm.se],
        tau_scale=tau_scale,
        labels=[f"{arm.study} {arm.arm}" for arm in usable],
    )
    warnings = [doubt.text for doubt in result.warnings]
    borrowed = [arm.study for arm in usable if "borrowed" in arm.how]
    if borrowed:
        warnings.append(f"no spread was printed, so one was borrowed: {', '.join(borrowed)}")
    unadjusted = [arm.study for arm in usable if arm.baseline is None]
    if unadjusted:
        warnings.append(f"baseline not known, so not adjusted: {', '.join(unadjusted)}")
    return PooledArms(
        result.k,
        sum(arm.n or 0 for arm in usable),
        result.estimate,
        result.ci_low,
        result.ci_high,
        result.prediction_low,
        result.prediction_high,
        result.tau_median,
        tuple(warnings),
    )


def judge(clinic: Estimate, pooled: PooledArms | None) -> Verdict:
    """Where the clinic lies: the prediction interval widened by the clinic's own uncertainty."""
    ours = clinic.weighted
    if pooled is None or ours.value is None or ours.low is None or ours.high is None:
        return "cannot say"
    own = (ours.high - ours.low) / 2
    low = pooled.estimate - math.hypot(pooled.estimate - pooled.prediction_low, own)
    high = pooled.estimate + math.hypot(pooled.prediction_high - pooled.estimate, own)
    if ours.value < low:
        return "better"
    return "worse" if ours.value > high else "inside"


def randomised_contrasts(base: Base, pair: Pair) -> Iterable[Contrast]:
    """Every randomised difference on a PTSD scale at this time: in points, else standardised."""
    for study in base.studies:
        if study.group is not Group.EFFICACY_RCT:
            continue
        seen: set[str] = set()
        for outcome in study.outcomes:
            if outcome.domain != "ptsd" or outcome.cluster != "total" or not _is_at(outcome, pair):
                continue
            effect = controlled_effect(study, outcome, "MD") or controlled_effect(study, outcome, "SMD")
            if effect is None or outcome.instrument in seen:
                continue
            seen.add(outcome.instrument)
            yield Contrast(
                study.name,
                outcome.instrument,
                outcome.time.label,
                effect.measure,
                effect.yi,
                math.sqrt(effect.vi),
                effect.how,
                effect.urls,
            )


def _sentences(result: Benchmark) -> Iterable[str]:
    clinic, pooled = result.clinic, result.pooled
    yield f"Our patients at {result.title.lower()}: {clinic.sentence()}"
    if pooled is None:
        number = len(result.arms)
        yield (
            f"The trials give {number or 'no'} active {'arm' if number == 1 else 'arms'} on this "
            "scale at this time: "
            "too few for an interval of what to expect."
        )
    else:
        yield (
            f"{pooled.k} active arms with {pooled.people} people, set to our baseline of "
            f"{result.clinic_baseline:.0f} points: {pooled.estimate:+.1f} ({pooled.low:+.1f} to "
            f"{pooled.high:+.1f}); "
            f"one more group of patients would be expected between {pooled.prediction_low:+.1f} and "
            f"{pooled.prediction_high:+.1f}."
        )
    yield {
        "inside": "Ours lies within what the trials' active arms would lead us to expect.",
        "better": "Ours is better than what the trials' active arms would lead us to expect.",
        "worse": "Ours lies short of what the trials' active arms would lead us to expect.",
        "cannot say": f"With fewer than {FEWEST_ARMS} arms we do not call ours inside or outside.",
    }[result.verdict]
    yield (
        "This can say whether our patients' course looks like that of people treated in studies. "
        "It cannot say what "
        "the treatment caused: in both, expectation, time, regression to the mean and other care "
        "are part of the "
        "change. Only the randomised contrast answers that."
    )
    if not result.contrasts:
        yield "No randomised contrast at this time could be read."
    if clinic.completeness is not None and clinic.completeness < 0.5:
        yield "More than half of our outcomes are missing; compare completeness before comparing results."
