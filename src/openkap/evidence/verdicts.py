"""The rules that turn what is held into a verdict on a part of a claim.

Four verdicts: supported, mixed, not supported, cannot be judged. The rules are cautious in one direction:
data without a control group never support, a result beside larger silent trials is at most mixed, and a
comparison needs both sides.
"""

from __future__ import annotations

from collections.abc import Callable

from openkap.evidence.answers import Answer
from openkap.evidence.ruling import Held, Judged, Part, Rule, Verdict, benefit_of, from_answers
from openkap.evidence.silence import OwnWords, Silent
from openkap.evidence.study import Study
from openkap.evidence.verdict_counts import (
    documents,
    gap_biomarkers,
    gap_head_to_head,
    gap_long_term,
    mechanism,
    outside,
    therapy_paired,
)
from openkap.evidence.verdict_harms import harm_rate, harm_severity, passing_harm
from openkap.evidence.verdict_routes import consistent_route, most_studied, route_effect, under_studied
from openkap.evidence.wording import SIDES, against, behind, effect, number, own_said, size

# Large is 0.8 where moderate is 0.5 (Cohen 1988).
_LARGE = 1.6
CLUSTER_WORDS = {"negative_cognition_mood": "negative mood and cognition"}


def judge(part: Part, held: Held) -> Judged:
    """The verdict of the part's rule."""
    return RULES[part.rule](part, held)


def benefit(part: Part, held: Held) -> Judged:
    """Is severity lower than on control?"""
    answer = held.answers.get(part.analyses[0])
    verdict = benefit_of(answer)
    because = "No controlled trial gives a usable number."
    if answer.effects:
        because = f"{effect(answer)}, from {behind(answer)}. {own_said(answer)}".strip()
    return from_answers(part, verdict, because, [answer])


def every_cluster(part: Part, held: Held) -> Judged:
    """Do all of several outcomes improve? One that does not is enough to say no."""
    answers = [held.answers.get(each) for each in part.analyses]
    verdicts = [benefit_of(answer) for answer in answers]
    told = "; ".join(
        f"{CLUSTER_WORDS.get(answer.analysis.cluster, answer.analysis.cluster)}: {size(answer)}"
        + "".join(f", {each.study} in words: {each.said}" for each in _in_words(answer))
        for answer in answers
    )
    verdict: Verdict = "supported"
    if "not supported" in verdicts:
        verdict = "not supported"
    elif "cannot be judged" in verdicts:
        verdict = "cannot be judged"
    elif "mixed" in verdicts:
        verdict = "mixed"
    because = (
        f"The claim says all four. {told[0].upper()}{told[1:]} (g {SIDES['SMD']}; numbers from "
        f"{behind(answers[0])})."
    )
    return from_answers(part, verdict, because, answers)


def _in_words(answer: Answer) -> tuple[Silent | OwnWords, ...]:
    """What trials said in words: those without a number, and those that saw none beside their number."""
    return (*(each for each in answer.silent if each.reading), *against(answer))


def at_least_moderate(part: Part, held: Held) -> Judged:
    """Is the controlled effect at least 0.5, beside the published estimate?"""
    answer = held.answers.get(part.analyses[0])
    moderate = float(held.answers.plan.certainty.moderate_effect_smd.value)
    review, printed = held.syntheses.estimate(part.published or "")
    adjusted = held.syntheses.estimate(part.published_adjusted or "")[1] if part.published_adjusted else None
    low = answer.interval[0] if answer.interval else None
    published = float(printed.estimate) if printed.estimate is not None else None
    verdict: Verdict = "mixed"
    if answer.estimate is None:
        verdict = "cannot be judged"
    elif answer.estimate >= moderate and benefit_of(answer) == "supported":
        verdict = "supported"
    elif published is not None and published < moderate and (low is None or low <= 0):
        verdict = "not supported"
    because = (
        f"Ours: {effect(answer)} from {behind(answer)}{_compatible(answer, moderate)}. "
        f"The published pool of {review.scope.studies} trials ({review.name}) is {printed.measure} "
        f"{number(float(printed.estimate or 0))} ({number(float(printed.ci_low or 0))} to "
        f"{number(float(printed.ci_high or 0))}), {review.side(printed)}"
    )
    if published is not None:
        because += "; below moderate" if published < moderate else "; moderate or more"
    if adjusted and adjusted.estimate is not None:
        because += (
            f", and {number(float(adjusted.estimate))} ({number(float(adjusted.ci_low or 0))} to "
            f"{number(float(adjusted.ci_high or 0))}) once adjusted for bias"
        )
        because += ", which includes no effect" if (adjusted.ci_low or 0) <= 0 else ""
    return from_answers(
        part,
        verdict,
        because + f". Moderate means {number(moderate, 1)}. {own_said(answer)}".strip(),
        [answer],
    )


