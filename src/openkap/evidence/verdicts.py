"""The rules that turn what is held into a verdict on a part of a claim.

Four verdicts: supported, mixed, not supported, cannot be judged. The rules are cautious in one direction:
data without a control group never support, a result beside larger silent trials is at most mixed, and a
comparison needs both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal


from openkap.core.content import Schema
from openkap.evidence.answers import Answer, Answers
from openkap.evidence.base import Base
from openkap.evidence.study import AdverseEvent, Group, Study, Window
from openkap.evidence.syntheses import Syntheses
from openkap.evidence.wording import behind, effect, loud, number

Verdict = Literal["supported", "mixed", "not supported", "cannot be judged"]
VERDICTS: tuple[Verdict, ...] = ("supported", "mixed", "not supported", "cannot be judged")
# CIOMS frequency classes: "common" begins at 1 in 100.
COMMON_FROM = 0.01


class Part(Schema):
    """One assertion inside a claim, the rule that judges it, and the rule's arguments."""

    text: str
    rule: str
    analyses: tuple[str, ...] = ()
    published: str | None = None
    published_adjusted: str | None = None
    split: Literal["treatment_resistant", "repeated_doses", "psychotherapy"] | None = None
    route: str | None = None
    routes: tuple[str, ...] = ()
    domain: str | None = None
    terms: tuple[str, ...] = ()
    because: str | None = None
    strength: str | None = None
    human_support: str | None = None
    human_for: str | None = None
    human_against: str | None = None
    animal: str | None = None


@dataclass(frozen=True)
class Held:
    """Everything a rule may look at."""

    base: Base
    answers: Answers
    syntheses: Syntheses


@dataclass(frozen=True)
class Judged:
    """A part's verdict, why, from what, and the trials it rests on or must name."""

    text: str
    verdict: Verdict
    because: str
    judged_from: str
    trials: tuple[str, ...] = ()
    not_in: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)


Rule = Callable[[Part, Held], Judged]


def judge(part: Part, held: Held) -> Judged:
    """The verdict of the part's rule."""
    return RULES[part.rule](part, held)


def benefit(part: Part, held: Held) -> Judged:
    """Is severity lower than on control?"""
    answer = held.answers.get(part.analyses[0])
    verdict = _benefit(answer)
    if answer.effects:
        because = f"{effect(answer)} in favour of ketamine, from {behind(answer)}."
        if (answer.estimate or 0) < 0:
            because = f"{effect(answer)}, negative meaning worse on ketamine, from {behind(answer)}."
    else:
        because = "No controlled trial gives a usable number."
    return _from_answers(part, verdict, because, [answer])


def _benefit(answer: Answer) -> Verdict:
    readings = [each.reading for each in answer.silent]
    against, good = "no_difference" in readings or "harm" in readings, "benefit" in readings
    if not answer.effects:
        if good and against:
            return "mixed"
        return "not supported" if against else "cannot be judged"
    if answer.in_favour() == "yes":
        firm = answer.certainty.level in ("high", "moderate") and not against
        return "supported" if firm else "mixed"
    if answer.in_favour() == "no":
        return "not supported"
    return "mixed" if good else "not supported"


def every_cluster(part: Part, held: Held) -> Judged:
    """Do all of several outcomes improve? One that does not is enough to say no."""
    answers = [held.answers.get(each) for each in part.analyses]
    verdicts = [_benefit(answer) for answer in answers]
    told = "; ".join(
        f"{answer.analysis.cluster.replace('_', ' ')}: {effect(answer)}"
        + "".join(f", {each.study} in words: {each.said}" for each in answer.silent if each.reading)
        for answer in answers
    )
    verdict: Verdict = "supported"
    if "not supported" in verdicts:
        verdict = "not supported"
    elif "cannot be judged" in verdicts:
        verdict = "cannot be judged"
    elif "mixed" in verdicts:
        verdict = "mixed"
    because = f"The claim says all four. {told[0].upper()}{told[1:]} (numbers from {behind(answers[0])})."
    return _from_answers(part, verdict, because, answers)


