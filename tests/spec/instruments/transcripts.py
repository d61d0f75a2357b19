"""A second transcription of the manuals, typed from the sources and independent of the content files.

A transcript says in plain Python what a form scores. ``disagreements`` plays forms through the scorer and
through the transcript and lists every difference; the mutation test shows that it would notice a change.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from openkap.core.truth import Truth
from openkap.instruments.change import change
from openkap.instruments.model import Instrument
from openkap.instruments.score import Score, score

Form = dict[str, int]


def numbered(first: int, last: int) -> list[str]:
    return [str(each) for each in range(first, last + 1)]


def names(text: str) -> list[str]:
    return text.split()


@dataclass(frozen=True)
class Transcript:
    """What the sources say of one instrument."""

    source: str
    answers: dict[str, list[int]]
    scales: dict[str, Callable[[Form], Fraction | int]]
    main: str = "total"
    # lower limit of each band, with its label
    bands: list[tuple[int, str | None]] = field(default_factory=list)
    cutoffs: dict[str, Callable[[Fraction], bool]] = field(default_factory=dict)
    rules: dict[str, Callable[[Form], bool]] = field(default_factory=dict)
    safety: dict[str, Callable[[Form], bool]] = field(default_factory=dict)
    # items that a rule counts together
    groups: list[list[str]] = field(default_factory=list)
    # definition -> kind, is default, when it is met
    changes: dict[str, tuple[str, bool, Callable[[Fraction, Fraction], bool]]] = field(default_factory=dict)
    most_missing: int = 0
    # cut-off -> the scale it stands on, where that is not the main one
    cutoff_scales: dict[str, str] = field(default_factory=dict)
    # forms with jumped items, each with the full form it stands for
    jumps: list[tuple[Form, Form]] = field(default_factory=list)


def at_or_above(form: Form, items: list[str], level: int) -> int:
    return sum(form[name] >= level for name in items)


def forms(spec: Transcript) -> Iterator[Form]:
    """Forms that reach every answer of every item, every total, and many rules' edges."""
    low = {name: min(answers) for name, answers in spec.answers.items()}
    high = {name: max(answers) for name, answers in spec.answers.items()}
    yield low
    yield high
    for name, answers in spec.answers.items():
        for answer in answers:
            yield {**low, name: answer}
            yield {**high, name: answer}
    draw = random.Random(20261123)
    for level in range(1, 5):
        for _ in range(8):
            top = {
                name: [each for each in answers if each <= level] for name, answers in spec.answers.items()
            }
            yield {name: draw.choice(each or spec.answers[name]) for name, each in top.items()}


def staircase(spec: Transcript) -> Iterator[Form]:
    """From every item at its least to every item at its most, one step of one item at a time."""
    form = {name: answers[0] for name, answers in spec.answers.items()}
    yield dict(form)
    for name, answers in spec.answers.items():
        for answer in answers[1:]:
            form[name] = answer
            yield dict(form)


def edges(spec: Transcript) -> Iterator[Form]:
    """Around the symptom counts of the rules: a few items of a group at a level, the others just below."""
    high = {name: max(answers) for name, answers in spec.answers.items()}
    low = {name: min(answers) for name, answers in spec.answers.items()}
    for group in spec.groups:
        for around in (high, {**low, **{name: min(2, high[name]) for name in spec.groups[0]}}):
            for level in (1, 2):
                for count in {1, 2, 4, 5, 7} & set(range(1, len(group) + 1)):
                    for start in range(len(group)):
                        chosen = {group[(start + step) % len(group)] for step in range(count)}
                        alone = {
                            name: min(level if name in chosen else level - 1, high[name]) for name in group
                        }
                        yield {**around, **alone}


def disagreements(instrument: Instrument, spec: Transcript) -> list[str]:
    """Every way in which the scorer differs from the transcript, until the first form that does."""
    return [*form_disagreements(instrument, spec), *change_disagreements(instrument, spec)]