def _compatible(answer: Answer, moderate: float) -> str:
    if answer.interval is None or not answer.interval[0] <= 0 <= answer.interval[1]:
        return ""
    low, high = answer.interval
    large = _LARGE * moderate
    told = ["no effect"]
    told += ["a large benefit"] if high > large else []
    told += ["a large harm"] if low < -large else []
    *most, last = told
    return (
        f", compatible with {', with '.join(most)} and with {last}" if most else f", compatible with {last}"
    )


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
        side: [
            f"{each.study} ({each.said})"
            for each in _in_words(answer)
            if test(studies[each.study_id]) == side
        ]
        for side in (True, False)
    }
    counts = f"Trials with numbers: {len(sides[True])} {yes}, {len(sides[False])} {no}."
    words = "".join(
        f" In words, {label}: {'; '.join(silent[side])}."
        for side, label in ((True, yes), (False, no))
        if silent[side]
    )
    if min(len(sides[True]), len(sides[False])) < 2:
        because = (
            f"{counts} No trial randomised people to the two, and two on each side are the least for a "
            f"comparison across trials.{words}"
        )
        return from_answers(part, "cannot be judged", because, [answer], head="WITHOUT A NUMBER HERE")
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
        f"{counts} Difference {number(float(fit.beta[1]))} (95% interval {number(low)} to {number(high)}) "
        "across "
        f"trials, which differ in more than this.{words}"
    )
    return from_answers(part, verdict, because, [answer])


def duration(part: Part, held: Held) -> Judged:
    """How long does response last against control?"""
    answer = held.answers.get(part.analyses[0])
    lasting = [
        (study, outcome)
        for study in held.controlled
        for outcome in study.outcomes
        if outcome.domain == "durability"
        and outcome.kind == "arm_level"
        and len(outcome.values) > 1
        and not outcome.unsettled
    ]
    if answer.effects:
        because = f"{effect(answer)}, from {behind(answer)}. {own_said(answer)}".strip()
        return from_answers(part, benefit_of(answer), because, [answer])
    if not lasting:
        return from_answers(
            part, "cannot be judged", "No controlled trial reports it with numbers.", [answer]
        )
    told = []
    for study, outcome in lasting:
        means = ", ".join(f"{_label(study, v.arm_id)} {v.mean} (SD {v.sd})" for v in outcome.values)
        told.append(f"{study.name}: {means} days, p = {outcome.p}, arm sizes not printed")
    because = f"{'; '.join(told)}. Without arm sizes it cannot be pooled."
    return from_answers(part, "mixed", because, [answer], told=frozenset(study.id for study, _ in lasting))


def _label(study: Study, arm_id: str) -> str:
    arm = study.arm(arm_id)
    return arm.label if arm else arm_id


RULES: dict[str, Rule] = {
    each.__name__: each
    for each in (
        benefit,
        every_cluster,
        at_least_moderate,
        contrast_between,
        duration,
        most_studied,
        consistent_route,
        route_effect,
        under_studied,
        mechanism,
        therapy_paired,
        passing_harm,
        harm_rate,
        harm_severity,
        gap_long_term,
        gap_head_to_head,
        gap_biomarkers,
        documents,
        outside,
    )
}