def at_least_moderate(part: Part, held: Held) -> Judged:
    """Is the controlled effect at least 0.5, beside the published estimate?"""
    answer = held.answers.get(part.analyses[0])
    size = float(held.answers.plan.certainty.moderate_effect_smd.value)
    review, printed = held.syntheses.estimate(part.published or "")
    adjusted = held.syntheses.estimate(part.published_adjusted or "")[1] if part.published_adjusted else None
    low = answer.interval[0] if answer.interval else None
    published = float(printed.estimate) if printed.estimate is not None else None
    firm = answer.certainty.level in ("high", "moderate")
    verdict: Verdict = "mixed"
    if answer.estimate is None:
        verdict = "cannot be judged"
    elif low is not None and low > 0 and answer.estimate >= size and firm:
        verdict = "supported"
    elif published is not None and published < size and (low is None or low <= 0):
        verdict = "not supported"
    because = (
        f"Ours: {effect(answer)} from {behind(answer)}{_compatible(answer, size)}. "
        f"The published pool of {review.scope.studies} trials ({review.name}) is {printed.measure} "
        f"{number(float(printed.estimate or 0))} ({number(float(printed.ci_low or 0))} to "
        f"{number(float(printed.ci_high or 0))})"
    )
    if published is not None:
        because += ", below moderate" if published < size else ", moderate or more"
    if adjusted and adjusted.estimate is not None:
        because += (
            f", and {number(float(adjusted.estimate))} ({number(float(adjusted.ci_low or 0))} to "
            f"{number(float(adjusted.ci_high or 0))}) once adjusted for bias"
        )
        because += ", which includes no effect" if (adjusted.ci_low or 0) <= 0 else ""
    return _from_answers(part, verdict, because + f". Moderate means {number(size, 1)}.", [answer])


def _compatible(answer: Answer, size: float) -> str:
    if answer.interval is None or not answer.interval[0] <= 0 <= answer.interval[1]:
        return ""
    return ", compatible with none" + (" and with a large effect" if answer.interval[1] > 1.6 * size else "")


SPLITS: dict[str, tuple[str, str, Callable[[Study], bool]]] = {
    "treatment_resistant": (
        "chosen for failed treatment",
        "not so chosen",
        lambda study: study.population.treatment_resistant not in (None, "false"),
    ),
    "repeated_doses": (
        "repeated doses",
        "a single dose",
        lambda study: any((arm.administrations or 0) > 1 for arm in study.arms if arm.role == "intervention"),
    ),
    "psychotherapy": (
        "with psychotherapy",
        "without psychotherapy",
        lambda study: any(arm.psychotherapy for arm in study.arms if arm.role == "intervention"),
    ),
}


def contrast_between(part: Part, held: Held) -> Judged:
    """Is one kind of trial better than another? Needs two trials with numbers on each side."""
    answer = held.answers.get(part.analyses[0])
    yes, no, test = SPLITS[part.split or ""]
    studies = {study.id: study for study in held.base.studies}
    sides: dict[bool, list[int]] = {True: [], False: []}
    for at, each in enumerate(answer.effects):
        sides[test(studies[each.study_id])].append(at)
    silent = {
        side: [f"{each.study} ({each.said})" for each in answer.silent
               if each.reading and test(studies[each.study_id]) == side]
        for side in (True, False)
    }  # fmt: skip
    counts = f"Trials with numbers: {len(sides[True])} {yes}, {len(sides[False])} {no}."
    words = "".join(
        f" In words only, {label}: {'; '.join(silent[side])}."
        for side, label in ((True, yes), (False, no))
        if silent[side]
    )
    if min(len(sides[True]), len(sides[False])) < 2:
        because = f"{counts} No trial randomised people to the two, and two on each side are the least for a comparison across trials.{words}"
        return _from_answers(part, "cannot be judged", because, [answer])
    from openkap.evidence.regression import meta_regression

    fit = meta_regression(
        [each.yi for each in answer.effects],
        [each.vi for each in answer.effects],
        [[1.0 if at in sides[True] else 0.0] for at in range(len(answer.effects))],
        method="REML",
        test="knha",
    )
    low, high = float(fit.ci_low[1]), float(fit.ci_high[1])
    verdict: Verdict = "mixed" if low > 0 else "not supported"
    because = (
        f"{counts} Difference {number(float(fit.beta[1]))} (95% interval {number(low)} to {number(high)}) across "
        f"trials, which differ in more than this.{words}"
    )
    return _from_answers(part, verdict, because, [answer])


