"""Rules on harms: how often, how severe, and whether they pass.

Zero events among few people say little, and a registry lists only what crossed its threshold: a trial
without a count is a silent trial, never a zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from scipy.special import betaincinv

from openkap.evidence.ruling import Held, Judged, Part, Verdict
from openkap.evidence.study import AdverseEvent, Study
from openkap.evidence.wording import percent, silent_trials

_TAIL = 0.025


@dataclass(frozen=True)
class _Count:
    """People with one harm in one trial, ketamine arms and control arms each taken together."""

    study: Study
    event: AdverseEvent
    treated: tuple[int, int]
    control: tuple[int, int] | None

    @property
    def words(self) -> str:
        """Both sides, so that a reader sees what ketamine added."""
        serious = " (serious)" if self.event.serious else ""
        beside = "{} of {} on control".format(*self.control) if self.control else "control not counted"
        return (
            f"{self.study.name}: {self.event.term}{serious} {self.treated[0]} of {self.treated[1]} on "
            f"ketamine, {beside}"
        )


def harm_rate(part: Part, held: Held) -> Judged:
    """Are harms rare in controlled trials, by the exact interval of the rate and not by the count alone?"""
    counts = _counts(part, held)
    silence, share = _uncounted(part, held, counts)
    if not counts:
        return _no_counts(part, held, silence)
    assert part.rare_below is not None
    limit = float(part.rare_below.value)
    rates = [_rate(term, counts, part.not_terms) for term in part.terms]
    known = [each for each in rates if each]
    because = (
        f"{_told(counts)}. Taken together: {'; '.join(each.words for each in known)}. "
        f"Rare means below {percent(limit)}."
    )
    verdict: Verdict = "mixed"
    if any(each.low >= limit for each in known):
        verdict = "not supported"
    elif all(each.high < limit for each in known) and _few(share, held):
        verdict = "supported"
    return Judged(part.text, verdict, because, "adverse events of the trial records", _names(counts), silence)


def harm_severity(part: Part, held: Held) -> Judged:
    """Are harms mild? Counts tell how often, so they are shown and do not decide."""
    counts = _counts(part, held)
    silence, _ = _uncounted(part, held, counts)
    if not counts:
        return _no_counts(part, held, silence)
    because = f"{_told(counts)}. Counts say how often, not how severe: whether these were mild is not held."
    return Judged(
        part.text,
        "cannot be judged",
        because,
        "adverse events of the trial records",
        _names(counts),
        silence,
    )


def passing_harm(part: Part, held: Held) -> Judged:
    """Do randomised trials say in words that a harm passes within hours? Only what was coded so counts."""
    said, told = [], []
    for study in held.controlled:
        for outcome in study.outcomes:
            if outcome.domain == part.domain and outcome.reading == "harm" and outcome.finding:
                passes = outcome.passes_within_hours
                said += [] if passes is None else [(study, passes)]
                tier = study.tier_of(outcome.sources).value
                unsaid = ", for how long is not said" if passes is None else ""
                told.append(f"{study.name}: {outcome.finding} (source tier {tier}{unsaid})")
    heard = {study.id for study, _ in said}
    silence, share = silent_trials("HOW LONG IS NOT SAID BY", held.controlled, heard)
    verdict: Verdict = "cannot be judged"
    if not all(passes for _, passes in said):
        verdict = "not supported"
    elif said:
        verdict = "supported" if len(heard) >= 2 and _few(share, held) else "mixed"
    because = "; ".join(told) or "No randomised trial says"
    told_from = "randomised trials, in words; no scores were read, so GRADE domains cannot rate it"
    names = tuple(dict.fromkeys(study.name for study, _ in said))
    return Judged(part.text, verdict, f"{because}.", told_from, names, silence)


def _few(share: float, held: Held) -> bool:
    return share < float(held.answers.plan.certainty.silent_share_serious.value)


def _counts(part: Part, held: Held) -> list[_Count]:
    found = []
    for study in held.controlled:
        for event in study.adverse_events:
            treated = _side(study, event, "intervention")
            if treated and any(_is(term, event, part.not_terms) for term in part.terms):
                found.append(_Count(study, event, treated, _side(study, event, "comparator")))
    return found


def _is(term: str, event: AdverseEvent, apart: tuple[str, ...]) -> bool:
    """Is the event this harm, in one of its spellings? Distress of breathing is no distress of mind."""
    words = set(re.findall(r"[a-z]+", event.term.lower()))
    return not words & set(apart) and any(set(each.split()) <= words for each in term.split("|"))


def _side(study: Study, event: AdverseEvent, role: str) -> tuple[int, int] | None:
    """Events and people of one side; nothing when one of its counts lacks the people it came from."""
    arms = [arm.id for arm in study.arms if arm.role == role and arm.id in event.events]
    at_risk = [event.at_risk.get(arm, 0) for arm in arms]
    if (
        event.unsettled
        or not arms
        or any(event.events[arm] > n or not n for arm, n in zip(arms, at_risk, strict=True))
    ):
        return None
    return sum(event.events[arm] for arm in arms), sum(at_risk)


def _label(term: str) -> str:
    return term.partition("|")[0]


@dataclass(frozen=True)
class _Rate:
    """How often one harm was counted on ketamine over all trials, with the exact 95% interval."""

    term: str
    events: int
    people: int

    @property
    def low(self) -> float:
        """Lower limit (Clopper and Pearson 1934)."""
        return float(betaincinv(self.events, self.people - self.events + 1, _TAIL)) if self.events else 0.0

    @property
    def high(self) -> float:
        """Upper limit."""
        free = self.people - self.events
        return float(betaincinv(self.events + 1, free, 1 - _TAIL)) if free else 1.0

    @property
    def words(self) -> str:
        """Count, people and interval."""
        return (
            f"{self.term} {self.events} of {self.people} on ketamine "
            f"(exact 95% interval {percent(self.low)} to {percent(self.high)})"
        )


def _rate(term: str, counts: Iterable[_Count], apart: tuple[str, ...]) -> _Rate | None:
    """One trial's several names for a harm are added up, at most to its people: never fewer than had it."""
    by_study: dict[str, tuple[int, int]] = {}
    for each in counts:
        if _is(term, each.event, apart):
            events, people = by_study.get(each.study.id, (0, 0))
            most = max(people, each.treated[1])
            by_study[each.study.id] = (min(events + each.treated[0], most), most)
    if not by_study:
        return None
    return _Rate(_label(term), sum(e for e, _ in by_study.values()), sum(n for _, n in by_study.values()))


def _told(counts: Iterable[_Count]) -> str:
    return "; ".join(each.words for each in counts)


def _names(counts: Iterable[_Count]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.study.name for each in counts))


def _uncounted(part: Part, held: Held, counts: list[_Count]) -> tuple[str, float]:
    """The trials that lack a count for any of the harms asked about, and their share of the people."""
    heard = {
        study.id
        for study in held.controlled
        if all(
            any(each.study.id == study.id and _is(term, each.event, part.not_terms) for each in counts)
            for term in part.terms
        )
    }
    partly = {each.study.id for each in counts} - heard
    return silent_trials("WITHOUT COUNTS", held.controlled, heard, partly)


def _no_counts(part: Part, held: Held, silence: str) -> Judged:
    with_words = sorted({study.name for study in held.studies if study.adverse_events})
    asked = ", ".join(map(_label, part.terms))
    because = (
        f"No randomised trial held here gives counts with denominators for {asked}; harms are named without "
        f"counts, or as no serious event, in {', '.join(with_words) or 'no record'}."
    )
    told_from = "adverse events of the trial records"
    return Judged(part.text, "cannot be judged", because, told_from, (), silence)
