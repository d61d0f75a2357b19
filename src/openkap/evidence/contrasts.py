"""From a record's outcome to one effect with its variance, and how it was got.

For severity, positive favours ketamine on every scale; for counts, a ratio above one is more events on
ketamine. An outcome that lacks a number gives ``None``: nothing is imputed but the pre-post correlation,
which is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from openkap.evidence.change import change_sd, pretest_posttest_control
from openkap.evidence.conversion import se_from_ci
from openkap.evidence.effect_size import (
    hedges_correction,
    mean_difference,
    risk_ratio,
    standardised_mean_difference,
)
from openkap.evidence.study import Arm, ArmValue, Outcome, Study, Tier
from openkap.evidence.usable import is_crossover, why_not

Measure = Literal["SMD", "MD", "RR", "change"]
_NORMAL_95 = 1.959963984540054


@dataclass(frozen=True)
class Effect:
    """One study's answer to one question. ``yi`` is a log ratio for RR; ``n1`` is ketamine.

    ``recruited`` is how many the study randomised (or enrolled), which may be more than were measured.
    ``printed`` is the 95% interval as its source prints it, on the scale and with the sign of ``yi``.
    ``statistic`` is whether scores afterwards or their changes were compared.
    """

    study_id: str
    study: str
    outcome_id: str
    measure: Measure
    yi: float
    vi: float
    n1: int | None
    n2: int | None
    instrument: str
    time: str
    how: str
    tier: Tier
    urls: tuple[str, ...]
    where: str | None
    arms: str
    recruited: int | None = None
    printed: tuple[float, float] | None = None
    statistic: Literal["final", "change"] = "final"
    is_crossover: bool = False

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval: as printed where it was, else the normal one."""
        if self.printed:
            return self.printed
        half = _NORMAL_95 * self.se
        return (self.yi - half, self.yi + half)

    @property
    def se(self) -> float:
        """Standard error of ``yi``."""
        return math.sqrt(self.vi)

    @property
    def people(self) -> int | None:
        """How many people were measured for it."""
        if self.n1 is None:
            return None
        return self.n1 + (self.n2 or 0)


@dataclass(frozen=True)
class _Arm:
    """Mean, SD and size of one side, arms of that side taken together."""

    mean: float
    sd: float
    n: int


def withheld(study: Study, outcome: Outcome, measure: Measure, correlation: float) -> str | None:
    """Why an effect that the numbers would give is not used; ``None`` when it is used, or there is none."""
    reason = why_not(study, outcome)
    if reason is None:
        return None
    given = (
        _from_single_group(study, outcome, correlation)
        if measure == "change"
        else _from_groups(study, outcome, measure)
    )
    return reason if given else None


def controlled_effect(study: Study, outcome: Outcome, measure: Measure) -> Effect | None:
    """The ketamine-against-control effect of one outcome.

    ``None`` when a number is missing or ``why_not`` forbids its use.
    """
    return None if why_not(study, outcome) else _from_groups(study, outcome, measure)


def _from_groups(study: Study, outcome: Outcome, measure: Measure) -> Effect | None:
    if measure == "RR":
        return _counts(study, outcome)
    if outcome.kind == "arm_level":
        return _from_arms(study, outcome, measure)
    if outcome.kind == "between_group":
        return _from_contrast(study, outcome, measure)
    return None


def _side(study: Study, role: str) -> list[Arm]:
    return [arm for arm in study.arms if arm.role == role]


def _together(values: Sequence[ArmValue]) -> _Arm | None:
    """Arms of one side as one group (Cochrane handbook 6.5.2.10)."""
    total: _Arm | None = None
    for value in values:
        if value.n is None or value.n < 2 or value.mean is None or not value.sd:
            return None
        one = _Arm(float(value.mean), float(value.sd), value.n)
        if total is None:
            total = one
            continue
        n = total.n + one.n
        between = total.n * one.n / n * (total.mean - one.mean) ** 2
        within = (total.n - 1) * total.sd**2 + (one.n - 1) * one.sd**2
        mean = (total.n * total.mean + one.n * one.mean) / n
        total = _Arm(mean, math.sqrt((within + between) / (n - 1)), n)
    return total