def duration(part: Part, held: Held) -> Judged:
    """How long does response last against control?"""
    answer = held.answers.get(part.analyses[0])
    lasting = [
        (study, outcome)
        for study in held.base.studies
        if study.is_controlled
        for outcome in study.outcomes
        if outcome.domain == "durability" and outcome.kind == "arm_level" and len(outcome.values) > 1
    ]
    told = []
    for study, outcome in lasting:
        means = ", ".join(f"{_label(study, v.arm_id)} {v.mean} (SD {v.sd})" for v in outcome.values)
        told.append(f"{study.name}: {means} days, p = {outcome.p}, arm sizes not printed")
    if answer.effects:
        return _from_answers(
            part, _benefit(answer), f"{effect(answer)} days longer, {behind(answer)}.", [answer]
        )
    if not told:
        return _from_answers(
            part, "cannot be judged", "No controlled trial reports it with numbers.", [answer]
        )
    because = f"{'; '.join(told)}. Without arm sizes it cannot be pooled."
    return _from_answers(part, "mixed", because, [answer])


def _label(study: Study, arm_id: str) -> str:
    arm = study.arm(arm_id)
    return arm.label if arm else arm_id


def _routes(studies: list[Study]) -> dict[str, list[Study]]:
    by_route: dict[str, list[Study]] = {}
    for study in studies:
        for route in sorted({arm.route for arm in study.arms if arm.role == "intervention" and arm.route}):
            by_route.setdefault(route, []).append(study)
    return by_route


def _controlled(held: Held) -> list[Study]:
    return [study for study in held.base.studies if study.is_controlled]


def most_studied(part: Part, held: Held) -> Judged:
    """Does one route have the most randomised trials and people?"""
    routes = _routes(_controlled(held))
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


def consistent_route(part: Part, held: Held) -> Judged:
    """Do the randomised trials of a route agree, and can another route be set beside it?"""
    answer = held.answers.get("severity_end")
    day = held.answers.get("severity_day_1")
    good, bad = [], []
    for study in _routes(_controlled(held)).get(part.route or "", []):
        told = [_said_by(each, study) for each in (answer, day)]
        if "benefit" in told:
            good.append(study.name)
        elif "no_difference" in told:
            bad.append(study.name)
    because = (
        f"Randomised {part.route} trials with a benefit: {', '.join(good) or 'none'}; "
        f"without a significant difference: {', '.join(bad) or 'none'}. "
        "No other route has two randomised trials to compare with."
    )
    verdict: Verdict = "not supported" if bad else "cannot be judged"
    return Judged(part.text, verdict, because, "randomised trials, numbers and words", (*good, *bad))


def _said_by(answer: Answer, study: Study) -> str | None:
    for each in answer.effects:
        if each.study_id == study.id:
            return "benefit" if each.yi - 1.96 * each.se > 0 else "no_difference"
    return next((each.reading for each in answer.silent if each.study_id == study.id), None)


def route_effect(part: Part, held: Held) -> Judged:
    """Does one route have controlled evidence at all?"""
    route = part.route or ""
    controlled = _routes(_controlled(held)).get(route, [])
    open_ones = [
        study
        for study in held.base.studies
        if study.group in (Group.EFFICACY_UNCONTROLLED, Group.OBSERVATIONAL, Group.CASE_SERIES)
        and any(arm.route == route for arm in study.arms)
    ]
    overlap = sum(1 for study in open_ones if study.overlap)
    because = (
        f"{len(controlled)} randomised trials of {route} ketamine or esketamine in PTSD. "
        f"{len(open_ones)} studies without a control group ({', '.join(study.name for study in open_ones)}), "
        f"{overlap} of which probably share patients; they cannot show an effect."
    )
    verdict: Verdict = "mixed" if controlled else "cannot be judged"
    return Judged(
        part.text, verdict, because, "a count of the trial records", tuple(s.name for s in open_ones)
    )


