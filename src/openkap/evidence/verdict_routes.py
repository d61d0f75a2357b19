"""Rules on the ways ketamine is given: how much each was studied, and what its randomised trials found."""

from __future__ import annotations

from dataclasses import dataclass

from openkap.evidence.answers import Answer, answer
from openkap.evidence.base import Base
from openkap.evidence.ruling import Held, Judged, Part, Verdict, benefit_of
from openkap.evidence.study import Group, Study
from openkap.evidence.wording import against, behind, effect, loud, silent_trials

_END, _DAY = "severity_end", "severity_day_1"
_OPEN = (Group.EFFICACY_UNCONTROLLED, Group.OBSERVATIONAL, Group.CASE_SERIES)
# The fewest trials that can agree or disagree.
_LEAST = 2


def _by_route(studies: list[Study]) -> dict[str, list[Study]]:
    by_route: dict[str, list[Study]] = {}
    for study in studies:
        for route in sorted(_routes(study)):
            by_route.setdefault(route, []).append(study)
    return by_route


def _routes(study: Study) -> set[str]:
    return {arm.route for arm in study.arms if arm.role == "intervention" and arm.route}


def most_studied(part: Part, held: Held) -> Judged:
    """Does one route have the most randomised trials and people?"""
    routes = _by_route(held.controlled)
    sizes = {name: sum(study.sample.largest or 0 for study in studies) for name, studies in routes.items()}
    told = "; ".join(
        f"{name} {len(studies)} ({sizes[name]} people)"
        for name, studies in sorted(routes.items(), key=lambda item: -len(item[1]))
    )
    mine = part.route or ""
    others = [name for name in routes if name != mine]
    first = mine in routes and all(
        len(routes[mine]) > len(routes[name]) and sizes[mine] > sizes[name] for name in others
    )
    because = f"Randomised trials by route: {told}."
    trials = tuple(study.name for study in routes.get(mine, []))
    return Judged(
        part.text, "supported" if first else "not supported", because, "a count of the trial records", trials
    )


@dataclass(frozen=True)
class _Found:
    """What the randomised trials of one route found, each trial once."""

    route: str
    trials: tuple[Study, ...]
    good: tuple[Study, ...]
    bad: tuple[Study, ...]

    @property
    def told(self) -> int:
        """How many say anything."""
        return len(self.good) + len(self.bad)

    @property
    def share(self) -> float:
        """How many of those that say found a benefit."""
        return len(self.good) / self.told if self.told else 0.0

    @property
    def words(self) -> str:
        """Of how many trials how many found a benefit."""
        return f"{self.route} {len(self.good)} of {self.told}"


def consistent_route(part: Part, held: Held) -> Judged:
    """Do the randomised trials of a route agree on a benefit, and more so than those of another route?"""
    found = {route: _found(route, studies, held) for route, studies in _by_route(held.controlled).items()}
    mine = found.pop(part.route or "", _Found(part.route or "", (), (), ()))
    rivals = [each for each in found.values() if each.told >= _LEAST]
    heard = {study.id for study in (*mine.good, *mine.bad)}
    silence, share = silent_trials("NOT SAID BY", mine.trials, heard)
    because = (
        f"Randomised {mine.route} trials with a benefit: {_named(mine.good)}; "
        f"without a significant one: {_named(mine.bad)}. {_beside(rivals, found)}"
    )
    few = share < float(held.answers.plan.certainty.silent_share_serious.value)
    verdict = _most_consistent(mine, rivals, few)
    names = tuple(study.name for study in (*mine.good, *mine.bad))
    return Judged(part.text, verdict, because, "randomised trials, numbers and words", names, silence)


def _most_consistent(mine: _Found, rivals: list[_Found], few_silent: bool) -> Verdict:
    if mine.told < _LEAST:
        return "cannot be judged"
    if not rivals:
        return "not supported" if mine.bad else "cannot be judged"
    if mine.share <= max(each.share for each in rivals):
        return "not supported"
    return "supported" if few_silent and not mine.bad else "mixed"