def form_disagreements(instrument: Instrument, spec: Transcript) -> list[str]:
    """Differences in scales, bands, cut-offs, rules, safety and missing items."""
    if {name: list(item.answers) for name, item in instrument.items_by_id.items()} != spec.answers:
        return ["the items or their answers differ"]
    if instrument.main != (spec.main or None):
        return [f"the main scale is {instrument.main}"]
    found = list(_missing_differs(instrument, spec))
    full = ((form, form) for form in itertools.chain(staircase(spec), edges(spec), forms(spec)))
    for given, form in itertools.chain(spec.jumps, full):
        if found:
            break
        found += _form_differs(score(instrument, given), spec, form)
    return found


def change_disagreements(
    instrument: Instrument, spec: Transcript, steps: Mapping[Fraction, Score] | None = None
) -> list[str]:
    """Differences in the definitions of change, over many pairs of totals."""
    if {each.id for each in instrument.change} != set(spec.changes):
        return ["other definitions of change"]
    by_total = steps or scores_by_total(instrument, spec)
    totals = sorted(by_total)
    starts = totals if len(totals) <= 30 else [each for each in totals if each in (0, 20, 21, 40, 79, 80)]
    for before, after in itertools.product(starts, totals) if spec.changes else ():
        judged = change(instrument, by_total[before], by_total[after])
        for finding in judged.findings:
            kind, default, met = spec.changes[finding.id]
            of_nothing = before == 0 and "percent" in finding.id
            expected = Truth.UNKNOWN if of_nothing else Truth.of(met(before, after))
            if not (of_nothing and finding.met is Truth.NO) and finding.met is not expected:
                return [f"{finding.id} from {before} to {after}: {finding.met}"]
            if (finding.of, finding.is_used) != (kind, default):
                return [f"{finding.id} is {finding.of}, used {finding.is_used}"]
    return []


def scores_by_total(instrument: Instrument, spec: Transcript) -> dict[Fraction, Score]:
    """One score for each total the instrument can have."""
    results = (score(instrument, form) for form in staircase(spec))
    return {each.total: each for each in results if each.total is not None}


def _form_differs(result: Score, spec: Transcript, form: Form) -> Iterator[str]:
    for each in result.scales:
        expected = spec.scales[each.id](form) if each.id in spec.scales else None
        if each.value != expected:
            yield f"{each.id} of {form}: {each.value}, the source says {expected}"
    if len(result.scales) != len(spec.scales):
        yield "scales are missing"
    for rule in result.rules:
        expected_rule = Truth.of(spec.rules[rule.id](form))
        if rule.met is not expected_rule:
            yield f"{rule.id} of {form}: {rule.met}, the source says {expected_rule}"
    for alarm in result.safety:
        if (alarm.met is Truth.YES) != spec.safety[alarm.id](form):
            yield f"safety {alarm.id} of {form}: {alarm.met}"
    total = result.total
    if total is not None and spec.bands:
        label = [label for low, label in spec.bands if low <= total][-1]
        if result.bands[0].label != label:
            yield f"band at {total}: {result.bands[0].label}, the source says {label}"
    for cutoff in result.cutoffs:
        value = spec.scales[spec.cutoff_scales.get(cutoff.id, spec.main)](form)
        if cutoff.met is not Truth.of(spec.cutoffs[cutoff.id](value)):
            yield f"cut-off {cutoff.id} at {value}: {cutoff.met}"


def _missing_differs(instrument: Instrument, spec: Transcript) -> Iterator[str]:
    scale = spec.main or next(iter(spec.scales), None)
    if scale is None:
        return
    high = {name: answers[-1] for name, answers in spec.answers.items()}
    low = {name: answers[0] for name, answers in spec.answers.items()}
    scored = [
        name for name in high if spec.scales[scale]({**high, name: low[name]}) != spec.scales[scale](high)
    ]
    # In a form with jumps, what is left out of the lowest answers may have been jumped over.
    for form in (high,) if spec.jumps else (high, low):
        for count in range(1, min(5, len(scored))):
            partial = {name: answer for name, answer in form.items() if name not in scored[:count]}
            value = score(instrument, partial).scale(scale).value
            if (value is not None) != (count <= spec.most_missing):
                yield f"{count} missing: {scale} {value}"
