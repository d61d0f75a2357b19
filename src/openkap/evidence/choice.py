"""Which result of a study stands for it in an answer, and what is left out for which reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from openkap.evidence.contrasts import (
    Effect,
    controlled_effect,
    single_group_change,
    withheld,
)
from openkap.evidence.plan import Analysis
from openkap.evidence.study import Group, Outcome, Study, Timepoint, Window

# One outcome a study: the one marked primary, at the right time, final scores before changes, interviews
# before self-report.
_SCALE_ORDER = ("CAPS-5", "CAPS", "PCL-5", "PCL", "IES-R")
_UNCONTROLLED = (Group.EFFICACY_UNCONTROLLED, Group.OBSERVATIONAL, Group.CASE_SERIES)
# How records name the visit at which their course ends.
_ENDS = ("end of treatment", "post-treatment")
RULE = (
    "Where a study holds several results for a question, one was used: its own primary outcome first; then "
    "the time, which is the visit the record calls the end of treatment or the one closest to it, else the "
    "latest day of the window, and for 24 hours, one month and three months the day closest to that; then "
    "final scores before changes, interviews before questionnaires, and arms before printed differences. "
    "The others are listed as left out."
)


@dataclass(frozen=True)
class LeftOut:
    """A result that the numbers would give and that is not used, with the reason."""

    study_id: str
    study: str
    outcome_id: str
    reason: str
    # Not by a rule of choice, but because its record contradicts itself or is not settled yet.
    held_back: bool = False


@dataclass(frozen=True)
class Chosen:
    """One effect a study, and the rest. ``heard`` are the studies that gave a number, used or not."""

    effects: tuple[Effect, ...]
    left_out: tuple[LeftOut, ...]
    heard: frozenset[str]


def belongs(study: Study, analysis: Analysis) -> bool:
    """Is the study of the kind the question asks about?"""
    if study.retracted:
        return False
    if analysis.population == "prevention":
        return study.group is Group.PREVENTION
    if study.is_prevention:
        return False
    return study.is_controlled if analysis.design == "controlled" else study.group in _UNCONTROLLED


def is_about(outcome: Outcome, analysis: Analysis) -> bool:
    """Is the outcome of the question's domain, cluster and time, on any scale?"""
    return (
        outcome.domain == analysis.domain
        and outcome.cluster == analysis.cluster
        and outcome.time.window in analysis.windows
    )


def matches(outcome: Outcome, analysis: Analysis) -> bool:
    """As ``is_about``, on a scale that the question takes."""
    return is_about(outcome, analysis) and (
        not analysis.instruments or outcome.instrument in analysis.instruments
    )


def in_order(study: Study, aims: Mapping[Window, float]) -> list[Outcome]:
    """The study's outcomes, the one to use first; ``aims`` are the days that windows ask about."""
    end = end_of_course(study)

    def rank(outcome: Outcome) -> tuple[bool, tuple[int, float], bool, int, bool]:
        known = outcome.instrument in _SCALE_ORDER
        scale = _SCALE_ORDER.index(outcome.instrument) if known else len(_SCALE_ORDER)
        return (
            not outcome.primary,
            _lateness(outcome.time, end, aims),
            outcome.statistic == "change",
            scale,
            outcome.kind != "arm_level",
        )

    return sorted(study.outcomes, key=rank)


def end_of_course(study: Study) -> float | None:
    """The day of the visit that the record calls the end of treatment, from the first dose."""
    days = (_day(each.time) for each in study.outcomes if _is_end(each.time))
    return next((day for day in days if day is not None), None)


def _is_end(time: Timepoint) -> bool:
    return time.window is Window.END_OF_COURSE and (time.phase or "").lower() in _ENDS


def _day(time: Timepoint) -> float | None:
    if time.days_from_first_dose is not None:
        return float(time.days_from_first_dose)
    if time.hours_from_first_dose is not None:
        return float(time.hours_from_first_dose) / 24
    return None if time.weeks_from_first_dose is None else float(time.weeks_from_first_dose) * 7


def _lateness(time: Timepoint, end: float | None, aims: Mapping[Window, float]) -> tuple[int, float]:
    """Sorts results within a window: known distances, then the latest day, then days that nobody states."""
    day, after = _day(time), time.days_from_last_dose
    if time.window in aims:
        counted = day if after is None else float(after)
        return (2, 0.0) if counted is None else (0, abs(counted - aims[time.window]))
    if time.window is Window.END_OF_COURSE:
        if _is_end(time):
            return (0, 0.0)
        if day is not None and end is not None:
            return (0, abs(day - end))
        if day is None and after is not None:
            return (0, float(after))
    return (2, 0.0) if day is None else (1, -day)


def choose(
    studies: list[Study], analysis: Analysis, correlation: float, aims: Mapping[Window, float]
) -> Chosen:
    """One effect of every study that gives one."""
    first: list[tuple[Study, Effect]] = []
    left_out: list[LeftOut] = []
    for study in studies:
        found = []
        for outcome in in_order(study, aims):
            if not matches(outcome, analysis):
                continue
            effect = (
                single_group_change(study, outcome, correlation)
                if analysis.measure == "change"
                else controlled_effect(study, outcome, analysis.measure)
            )
            if effect:
                found.append(effect)
            elif reason := withheld(study, outcome, analysis.measure, correlation):
                held = bool(outcome.unsettled)
                left_out.append(LeftOut(study.id, study.name, outcome.id, reason, held))
        if found:
            first.append((study, found[0]))
            used = f"{found[0].outcome_id} ({found[0].time}) of the same study is used"
            left_out += [LeftOut(study.id, study.name, each.outcome_id, used) for each in found[1:]]
    kept, overlapping = _without_overlap(first)
    return Chosen(kept, (*left_out, *overlapping), frozenset(study.id for study, _ in first))


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
        LeftOut(
            study.id,
            study.name,
            effect.outcome_id,
            f"its sample probably overlaps that of {best[study.overlap][0].name}",
        )
        for study, effect in chosen
        if study.overlap and best[study.overlap][1] is not effect
    ]
    return tuple(kept), tuple(out)
