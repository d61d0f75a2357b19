"""The gate between records: two that speak of one trial must say the same, and say that it is one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from decimal import Decimal
from itertools import combinations

from openkap.evidence.integrity_finding import Finding
from openkap.evidence.study import ArmValue, Outcome, Study, Timepoint

SAME_TRIAL = "same-trial-twice"


def check_between(records: Iterable[Study]) -> list[Finding]:
    """Every finding between records; each stands once for every record or outcome that it concerns."""
    records = list(records)
    return [*_same_trial(records), *_two_values(records)]


def _same_trial(records: list[Study]) -> Iterator[Finding]:
    """``same-trial-twice``: one registration number in two records that pretend to be two trials."""
    for one, other in combinations(records, 2):
        shared = sorted(_numbers(one) & _numbers(other))
        said = one.overlap is not None and one.overlap == other.overlap
        if not shared or _trial(one) == _trial(other) or said:
            continue
        for each, twin in ((one, other), (other, one)):
            yield Finding(
                SAME_TRIAL,
                "contradiction",
                each.id,
                f"{', '.join(shared)} is also the number of {twin.id}: its people would count twice",
                "write `companion_of` in one of the two, or the same `overlap` in both",
            )


def _numbers(study: Study) -> set[str]:
    return {number.upper() for number in study.citation.registrations}


def _trial(study: Study) -> str:
    return study.companion_of or study.id


def _two_values(records: list[Study]) -> Iterator[Finding]:
    """``two-values``: one arm, scale and time with two means or spreads of the same number of people."""
    seen: dict[Hashable, tuple[Outcome, ArmValue]] = {}
    for study in records:
        for outcome in study.outcomes:
            for value in outcome.values:
                first, held = seen.setdefault(_what(study, outcome, value), (outcome, value))
                differing = _differing(held, value)
                if not differing:
                    continue
                for each, twin in ((outcome, first), (first, outcome)):
                    yield Finding(
                        "two-values",
                        "contradiction",
                        each.id,
                        f"{differing} for arm {value.arm_id} here and in {twin.id}",
                    )


def _what(study: Study, outcome: Outcome, value: ArmValue) -> Hashable:
    return (
        _trial(study),
        outcome.instrument,
        outcome.cluster,
        outcome.statistic,
        outcome.rater,
        outcome.is_adjusted,
        outcome.definition,
        _when(outcome.time),
        value.arm_id,
        value.n,
    )


def _when(time: Timepoint) -> Hashable:
    """The time as numbers where it has any, else as its words."""
    numbers = (
        time.phase,
        time.hours_from_first_dose,
        time.days_from_first_dose,
        time.days_from_last_dose,
        time.weeks_from_first_dose,
    )
    return numbers if any(each is not None for each in numbers[1:]) else (time.window, time.label)


def _differing(one: ArmValue, other: ArmValue) -> str:
    pairs = (("means", one.mean, other.mean), ("SDs", one.sd, other.sd), ("SEs", one.se, other.se))
    told = [f"{name} {a} and {b}" for name, a, b in pairs if a is not None and b is not None and _apart(a, b)]
    return ", ".join(told)


def _apart(one: Decimal, other: Decimal) -> bool:
    """More apart than rounding to the coarser of the two explains: 31.2 is 31.15, and 31.3 is not."""
    places = [each for x in (one, other) if isinstance(each := x.as_tuple().exponent, int)]
    return abs(one - other) > Decimal(10) ** max(places, default=0) / 2
