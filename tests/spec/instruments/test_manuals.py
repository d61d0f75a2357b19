"""The scorer agrees with the manuals, and the comparison would notice if it did not."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from manuals import MANUALS as FIRST
from manuals_rated import RATED
from manuals_told import TOLD
from transcripts import change_disagreements, disagreements, form_disagreements, scores_by_total

from openkap.instruments.load import instrument, instruments
from openkap.instruments.model import Instrument

MANUALS = FIRST | RATED | TOLD
READ = {name: instrument(name) for name in MANUALS}


@pytest.mark.parametrize("name", MANUALS)
def test_the_scorer_agrees_with_the_manual(name: str) -> None:
    assert disagreements(READ[name], MANUALS[name]) == []


def test_every_instrument_that_can_be_answered_has_a_transcript() -> None:
    assert {each.id for each in instruments() if each.depth != "outline"} == MANUALS.keys()


def mutants(original: Instrument) -> Iterator[tuple[str, Instrument]]:
    """The instrument with one number changed, in every place that decides a score."""
    for at, scale in enumerate(original.scales):
        if len(scale.items) > 1:
            yield f"{scale.id} loses an item", _with(original, "scales", at, items=scale.items[1:])
        outside = [name for name in original.items_by_id if name not in scale.items]
        if scale.items and outside:
            swapped = (*scale.items[:-1], outside[0])
            yield f"{scale.id} swaps an item", _with(original, "scales", at, items=swapped)
    for at, cutoff in enumerate(original.cutoffs):
        name, limit = ("above", cutoff.above) if cutoff.at_least is None else ("at_least", cutoff.at_least)
        for step in (1, -1):
            yield f"{cutoff.id} moves by {step}", _with(original, "cutoffs", at, **{name: limit + step})
    for at, bands in enumerate(original.bands):
        for row, (low, high, label) in enumerate(bands.limits()):
            if row:
                rows = {f"{a}-{b}": text for a, b, text in bands.limits() if a != low}
                rows[f"{low + 1}-{high}"] = label
                ordered = dict(sorted(rows.items(), key=lambda each: int(each[0].split("-")[0])))
                yield f"band from {low} moves", _with(original, "bands", at, rows=ordered)
    for at, rule in enumerate(original.rules):
        for part, needed in enumerate(rule.requires):
            for changed in (
                {"from_answer": needed.from_answer + 1},
                {"from_answer": needed.from_answer - 1},
                {"at_least": (needed.at_least or 0) + 1},
                {"items": needed.items[1:]} if len(needed.items) > 1 else {"at_least": 0},
            ):
                parts = list(rule.requires)
                parts[part] = needed.model_copy(update=changed)
                yield (
                    f"{rule.id}: {needed.name} {changed}",
                    _with(original, "rules", at, requires=tuple(parts)),
                )
    for at, alarm in enumerate(original.safety):
        yield f"{alarm.id} later", _with(original, "safety", at, from_answer=alarm.from_answer + 1)
        yield f"{alarm.id} loses an item", _with(original, "safety", at, items=alarm.items[1:])
    for at, skip in enumerate(original.skips):
        yield f"skip {at} loses an item", _with(original, "skips", at, items=skip.items[1:])
        yield f"skip {at} counts 1", _with(original, "skips", at, answer=1)
        yield f"skip {at} waits in vain", _with(original, "skips", at, when=dict.fromkeys(skip.when, 1))
    for at, definition in enumerate(original.change):
        for name, value in definition.conditions.items():
            # Scores are whole: a percentage must move further before any score can tell.
            for step in (Decimal(5), Decimal(-5)) if name == "fall_percent" else (Decimal(1), Decimal(-1)):
                changed = {name: value + step}
                yield f"{definition.id}: {changed}", _with(original, "change", at, **changed)
        yield f"{definition.id} default", _with(original, "change", at, default=not definition.default)
    for name, item in original.items_by_id.items():
        if item.recode is not None:
            most = max(item.recode.values())
            flipped = {answer: most - points for answer, points in item.recode.items()}
            items = tuple(
                each.model_copy(update={"recode": flipped}) if each.id == name else each
                for each in original.items.list
            )
            block = original.items.model_copy(update={"list": items})
            yield f"recode of {name}", original.model_copy(update={"items": block})
    rule = original.missing
    if rule is None or max(len(scale.items) for scale in original.scales) == 1:
        return
    eased = {"method": "mean_of_answered", "at_most": rule.at_most + 1}
    yield "one more may be missing", original.model_copy(update={"missing": rule.model_copy(update=eased)})
    if rule.at_most:
        stricter = rule.model_copy(update={"at_most": rule.at_most - 1})
        yield "one less may be missing", original.model_copy(update={"missing": stricter})


def _with(original: Instrument, group: str, at: int, **changed: object) -> Instrument:
    parts = list(getattr(original, group))
    parts[at] = parts[at].model_copy(update=changed)
    return original.model_copy(update={group: tuple(parts)})


@pytest.mark.parametrize("name", MANUALS)
def test_a_change_of_any_deciding_number_is_noticed(name: str) -> None:
    original, spec = READ[name], MANUALS[name]
    steps = scores_by_total(original, spec) if spec.changes else None
    unnoticed = [
        what
        for what, mutant in mutants(original)
        if not (
            form_disagreements(mutant, spec)
            if mutant.change == original.change
            else change_disagreements(mutant, spec, steps)
        )
    ]
    assert unnoticed == []
