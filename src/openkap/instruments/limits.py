"""Limits that no score or answer could decide: a cut-off of 100 on a scale that ends at 27.

Such a limit is a slip, and it fails silently: the finding is "no" for everybody, or "yes".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from openkap.core.content import Place
from openkap.instruments.model import ChangeDefinition, Instrument, Requirement

Fault = tuple[Place, str, str]
CHECK = "check the number against its source"


def unreachable(read: Instrument) -> Iterator[Fault]:
    """Every limit outside what its scale or item can reach, as place, what is wrong, and the remedy."""
    for at, cutoff in enumerate(read.cutoffs):
        if cutoff.at_least is not None:
            yield from _score(read, cutoff.scale, cutoff.at_least, ("cutoffs", at, "at_least"))
        if cutoff.above is not None:
            yield from _score(read, cutoff.scale, cutoff.above + 1, ("cutoffs", at, "above"), shift=1)
    for at, definition in enumerate(read.change):
        yield from _change(read, definition, ("change", at))
    for at, rule in enumerate(read.rules):
        for part, needed in enumerate(rule.requires):
            yield from _requirement(read, needed, ("rules", at, "requires", part))
    for at, alarm in enumerate(read.safety):
        for name in alarm.items:
            yield from _level(read, name, alarm.from_answer, ("safety", at, "from"))
    for at, skip in enumerate(read.skips):
        given = [*skip.when.items(), *((name, skip.answer) for name in skip.items)]
        yield from _answers(read, given, ("skips", at))


def _score(
    read: Instrument, scale: str, at_least: Decimal | int, place: Place, *, shift: int = 0
) -> Iterator[Fault]:
    """``at_least`` must be above the least score and not above the highest, or it decides nothing."""
    least, most = read.scale(scale).range
    if not least < at_least <= most:
        low, high = least + 1 - shift, most - shift
        yield place, f"no score of {scale} decides it: {low} to {high} do", CHECK


def _change(read: Instrument, definition: ChangeDefinition, place: Place) -> Iterator[Fault]:
    least, most = read.scale(definition.scale).range
    for name, value in definition.conditions.items():
        here = (*place, name)
        if name in ("fall", "rise") and not 0 < value <= most - least:
            yield here, f"{definition.scale} cannot change so much: 0 to {most - least}", CHECK
        elif name == "fall_percent" and not 0 < value <= 100:
            yield here, "a fall of more than all: 0 to 100 per cent", CHECK
        elif name in ("end_at_most", "end_above") and not least <= value < most:
            yield here, f"no score of {definition.scale} decides it: {least} to {most - 1} do", CHECK
        elif name == "end_below" and not least < value <= most:
            yield here, f"no score of {definition.scale} decides it: {least + 1} to {most} do", CHECK


def _requirement(read: Instrument, needed: Requirement, place: Place) -> Iterator[Fault]:
    for name in needed.items:
        yield from _level(read, name, needed.level(name), (*place, "from"))
    for limit in (needed.at_least, needed.at_most):
        if limit is not None and limit > len(needed.items):
            yield (*place, "at_least"), f"{len(needed.items)} items cannot be {limit}", CHECK


def _level(read: Instrument, name: str, level: int, place: Place) -> Iterator[Fault]:
    answers = read.item(name).answers
    if not min(answers) < level <= max(answers):
        span = f"{min(answers) + 1} to {max(answers)}"
        yield place, f"no answer of item {name} decides it: {span} do", CHECK


def _answers(read: Instrument, given: Iterable[tuple[str, int]], place: Place) -> Iterator[Fault]:
    for name, answer in given:
        if answer not in read.item(name).answers:
            yield place, f"item {name} is never answered {answer}", CHECK
