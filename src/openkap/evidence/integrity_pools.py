"""The gate for published pooled values, and the comparison of two extractions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from openkap.evidence.base import Base
from openkap.evidence.integrity import Yardstick, Z, check_interval
from openkap.evidence.integrity_finding import Finding
from openkap.evidence.scales import Scales
from openkap.evidence.study import Study
from openkap.evidence.syntheses import Estimate, Syntheses, Synthesis


def check_syntheses(syntheses: Syntheses, base: Base, scales: Scales) -> list[Finding]:
    """Every finding on the published pooled values."""
    yardstick = Yardstick.of(base, scales)
    findings: list[Finding] = []
    for review in syntheses.reviews:
        for estimate in review.estimates:
            found = list(
                check_interval(
                    estimate.estimate, estimate.ci_low, estimate.ci_high, estimate.is_ratio, estimate.id
                )
            )
            findings += found
            if not found:
                findings += _too_narrow(estimate, review, scales, yardstick)
    return findings


def _too_narrow(
    estimate: Estimate, review: Synthesis, scales: Scales, yardstick: Yardstick
) -> Iterator[Finding]:
    """``interval-too-narrow``: the people in the trials could not give so small a standard error."""
    if estimate.ci_low is None or estimate.ci_high is None or estimate.measure not in ("MD", "Hedges g"):
        return
    se = float(estimate.ci_high - estimate.ci_low) / (2 * Z)
    people = estimate.participants
    if people:
        implied = se * math.sqrt(people) / 2
        floor = 1.0 if estimate.measure == "Hedges g" else yardstick.smallest_ptsd_total
        if floor and "PTSD" in estimate.outcome and implied < 0.5 * floor:
            yield Finding(
                "interval-too-narrow",
                "implausible",
                estimate.id,
                f"{estimate.ci_low} to {estimate.ci_high} in {people} people implies an SD near "
                f"{implied:.1f} "
                f"in each arm; the smallest of any PTSD total held here is {floor:.1f}",
                "do not use without the trials' own numbers",
            )
        return
    scale = scales.find(estimate.outcome)
    typical = yardstick.typical.get((scale.family, "total")) if scale else None
    if not typical or not estimate.studies:
        return
    needed = 4 * typical**2 / se**2
    available = sum(yardstick.largest_samples[: estimate.studies])
    if needed > available:
        yield Finding(
            "interval-too-narrow",
            "implausible",
            estimate.id,
            f"{estimate.ci_low} to {estimate.ci_high} needs about {needed:.0f} people at the usual SD of "
            f"{typical:.1f}; the {estimate.studies} largest trials held here have {available}",
            "do not use without the trials' own numbers",
        )


def compare_extractions(first: Study, second: Study) -> list[Finding]:
    """``second-extractor``: every field in which two extractions of one study differ."""
    return [
        Finding(
            "second-extractor",
            "question",
            f"{first.id}: {path}",
            f"one extractor has {one!r}, the other {other!r}",
            "agree on one, with the page",
        )
        for path, one, other in _differences(_as_extracted(first), _as_extracted(second), "")
    ]


def _as_extracted(study: Study) -> dict[str, Any]:
    """What the extractor wrote: what the gate marks afterwards is no difference between two people."""
    plain = {
        name: tuple(each.model_copy(update={"unsettled": ()}) for each in getattr(study, name))
        for name in ("outcomes", "adverse_events")
    }
    return study.model_copy(update=plain).model_dump(mode="json")


def _differences(one: object, other: object, path: str) -> Iterator[tuple[str, object, object]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(set(one) | set(other)):
            yield from _differences(one.get(key), other.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(one, list) and isinstance(other, list):
        if all(isinstance(each, dict) and "id" in each for each in [*one, *other]):
            left, right = ({each["id"]: each for each in side} for side in (one, other))
            yield from _differences(left, right, path)
        elif one != other:
            yield (path, one, other)
    elif one != other:
        yield (path, one, other)
