"""Plant one error at a time in the trial records; count how often the gate notices, and cries wolf.

Run: PYTHONPATH=src python validation/integrity/plant.py
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal

from openkap.evidence.base import read_base
from openkap.evidence.integrity import Yardstick, check_study
from openkap.evidence.scales import read_scales
from openkap.evidence.study import Outcome, Study

BASE, SCALES = read_base(), read_scales()
YARDSTICK = Yardstick.of(BASE, SCALES)


def checks(study: Study) -> Counter[str]:
    return Counter(f"{each.check} {each.subject}" for each in check_study(study, SCALES, YARDSTICK))


def with_outcome(study: Study, old: Outcome, new: Outcome) -> Study:
    return study.model_copy(update={"outcomes": tuple(new if o.id == old.id else o for o in study.outcomes)})


def arms(change: Callable[[Outcome, object], dict | None]) -> Iterator[Study]:
    """One planted study for every arm value that the error can be planted in."""
    for study in BASE.records:
        for outcome in study.outcomes:
            for at, value in enumerate(outcome.values):
                update = change(outcome, value) if value.n and value.mean is not None and value.sd else None
                if update:
                    values = list(outcome.values)
                    values[at] = value.model_copy(update=update)
                    yield with_outcome(study, outcome, outcome.model_copy(update={"values": tuple(values)}))


def se_as_sd(outcome, value):
    return {"sd": (value.sd / Decimal(math.sqrt(value.n))).quantize(Decimal("0.01"))}


def digit_dropped(outcome, value):
    """12.36 typed as 123.6."""
    return {"mean": value.mean * 10} if value.mean > 0 else None


def last_digit(outcome, value):
    return {"mean": value.mean + Decimal("0.01")} if outcome.statistic == "final" else None


def percents() -> Iterator[Study]:
    for study in BASE.records:
        for outcome in study.outcomes:
            for arm in outcome.percent:
                if arm in outcome.n:
                    wrong = {**outcome.percent, arm: outcome.percent[arm] + 3}
                    yield with_outcome(study, outcome, outcome.model_copy(update={"percent": wrong}))


def contrasts(turn: Callable[[object], dict]) -> Iterator[Study]:
    for study in BASE.records:
        for outcome in study.outcomes:
            contrast = outcome.contrast
            if contrast and contrast.estimate is not None and contrast.ci_low is not None:
                wrong = contrast.model_copy(update=turn(contrast))
                yield with_outcome(study, outcome, outcome.model_copy(update={"contrast": wrong}))


def arm_sizes() -> Iterator[Study]:
    for study in BASE.records:
        sample = study.sample
        if len(sample.arms) > 1 and (sample.randomised or sample.analysed):
            first = next(iter(sample.arms))
            wrong = {**sample.arms, first: sample.arms[first] + 1}
            yield study.model_copy(update={"sample": sample.model_copy(update={"arms": wrong})})


PLANTS: dict[str, Callable[[], Iterator[Study]]] = {
    "SE typed as SD": lambda: arms(se_as_sd),
    "decimal point one place off in a mean": lambda: arms(digit_dropped),
    "last digit of a mean off by one": lambda: arms(last_digit),
    "percentage off by three points": percents,
    "sign of an estimate lost": lambda: contrasts(lambda c: {"estimate": -c.estimate}),
    "interval ends swapped": lambda: contrasts(lambda c: {"ci_low": c.ci_high, "ci_high": c.ci_low}),
    "one arm one person too many": arm_sizes,
}


def main() -> None:
    clean = {study.id: checks(study) for study in BASE.records}
    values = sum(len(o.values) + bool(o.contrast) + len(o.percent) for s in BASE.records for o in s.outcomes)
    print(
        f"findings on the records as read: {sum(sum(c.values()) for c in clean.values())} on {values} values"
    )
    for name, plant in PLANTS.items():
        planted = list(plant())
        caught = sum(bool(checks(study) - clean[study.id]) for study in planted)
        print(f"{name}: {caught} of {len(planted)} noticed ({caught / len(planted):.0%})")


if __name__ == "__main__":
    main()
