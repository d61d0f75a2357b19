"""The extraction integrity gate: arithmetic that a true table cannot fail.

Each check has a name and answers with findings: a *contradiction* cannot be right as printed, an
*implausible* value needs the source read again, a *question* is worth a look. A finding never changes a
number; it stands beside it wherever the number is shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from statistics import NormalDist
from typing import TYPE_CHECKING

from openkap.evidence.integrity_between import check_between
from openkap.evidence.integrity_finding import Finding
from openkap.evidence.scales import Scale, Scales
from openkap.evidence.study import ArmValue, Contrast, Outcome, Spread, Study

if TYPE_CHECKING:
    # The base passes its records through this gate while it reads them.
    from openkap.evidence.base import Base

# Two-sided 95%.
Z = NormalDist().inv_cdf(0.975)
# A printed interval may be a little off-centre by rounding or by t and likelihood limits.
OFF_CENTRE_SHARE = 0.05
# Beyond this a standardised difference between arms is nearly always an SE entered as an SD
# (metafor 5.1 warns on the same ground; no controlled PTSD trial held here reaches it).
LARGEST_CREDIBLE_SMD = 3.0


@dataclass(frozen=True)
class Yardstick:
    """What spread a scale usually has, by family and cluster: root mean square SD of treatment records."""

    typical: dict[tuple[str, str], float]
    smallest_ptsd_total: float | None
    largest_samples: tuple[int, ...]

    @classmethod
    def of(cls, base: Base, scales: Scales) -> Yardstick:
        """Measured on the base itself, treatment records only."""
        seen: dict[tuple[str, str], list[float]] = {}
        ptsd: list[float] = []
        for study in base.studies:
            if study.is_prevention:
                continue
            for outcome in study.outcomes:
                scale = scales.find(outcome.instrument)
                if scale is None or outcome.cluster is None or outcome.statistic == "change":
                    continue
                spreads = [value.sd for value in outcome.values]
                spreads += [each.sd for each in (outcome.baseline, outcome.post) if each]
                numbers = [float(sd) for sd in spreads if sd]
                seen.setdefault((scale.family, outcome.cluster), []).extend(numbers)
                if scale.domain == "ptsd" and outcome.cluster == "total":
                    ptsd.extend(numbers)
        typical = {key: math.sqrt(sum(sd * sd for sd in sds) / len(sds)) for key, sds in seen.items() if sds}
        samples = sorted(
            (study.sample.largest or 0 for study in base.studies if study.is_controlled), reverse=True
        )
        return cls(typical, min(ptsd, default=None), tuple(samples))


def check_base(base: Base, scales: Scales) -> list[Finding]:
    """Every finding on every study, in the order of the records."""
    yardstick = Yardstick.of(base, scales)
    alone = [finding for study in base.records for finding in check_study(study, scales, yardstick)]
    return alone + check_between(base.records)


def check_study(study: Study, scales: Scales, yardstick: Yardstick) -> Iterator[Finding]:
    """Every finding on one study."""
    yield from _arm_sum(study)
    yield from _cluster_sum(study)
    for outcome in study.outcomes:
        scale = scales.find(outcome.instrument)
        typical = yardstick.typical.get((scale.family, outcome.cluster or "")) if scale else None
        for value in outcome.values:
            yield from check_arm_value(value, outcome, scale, typical)
        yield from _effect_of_arms(outcome, scale)
        yield from _counts(outcome)
        yield from _prepost(outcome, scale)
        if outcome.contrast:
            yield from check_contrast(outcome.contrast, outcome.id)
        if outcome.effect_size:
            size = outcome.effect_size
            yield from check_interval(size.estimate, size.ci_low, size.ci_high, False, outcome.id)
        yield from _direction(outcome, scale)
    yield from _harm_counts(study)


def check_interval(
    estimate: Decimal | None, low: Decimal | None, high: Decimal | None, is_ratio: bool, subject: str
) -> Iterator[Finding]:
    """``interval-reversed``, ``interval-excludes-estimate``, ``interval-off-centre``."""
    if estimate is None or low is None or high is None:
        return
    if low > high:
        yield Finding(
            "interval-reversed", "contradiction", subject, f"the interval runs from {low} down to {high}"
        )
        return
    if not low <= estimate <= high:
        yield Finding(
            "interval-excludes-estimate",
            "contradiction",
            subject,
            f"the estimate {estimate} lies outside its own interval, {low} to {high}",
            "do not use; ask the authors",
        )
        return
    if is_ratio and (low <= 0 or estimate <= 0):
        yield Finding(
            "interval-excludes-estimate", "contradiction", subject, f"a ratio cannot be {low} or less"
        )
        return
    point, left, right = (math.log(x) if is_ratio else float(x) for x in (estimate, low, high))
    middle, half = (left + right) / 2, (right - left) / 2
    rounding = 1.5 * float(_ulp(estimate, low, high)) / (float(low) if is_ratio else 1)
    if half and abs(point - middle) > max(OFF_CENTRE_SHARE * half, rounding):
        shown = math.exp(middle) if is_ratio else middle
        yield Finding(
            "interval-off-centre",
            "implausible",
            subject,
            f"the middle of {low} to {high} is {shown:.4g}, but the estimate is printed as {estimate}: "
            "one of the three figures is probably mistyped",
        )


def check_contrast(contrast: Contrast, subject: str) -> Iterator[Finding]:
    """The interval, and ``p-against-interval``: the printed p against the p the interval implies."""
    is_ratio = (contrast.measure or "").split()[-1:] in (["OR"], ["RR"], ["HR"])
    found = list(check_interval(contrast.estimate, contrast.ci_low, contrast.ci_high, is_ratio, subject))
    yield from found
    given = contrast.p
    if (
        found
        or given is None
        or contrast.estimate is None
        or contrast.ci_low is None
        or contrast.ci_high is None
    ):
        return
    point, left, right = (
        math.log(x) if is_ratio else float(x) for x in (contrast.estimate, contrast.ci_low, contrast.ci_high)
    )
    if right <= left:
        return
    implied = 2 * (1 - NormalDist().cdf(abs(point) / ((right - left) / (2 * Z))))
    bound = given.lstrip("<>= ")
    try:
        printed = float(bound)
    except ValueError:
        yield Finding("p-unreadable", "question", subject, f"the p-value {given!r} is not a number")
        return
    wrong_side = (implied > 0.1) if given.startswith("<") else (printed < 0.05) != (implied < 0.05)
    if wrong_side and not 0.2 < implied / max(printed, 1e-12) < 5:
        yield Finding(
            "p-against-interval",
            "implausible",
            subject,
            f"p is printed as {given}, but the interval implies about {implied:.2g}",
        )


def check_arm_value(
    value: ArmValue, outcome: Outcome, scale: Scale | None, typical: float | None
) -> Iterator[Finding]:
    """Range, possible SD, SD or SE swapped, and GRIM, for one arm at one time."""
    subject = f"{outcome.id}, arm {value.arm_id}"
    is_final = outcome.statistic == "final"
    if scale and is_final and value.mean is not None:
        yield from _inside_scale(value, outcome.cluster, scale, subject)
    if scale and is_final and value.n and value.mean is not None and not outcome.is_adjusted:
        yield from grim(value.mean, value.n, scale.step, subject)
    yield from spread_swap(value.sd, value.se, value.n, typical, subject)


def _inside_scale(value: ArmValue, cluster: str | None, scale: Scale, subject: str) -> Iterator[Finding]:
    top, bottom = scale.top(cluster), scale.minimum
    mean = value.mean
    if mean is None:
        return
    if (bottom is not None and mean < bottom) or (top is not None and mean > top):
        yield Finding(
            "mean-outside-scale",
            "contradiction",
            subject,
            f"a mean of {mean} on a scale from {bottom} to {top}",
        )
        return
    if top is None or bottom is None:
        return
    if value.sd is not None:
        # Largest SD of bounded values with this mean: all mass at the ends (Bhatia and Davis 2000).
        correction = value.n / (value.n - 1) if value.n and value.n > 1 else 2.0
        limit = math.sqrt(float((mean - bottom) * (top - mean)) * correction)
        if float(value.sd) > limit + float(_ulp(value.sd)):
            yield Finding(
                "impossible-sd",
                "contradiction",
                subject,
                f"an SD of {value.sd} around a mean of {mean} cannot occur on {bottom} to {top} "
                f"(at most {limit:.2f})",
            )
    if mean >= bottom + Decimal("0.85") * (top - bottom):
        yield Finding(
            "near-maximum",
            "question",
            subject,
            f"a mean of {mean} is close to the highest possible {top}: is the scale the one named?",
        )


def spread_swap(
    sd: Decimal | None, se: Decimal | None, n: int | None, typical: float | None, subject: str
) -> Iterator[Finding]:
    """``sd-looks-like-se`` and ``se-looks-like-sd``, judged by the usual SD of the scale."""
    if not typical or not n or n < 6:
        return
    root = math.sqrt(n)
    if sd and float(sd) < 0.45 * typical and 0.5 * typical <= float(sd) * root <= 2 * typical:
        yield Finding(
            "sd-looks-like-se",
            "implausible",
            subject,
            f"an SD of {sd} is small for this scale (usually about {typical:.1f}); times the root of n = {n} "
            f"it is {float(sd) * root:.1f}, so it may be a standard error",
        )
    if se and float(se) * root > 2.5 * typical and 0.5 * typical <= float(se) <= 2 * typical:
        yield Finding(
            "se-looks-like-sd",
            "implausible",
            subject,
            f"a standard error of {se} with n = {n} implies an SD of {float(se) * root:.1f} "
            f"(usually about {typical:.1f}), so it may be an SD",
        )


def grim(mean: Decimal, n: int, step: Decimal, subject: str) -> Iterator[Finding]:
    """``grim``: a mean of n whole-number scores must be a fraction of n.

    Brown and Heathers 2017, doi 10.1177/1948550616673876. Silent where the printed digits cannot decide.
    """
    unit = _ulp(mean)
    if step / n <= unit:
        return
    nearest = (mean * n / step).to_integral_value()
    if any(abs((nearest + k) * step / n - mean) <= unit / 2 for k in (-1, 0, 1)):
        return
    yield Finding(
        "grim",
        "contradiction",
        subject,
        f"no {n} scores in steps of {step} have the mean {mean}",
    )


def _effect_of_arms(outcome: Outcome, scale: Scale | None) -> Iterator[Finding]:
    values = [value for value in outcome.values if value.mean is not None and value.sd]
    for at, one in enumerate(values):
        for other in values[at + 1 :]:
            if one.mean is None or other.mean is None or not one.sd or not other.sd:
                continue
            pooled = math.sqrt((float(one.sd) ** 2 + float(other.sd) ** 2) / 2)
            effect = float(one.mean - other.mean) / pooled
            if abs(effect) > LARGEST_CREDIBLE_SMD:
                yield Finding(
                    "impossible-effect",
                    "implausible",
                    outcome.id,
                    f"{one.arm_id} and {other.arm_id} differ by {abs(effect):.1f} SD: is an SE given as an "
                    "SD?",
                )


def _counts(outcome: Outcome) -> Iterator[Finding]:
    for arm, events in outcome.events.items():
        n = outcome.n.get(arm)
        if n is not None and events > n:
            yield Finding(
                "events-above-n",
                "contradiction",
                f"{outcome.id}, arm {arm}",
                f"{events} events in {n} people",
            )
    for arm, percent in outcome.percent.items():
        n = outcome.n.get(arm)
        if not n:
            continue
        given = outcome.events.get(arm)
        candidates = [given] if given is not None else range(n + 1)
        tolerance = _ulp(percent) / 2 + Decimal("1e-9")
        if not any(abs(Decimal(100 * count) / n - percent) <= tolerance for count in candidates):
            what = f"{given} of {n}" if given is not None else f"any count out of {n}"
            yield Finding(
                "percent-to-count", "contradiction", f"{outcome.id}, arm {arm}", f"{percent}% is not {what}"
            )


def _harm_counts(study: Study) -> Iterator[Finding]:
    for event in study.adverse_events:
        for arm, events in event.events.items():
            n = event.at_risk.get(arm)
            if n is not None and events > n:
                subject = f"{study.id}, {event.term}, arm {arm}"
                yield Finding("events-above-n", "contradiction", subject, f"{events} events in {n} people")


def _prepost(outcome: Outcome, scale: Scale | None) -> Iterator[Finding]:
    before, after, change = outcome.baseline, outcome.post, outcome.change
    if change:
        yield from check_interval(change.mean, change.ci_low, change.ci_high, False, f"{outcome.id}, change")
    if not (before and after):
        return
    same_people = before.n == after.n and (change is None or change.n in (None, before.n))
    if change and same_people and None not in (before.mean, after.mean, change.mean):
        yield from _change_adds_up(before, after, change, outcome.id)


def _change_adds_up(before: Spread, after: Spread, change: Spread, subject: str) -> Iterator[Finding]:
    if before.mean is None or after.mean is None or change.mean is None:
        return
    difference = after.mean - before.mean
    if abs(difference - change.mean) > Decimal("1.5") * _ulp(before.mean, after.mean, change.mean):
        yield Finding(
            "change-consistency",
            "contradiction",
            subject,
            f"{before.mean} to {after.mean} is a change of {difference}, but {change.mean} is printed",
        )
    s0, s1, sc = (_sd(each) for each in (before, after, change))
    if s0 and s1 and sc and not abs(s0 - s1) * 0.98 <= sc <= (s0 + s1) * 1.02:
        yield Finding(
            "change-sd-impossible",
            "contradiction",
            subject,
            f"no correlation gives a change SD of {sc:.2f} from SDs of {s0:.2f} and {s1:.2f}",
        )


def _sd(spread: Spread) -> float | None:
    if spread.sd is not None:
        return float(spread.sd)
    return float(spread.se) * math.sqrt(spread.n) if spread.se is not None and spread.n else None


def _direction(outcome: Outcome, scale: Scale | None) -> Iterator[Finding]:
    """``sign-direction``: a printed effect and its raw difference must favour the same side."""
    contrast, size = outcome.contrast, outcome.effect_size
    if scale is None or not contrast or contrast.measure != "MD" or contrast.estimate is None:
        return
    worse_is_up = scale.higher_is == "worse"
    raw_favours = (contrast.estimate < 0) == worse_is_up
    if outcome.higher_is_better == worse_is_up:
        yield Finding(
            "sign-direction",
            "contradiction",
            outcome.id,
            f"entered as higher is better; on {scale.id} higher is {scale.higher_is}",
        )
    if outcome.reading == "benefit" and not raw_favours:
        yield Finding(
            "sign-direction",
            "contradiction",
            outcome.id,
            f"read as a benefit, but {contrast.estimate} on {scale.id} is a worse score on the drug",
        )
    says_positive = size and size.direction and "positive" in size.direction
    if size and size.estimate is not None and says_positive and (size.estimate > 0) != raw_favours:
        yield Finding(
            "sign-direction",
            "contradiction",
            outcome.id,
            f"{size.name} {size.estimate} and the difference {contrast.estimate} favour different sides",
        )


def _arm_sum(study: Study) -> Iterator[Finding]:
    if len(study.sample.arms) < 2:
        return
    total = study.sample.randomised if study.sample.randomised is not None else study.sample.analysed
    together = sum(study.sample.arms.values())
    if total is not None and together != total:
        yield Finding(
            "arm-sum",
            "contradiction",
            study.id,
            f"the arms hold {' + '.join(map(str, study.sample.arms.values()))} = {together}, not {total}",
        )


def _cluster_sum(study: Study) -> Iterator[Finding]:
    """``cluster-sum``: at one time the four clusters of one arm add up to the total."""
    groups: dict[tuple[str, str, str], dict[str, ArmValue]] = {}
    for outcome in study.outcomes:
        if outcome.statistic == "final" and outcome.cluster:
            for value in outcome.values:
                key = (outcome.instrument, outcome.time.label, value.arm_id)
                groups.setdefault(key, {})[outcome.cluster] = value
    for (instrument, label, arm), parts in groups.items():
        total = parts.pop("total", None)
        if total is None or total.mean is None or len(parts) != 4:
            continue
        means = [part.mean for part in parts.values() if part.mean is not None and part.n == total.n]
        if len(means) == 4 and abs(sum(means) - total.mean) > Decimal("2.5") * _ulp(total.mean, *means):
            yield Finding(
                "cluster-sum",
                "contradiction",
                f"{study.id}, {instrument} {label}, arm {arm}",
                f"the clusters add up to {sum(means)}, the total is {total.mean}",
            )


def _ulp(*numbers: Decimal) -> Decimal:
    """One unit in the last printed place, of the coarsest number."""
    places: Iterable[int] = (
        exponent for number in numbers if isinstance(exponent := number.as_tuple().exponent, int)
    )
    return Decimal(10) ** max(places, default=0)