def _from_arms(study: Study, outcome: Outcome, measure: Measure) -> Effect | None:
    ids = {role: [arm.id for arm in _side(study, role)] for role in ("intervention", "comparator")}
    treated = _together([v for v in outcome.values if v.arm_id in ids["intervention"]])
    control = _together([v for v in outcome.values if v.arm_id in ids["comparator"]])
    if treated is None or control is None:
        return None
    compute = standardised_mean_difference if measure == "SMD" else mean_difference
    effect = compute(
        mean1=treated.mean,
        sd1=treated.sd,
        n1=treated.n,
        mean2=control.mean,
        sd2=control.sd,
        n2=control.n,
        lower_is_better=not outcome.higher_is_better,
    )
    how = "from the arms' means, SDs and sizes"
    if outcome.from_participant_file:
        how += ", computed from the participant file the authors posted"
    return _effect(study, outcome, measure, (effect.yi, effect.vi), (treated.n, control.n), how)


def change_effect(study: Study, before: Outcome, after: Outcome, correlation: float) -> Effect | None:
    """The difference of the two sides' changes in pretest SDs, at an assumed correlation (Morris 2008)."""
    if why_not(study, before) or why_not(study, after):
        return None
    pairs: list[tuple[_Arm, _Arm]] = []
    for role in ("intervention", "comparator"):
        ids = {arm.id for arm in _side(study, role)}
        ends = [_together([v for v in each.values if v.arm_id in ids]) for each in (before, after)]
        if ends[0] is None or ends[1] is None:
            return None
        pairs.append((ends[0], ends[1]))
    (pre1, post1), (pre2, post2) = pairs
    effect = pretest_posttest_control(
        mean_pre1=pre1.mean,
        mean_post1=post1.mean,
        sd_pre1=pre1.sd,
        n1=post1.n,
        mean_pre2=pre2.mean,
        mean_post2=post2.mean,
        sd_pre2=pre2.sd,
        n2=post2.n,
        r=correlation,
        lower_is_better=not after.higher_is_better,
    )
    how = f"difference of changes in pretest SDs; correlation of {correlation:g} assumed"
    return _effect(study, after, "SMD", (effect.yi, effect.vi), (post1.n, post2.n), how)


def _from_contrast(study: Study, outcome: Outcome, measure: Measure) -> Effect | None:
    contrast, size = outcome.contrast, outcome.effect_size
    if contrast is None:
        return None
    n1, n2 = (study.sample.arms.get(arm) for arm in (contrast.intervention, contrast.comparator))
    crossover = is_crossover(study)
    if measure == "SMD":
        if crossover or not (size and size.estimate is not None and n1 and n2):
            return None
        if size.ci_low is None or size.ci_high is None:
            return None
        j = float(hedges_correction(n1 + n2 - 2))
        sign = 1 if size.direction and "positive = favours" in size.direction else None
        if sign is None:
            return None
        se = j * float(se_from_ci(low=float(size.ci_low), high=float(size.ci_high)))
        how = f"printed {size.name} with its interval, times Hedges' factor"
        return _effect(study, outcome, measure, (sign * j * float(size.estimate), se**2), (n1, n2), how)
    if contrast.direction is None or "not stated" in contrast.direction:
        # Nobody has said which arm was subtracted: half the guesses would turn the effect round.
        return None
    if contrast.measure != "MD" or None in (contrast.estimate, contrast.ci_low, contrast.ci_high):
        return None
    if contrast.estimate is None or contrast.ci_low is None or contrast.ci_high is None:
        return None
    se = float(se_from_ci(low=float(contrast.ci_low), high=float(contrast.ci_high)))
    sign = 1 if outcome.higher_is_better else -1
    how = "printed difference with its interval"
    sizes: tuple[int | None, int | None] = (n1, n2)
    if crossover:
        how += "; a crossover contrast of both periods, each person counted once"
        sizes = (study.sample.randomised, None)
    ends = sorted((sign * float(contrast.ci_low), sign * float(contrast.ci_high)))
    value = (sign * float(contrast.estimate), se**2)
    return _effect(study, outcome, measure, value, sizes, how, printed=(ends[0], ends[1]))


