"""Rules that count records and read documents, and say what is not answered here."""

from __future__ import annotations

from openkap.evidence.ruling import Held, Judged, Part, Verdict
from openkap.evidence.study import Group, Window
from openkap.evidence.wording import behind, effect


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
        f"{len(coming)} of them registered and not yet reported. A count of "
        "studies: it says nothing of practice, and nothing of benefit."
    )
    verdict: Verdict = "supported" if len(paired) >= 3 and len(coming) >= 3 else "mixed"
    return Judged(part.text, verdict, because, "a count of the trial records", tuple(r.name for r in paired))


def gap_long_term(part: Part, held: Held) -> Judged:
    """Is there any controlled number at six months or later?"""
    late = list(
        dict.fromkeys(
            study.name
            for study in held.controlled
            for outcome in study.outcomes
            if outcome.time.window is Window.LATER
            and outcome.domain == "ptsd"
            and outcome.kind != "qualitative"
        )
    )
    three = held.answers.get("severity_month_3")
    because = (
        f"Controlled results at six months or later: {', '.join(late) or 'none'}. "
        f"At about three months: {effect(three)} from {behind(three)}."
    )
    verdict: Verdict = ("supported", "mixed", "not supported")[min(len(late), 2)]
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