def under_studied(part: Part, held: Held) -> Judged:
    """Are routes nearly without trials?"""
    controlled = _routes(_controlled(held))
    everything = _routes([study for study in held.base.studies if not study.is_prevention])
    told = "; ".join(
        f"{route}: {len(controlled.get(route, []))} randomised, {len(everything.get(route, []))} in all"
        for route in part.routes
    )
    few = all(len(controlled.get(route, [])) <= 1 for route in part.routes)
    names = tuple(study.name for route in part.routes for study in everything.get(route, []))
    verdict: Verdict = "supported" if few else "not supported"
    return Judged(part.text, verdict, f"Studies held: {told}.", "a count of the trial records", names)


def mechanism(part: Part, held: Held) -> Judged:
    """What human evidence stands for and against; animals alone do not decide."""
    said_for, against = part.human_for, part.human_against
    if said_for and against:
        verdict: Verdict = "mixed"
    elif against:
        verdict = "not supported"
    elif said_for:
        verdict = "supported" if part.human_support == "moderate" else "mixed"
    else:
        verdict = "cannot be judged"
    told = [
        f"In people, for: {said_for or 'nothing found'}.",
        f"Against: {against or 'nothing found'}.",
        f"In animals: {part.animal or 'not read'}.",
    ]
    return Judged(
        part.text, verdict, " ".join(told), f"the mechanism map (human support {part.human_support})"
    )


def therapy_paired(part: Part, held: Held) -> Judged:
    """How many records give therapy with the drug?"""
    records = [r for r in held.base.studies if r.arms and not r.is_prevention and r.record != "stub"]
    paired = [r for r in records if any(arm.psychotherapy for arm in r.arms if arm.role == "intervention")]
    coming = [r for r in paired if r.group is Group.REGISTERED]
    because = (
        f"{len(paired)} of {len(records)} treatment records with described arms give psychotherapy with the drug, "
        f"{len(coming)} of them registered and not yet reported. A count of studies, not of practice."
    )
    verdict: Verdict = "supported" if len(paired) >= 3 and len(coming) >= 3 else "mixed"
    return Judged(part.text, verdict, because, "a count of the trial records", tuple(r.name for r in paired))


def passing_harm(part: Part, held: Held) -> Judged:
    """Do randomised trials say in words that a harm passes?"""
    told = [
        (study.name, outcome.finding or "")
        for study in _controlled(held)
        for outcome in study.outcomes
        if outcome.domain == part.domain and outcome.reading == "harm" and outcome.finding
    ]
    because = "; ".join(f"{name}: {finding}" for name, finding in told) or "No randomised trial says."
    verdict: Verdict = "supported" if len(told) >= 2 else "cannot be judged"
    told_from = "randomised trials, in words; no scores were read"
    return Judged(part.text, verdict, f"{because}.", told_from, tuple(name for name, _ in told))


def harm_rates(part: Part, held: Held) -> Judged:
    """Are there rates with denominators in controlled trials?"""
    rows = []
    for study in _controlled(held):
        treated = {arm.id for arm in study.arms if arm.role == "intervention"}
        for event in study.adverse_events:
            if any(term in event.term.lower() for term in part.terms):
                count = _rate(event, treated)
                if count:
                    rows.append((study.name, event.term, *count))
    if not rows:
        with_words = sorted({study.name for study in held.base.studies if study.adverse_events})
        because = (
            f"No randomised trial held here gives counts with denominators for {', '.join(part.terms)}; "
            f"harms are named without counts, or as no serious event, in {', '.join(with_words)}."
        )
        return Judged(part.text, "cannot be judged", because, "adverse events of the trial records")
    told = "; ".join(f"{name}: {term} {e} of {n} on ketamine" for name, term, e, n in rows)
    common = any(e / n >= COMMON_FROM for _, _, e, n in rows)
    verdict: Verdict = "mixed" if common else "supported"
    return Judged(
        part.text, verdict, f"{told}.", "adverse events of the trial records", tuple(r[0] for r in rows)
    )


def _rate(event: AdverseEvent, treated: set[str]) -> tuple[int, int] | None:
    known = [arm for arm in event.events if arm in treated and event.at_risk.get(arm)]
    if not known:
        return None
    return sum(event.events[arm] for arm in known), sum(event.at_risk[arm] for arm in known)