def _counts(study: Study, outcome: Outcome) -> Effect | None:
    events, sizes, derived = outcome.events, outcome.n, False
    if not events:
        given = next((each for each in outcome.computed if "events" in each and "n" in each), None)
        if given is None:
            return None
        events, sizes = ({k: int(v) for k, v in given[key].items()} for key in ("events", "n"))
        derived = True
    totals = []
    for role in ("intervention", "comparator"):
        arms = [arm.id for arm in _side(study, role)]
        known = [arm for arm in arms if arm in events and arm in sizes]
        if not known or len(known) != len([arm for arm in arms if arm in events]):
            return None
        totals.append((sum(events[arm] for arm in known), sum(sizes[arm] for arm in known)))
    (e1, n1), (e2, n2) = totals
    effect = risk_ratio(events1=e1, n1=n1, events2=e2, n2=n2)
    how = f"{e1} of {n1} against {e2} of {n2}"
    if derived:
        how += ", counts worked out from printed percentages"
    if 0 in (e1, e2):
        how += "; half an event added to each cell because one is zero"
    return _effect(study, outcome, "RR", (effect.yi, effect.vi), (n1, n2), how)


def single_group_change(study: Study, outcome: Outcome, correlation: float) -> Effect | None:
    """How far the score fell, in points; a printed spread goes before an assumed correlation."""
    return None if why_not(study, outcome) else _from_single_group(study, outcome, correlation)


def _from_single_group(study: Study, outcome: Outcome, correlation: float) -> Effect | None:
    change, before, after = outcome.change, outcome.baseline, outcome.post
    if change and change.mean is not None:
        fall, n = -float(change.mean), change.n
        if change.se is not None:
            return _effect(
                study, outcome, "change", (fall, float(change.se) ** 2), (n, None), "printed change and SE"
            )
        if change.sd is not None and n:
            vi = float(change.sd) ** 2 / n
            return _effect(study, outcome, "change", (fall, vi), (n, None), "printed change and SD")
        if change.ci_low is not None and change.ci_high is not None and n:
            se = float(se_from_ci(low=float(change.ci_low), high=float(change.ci_high), df=n - 1))
            ends = (-float(change.ci_high), -float(change.ci_low))
            how = "printed change and interval"
            return _effect(study, outcome, "change", (fall, se**2), (n, None), how, printed=ends)
    if not (before and after) or before.mean is None or after.mean is None:
        return None
    sds = [_sd(each.sd, each.se, each.n) for each in (before, after)]
    if sds[0] is None or sds[1] is None or not after.n:
        return None
    sd = float(change_sd(sd_pre=sds[0], sd_post=sds[1], r=correlation))
    how = f"means and SDs before and after; correlation of {correlation:g} assumed"
    return _effect(
        study, outcome, "change", (float(before.mean - after.mean), sd**2 / after.n), (after.n, None), how
    )


def _sd(sd: object, se: object, n: int | None) -> float | None:
    if sd is not None:
        return float(str(sd))
    return float(str(se)) * math.sqrt(n) if se is not None and n else None


def _effect(
    study: Study,
    outcome: Outcome,
    measure: Measure,
    value: tuple[float, float],
    sizes: tuple[int | None, int | None],
    how: str,
    *,
    printed: tuple[float, float] | None = None,
) -> Effect:
    treated = ", ".join(arm.label for arm in _side(study, "intervention"))
    control = ", ".join(arm.label for arm in _side(study, "comparator"))
    return Effect(
        study_id=study.id,
        study=study.name,
        outcome_id=outcome.id,
        measure=measure,
        yi=float(value[0]),
        vi=float(value[1]),
        n1=sizes[0],
        n2=sizes[1],
        instrument=outcome.instrument,
        time=outcome.time.label,
        how=how,
        tier=study.tier_of(outcome.sources),
        urls=tuple(study.places[key].url for key in outcome.sources if key in study.places),
        where=outcome.where,
        arms=f"{treated} v {control}" if control else treated,
        recruited=study.sample.largest,
        printed=printed,
        statistic=outcome.statistic,
        is_crossover=is_crossover(study),
    )