def _beside(rivals: list[_Found], found: dict[str, _Found]) -> str:
    if rivals:
        told = "; ".join(each.words for each in rivals)
        return f"Trials with a benefit among those that say, on other routes: {told}."
    held = "; ".join(f"{each.route} {each.told}" for each in found.values()) or "none"
    return f"No other route has two randomised trials that say, so nothing can be set beside it ({held})."


def _named(studies: tuple[Study, ...]) -> str:
    return ", ".join(study.name for study in studies) or "none"


def _found(route: str, studies: list[Study], held: Held) -> _Found:
    readings = {study.id: _reading(study, held) for study in studies}
    good = tuple(study for study in studies if readings[study.id] == "benefit")
    bad = tuple(study for study in studies if readings[study.id] in ("no_difference", "harm"))
    return _Found(route, tuple(studies), good, bad)


def _reading(study: Study, held: Held) -> str | None:
    """What a trial found at the end of its course; day one speaks only for a trial silent on that."""
    told = (_said_by(held.answers.get(name), study) for name in (_END, _DAY))
    return next((each for each in told if each in ("benefit", "no_difference", "harm")), None)


def _said_by(answered: Answer, study: Study) -> str | None:
    """A trial's own "no difference" stands before what its number alone would say."""
    for words in against(answered):
        if words.study_id == study.id:
            return words.reading
    for each in answered.effects:
        if each.study_id == study.id:
            low, high = each.interval
            return "benefit" if low > 0 else "harm" if high < 0 else "no_difference"
    return next((each.reading for each in answered.silent if each.study_id == study.id), None)


def route_effect(part: Part, held: Held) -> Judged:
    """Is severity lower than on control in the randomised trials of one route, taken by themselves?"""
    route = part.route or ""
    trials = [study for study in held.controlled if _routes(study) == {route}]
    answered = _answer_of(trials, held)
    because = f"{len(trials)} randomised trials of {route} ketamine or esketamine in PTSD"
    because += f": {effect(answered)}, from {behind(answered)}. " if answered.effects else ". "
    verdict = benefit_of(answered) if trials else "cannot be judged"
    names = tuple(study.name for study in trials)
    text, open_names = _without_control(route, held)
    told_from = f"randomised trials of the route; certainty {answered.certainty.level}"
    if not trials:
        told_from = "a count of the trial records"
    return Judged(part.text, verdict, because + text, told_from, (*names, *open_names), loud(answered))


def _answer_of(trials: list[Study], held: Held) -> Answer:
    plan = held.answers.plan
    asked = next(each for each in plan.analyses if each.id == _END)
    ids = {study.id for study in trials}
    records = tuple(each for each in held.base.records if ids & {each.id, each.companion_of})
    return answer(Base(records, {}), asked, plan)


def _without_control(route: str, held: Held) -> tuple[str, tuple[str, ...]]:
    found = [
        study
        for study in held.studies
        if study.group in _OPEN and any(arm.route == route for arm in study.arms)
    ]
    if not found:
        return "No study without a control group is held.", ()
    overlap = sum(1 for study in found if study.overlap)
    names = tuple(study.name for study in found)
    return (
        f"{len(found)} studies without a control group ({', '.join(names)}), "
        f"{overlap} of which probably share patients; they cannot show an effect."
    ), names


def under_studied(part: Part, held: Held) -> Judged:
    """Are routes nearly without trials?"""
    controlled = _by_route(held.controlled)
    everything = _by_route([study for study in held.studies if not study.is_prevention])
    told = "; ".join(
        f"{route}: {len(controlled.get(route, []))} randomised, {len(everything.get(route, []))} in all"
        for route in part.routes
    )
    few = all(len(controlled.get(route, [])) <= 1 for route in part.routes)
    names = tuple(study.name for route in part.routes for study in everything.get(route, []))
    verdict: Verdict = "supported" if few else "not supported"
    return Judged(part.text, verdict, f"Studies held: {told}.", "a count of the trial records", names)