def gap_long_term(part: Part, held: Held) -> Judged:
    """Is there any controlled number at six months or later?"""
    late = [
        study.name
        for study in _controlled(held)
        for outcome in study.outcomes
        if outcome.time.window is Window.LATER and outcome.domain == "ptsd" and outcome.kind != "qualitative"
    ]
    three = held.answers.get("severity_month_3")
    because = (
        f"Controlled results at six months or later: {', '.join(late) or 'none'}. "
        f"At about three months: {effect(three)} from {behind(three)}."
    )
    verdict: Verdict = "not supported" if len(late) >= 2 else "supported"
    return Judged(part.text, verdict, because, "a count of the trial records", tuple(late))


FIRST_LINE = ("exposure", "cpt", "cognitive processing", "emdr", "sertraline", "paroxetine", "venlafaxine")


def gap_head_to_head(part: Part, held: Held) -> Judged:
    """Does any controlled trial use a first-line PTSD treatment, without ketamine, as its comparator?"""
    found = [
        study.name
        for study in held.base.studies
        if study.is_controlled or study.group is Group.REGISTERED
        for arm in study.arms
        if arm.role == "comparator" and any(word in (arm.drug or "").lower() for word in FIRST_LINE)
    ]
    used = sorted({arm.drug or "?" for s in _controlled(held) for arm in s.arms if arm.role == "comparator"})
    because = (
        f"Comparators of the randomised trials: {', '.join(used)}. "
        f"Head-to-head with a first-line treatment: {', '.join(found) or 'none'}. Psychotherapy and MDMA trials share "
        "no comparator with ketamine trials, so the network does not connect; they are shown side by side only."
    )
    verdict: Verdict = "not supported" if found else "supported"
    return Judged(part.text, verdict, because, "a count of the trial records", tuple(found))


def gap_biomarkers(part: Part, held: Held) -> Judged:
    """Does any record hold a predictor of response?"""
    found = [
        study.name
        for study in held.base.studies
        for outcome in study.outcomes
        if outcome.domain == "prediction"
    ]
    imaging = [s.name for s in held.base.records for o in s.outcomes if o.domain == "imaging"]
    because = (
        f"Predictors of response held: {', '.join(found) or 'none'}. "
        f"Imaging outcomes that do not predict: {', '.join(imaging) or 'none'}."
    )
    return Judged(
        part.text, "mixed" if found else "supported", because, "a count of the trial records", tuple(imaging)
    )


def documents(part: Part, held: Held) -> Judged:
    """A norm, judged by the documents that state it."""
    firm = part.strength in ("label", "moderate")
    because = f"{(part.because or '').capitalize()}."
    verdict: Verdict = "supported" if firm else "cannot be judged"
    return Judged(part.text, verdict, because, f"documents (strength: {part.strength}), not trials")


def outside(part: Part, held: Held) -> Judged:
    """Not a question that trial data answer."""
    because = part.because or ""
    return Judged(
        part.text,
        "cannot be judged",
        f"{because[:1].upper()}{because[1:]}.",
        "nothing held here: another part answers",
    )


RULES: dict[str, Rule] = {
    each.__name__: each
    for each in (
        benefit, every_cluster, at_least_moderate, contrast_between, duration, most_studied, consistent_route,
        route_effect, under_studied, mechanism, therapy_paired, passing_harm, harm_rates, gap_long_term,
        gap_head_to_head, gap_biomarkers, documents, outside,
    )
}  # fmt: skip


def _from_answers(part: Part, verdict: Verdict, because: str, answers: list[Answer]) -> Judged:
    silence = loud(answers[0])
    trials = dict.fromkeys(
        [each.study for answer in answers for each in answer.effects]
        + [f"{each.study} (no numbers)" for answer in answers for each in answer.silent]
    )
    numbers = {
        answer.analysis.id: {
            "estimate": answer.shown(answer.estimate) if answer.estimate is not None else None,
            "interval": [answer.shown(each) for each in answer.interval] if answer.interval else None,
            "studies": len(answer.effects),
            "people": answer.people,
            "people_without_numbers": answer.silent_people,
        }
        for answer in answers
    }
    return Judged(
        part.text,
        verdict,
        because,
        "randomised trials; certainty " + ", ".join(dict.fromkeys(a.certainty.level for a in answers)),
        tuple(trials),
        silence,
        numbers,
    )
