"""Rules that count records and read documents, and say what is not answered here."""

from __future__ import annotations

from openkap.evidence.answers import Answer
from openkap.evidence.ruling import Held, Judged, Part, Verdict
from openkap.evidence.study import Group, Study, Window
from openkap.evidence.wording import behind, effect


def _routes(studies: list[Study]) -> dict[str, list[Study]]:
    by_route: dict[str, list[Study]] = {}
    for study in studies:
        for route in sorted({arm.route for arm in study.arms if arm.role == "intervention" and arm.route}):
            by_route.setdefault(route, []).append(study)
    return by_route


def most_studied(part: Part, held: Held) -> Judged:
    """Does one route have the most randomised trials and people?"""
    routes = _routes(held.controlled)
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
    for study in _routes(held.controlled).get(part.route or "", []):
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
    controlled = _routes(held.controlled).get(route, [])
    open_ones = [
        study
        for study in held.studies
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
    controlled = _routes(held.controlled)
    everything = _routes([study for study in held.studies if not study.is_prevention])
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
        part.text,
        verdict,
        " ".join(told),
        f"the mechanism map at {', '.join(part.nodes)} (human support {part.human_support})",
    )


def therapy_paired(part: Part, held: Held) -> Judged:
    """How many records give therapy with the drug?"""
    records = [r for r in held.studies if r.arms and not r.is_prevention and r.record != "stub"]
    paired = [r for r in records if any(arm.psychotherapy for arm in r.arms if arm.role == "intervention")]
    coming = [r for r in paired if r.group is Group.REGISTERED]
    because = (
        f"{len(paired)} of {len(records)} treatment records with described arms give psychotherapy with the "
        "drug, "
        f"{len(coming)} of them registered and not yet reported. A count of studies, not of practice."
    )
    verdict: Verdict = "supported" if len(paired) >= 3 and len(coming) >= 3 else "mixed"
    return Judged(part.text, verdict, because, "a count of the trial records", tuple(r.name for r in paired))


def gap_long_term(part: Part, held: Held) -> Judged:
    """Is there any controlled number at six months or later?"""
    late = [
        study.name
        for study in held.controlled
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
        for study in held.studies
        if study.is_controlled or study.group is Group.REGISTERED
        for arm in study.arms
        if arm.role == "comparator" and any(word in (arm.drug or "").lower() for word in FIRST_LINE)
    ]
    used = sorted({arm.drug or "?" for s in held.controlled for arm in s.arms if arm.role == "comparator"})
    because = (
        f"Comparators of the randomised trials: {', '.join(used)}. "
        f"Head-to-head with a first-line treatment: {', '.join(found) or 'none'}."
    )
    verdict: Verdict = "not supported" if found else "supported"
    return Judged(part.text, verdict, because, "a count of the trial records", tuple(found))


def gap_biomarkers(part: Part, held: Held) -> Judged:
    """Does any record hold a predictor of response?"""
    found = [
        study.name for study in held.studies for outcome in study.outcomes if outcome.domain == "prediction"
    ]
    imaging = [
        s.name for s in held.base.records if not s.retracted for o in s.outcomes if o.domain == "imaging"
    ]
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
