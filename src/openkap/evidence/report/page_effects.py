"""The sections that show effects: our pools, published ones, and what stands beside them."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from openkap.evidence.answers import Answer
from openkap.evidence.report import svg
from openkap.evidence.report.assemble import Report
from openkap.evidence.report.blocks import (
    figure,
    inline,
    link,
    loud_box,
    paragraph,
    table,
)
from openkap.evidence.report.forest_table import forest_table
from openkap.evidence.report.marks import (
    Forest,
    ForestRow,
    beside_forest,
    forest_of,
    funnel_of,
    published_forest,
    time_course,
)
from openkap.evidence.report.sections import section
from openkap.evidence.wording import effect, normal_theory


def _forest_figure(answer: Answer, limits: tuple[float, float] | None = None, more: str = "") -> str:
    how = "; ".join(f"{each.study}: {each.how}" for each in answer.effects)
    caption = f"Certainty: {answer.certainty.level}. {how}. {normal_theory(answer)} {more}".strip()
    return figure(forest_table(forest_of(answer, limits)), caption)


def controlled(report: Report) -> str:
    """Randomised trials: severity over time and by cluster."""
    get = report.answers.get
    end, scale = get("severity_end"), (-1.6, 2.2)
    parts = [
        paragraph(f"At the end of a course of about one to two weeks: {effect(end)}."),
        loud_box(end),
        _forest_figure(end, scale),
        _forest_figure(get("severity_day_1")),
        _forest_figure(get("severity_month_1"), scale),
        _forest_figure(get("severity_month_3"), scale),
        "<h3>By symptom cluster, end of the course</h3>",
    ]
    names = ("intrusion_end", "avoidance_end", "mood_end", "arousal_end")
    rows = [row for name in names for row in _cluster_rows(get(name))]
    marks = Forest(
        "clusters",
        "The four clusters",
        "Hedges g",
        "favours control",
        "favours ketamine",
        False,
        *scale,
        tuple(rows),
    )
    others = len({each.study for name in names for each in get(name).silent})
    parts.append(
        figure(forest_table(marks), f"{others} randomised trials give no cluster number that could be read.")
    )
    return section("controlled", *parts)


def _cluster_rows(answer: Answer) -> Iterable[ForestRow]:
    cluster = answer.analysis.cluster.replace("negative_cognition_mood", "negative mood and cognition")
    for row in forest_of(answer).rows:
        if row.kind != "silent" or row.url:
            yield ForestRow(
                f"{cluster[:1].upper()}{cluster[1:]}: {row.label}",
                row.note,
                row.kind,
                row.estimate,
                row.low,
                row.high,
                row.weight,
                row.prediction,
                row.url,
            )


def published(report: Report) -> str:
    """Published pools beside ours, as printed."""
    flagged = frozenset(finding.subject for finding in report.findings)
    ids = tuple(
        estimate.id
        for review in report.syntheses.reviews
        for estimate in review.estimates
        if estimate.measure == "Hedges g"
    )
    rows = []
    for review in report.syntheses.reviews:
        raw = [estimate for estimate in review.estimates if estimate.measure != "Hedges g"]
        for at, estimate in enumerate(raw):
            found = [f for f in report.findings if f.subject == estimate.id]
            doubts = [f"⚑ {each.check}: {each.sentence}" for each in found] or [estimate.note or ""]
            if at == 0:
                doubts += list(review.caveats)
            name = link(review.name, next((p.url for p in review.places.values()), None)) if at == 0 else ""
            rows.append((name, review.sentence(estimate), ". ".join(each for each in doubts if each)))
    unusable = [review for review in report.syntheses.reviews if not review.usable_pool]
    return section(
        "published",
        figure(
            forest_table(published_forest(report.syntheses, ids, flagged)),
            "Exactly as printed. The estimates come from overlapping effect sizes and are not independent.",
        ),
        table(("Review", "As printed", "Caution"), rows, "Published pools on raw scales and of counts"),
        paragraph(
            f"{len(unusable)} further reviews gave no pooled value that could be read: "
            + ", ".join(review.name for review in unusable)
            + ".",
            "small",
        ),
    )


def course(report: Report) -> str:
    """The time course, and the funnel."""
    course = time_course(report.base, report.answers)
    left = figure(
        inline(svg.time_course(course)),
        "Randomised trials with standardised numbers. Not drawn, because they give none: "
        f"{', '.join(course.silent)}.",
    )
    marks = funnel_of(report.answers.get("severity_end"))
    right = figure(inline(svg.funnel(marks)), marks.caution) if marks else ""
    return section("course", f'<div class="pair">{left}{right}</div>')


def other(report: Report) -> str:
    """Response and staying in the study."""
    get = report.answers.get
    return section(
        "other",
        _forest_figure(
            get("response_end"),
            None,
            "The two trials define response differently: a 30% fall on CAPS-5, and a fall of 10 points on "
            "PCL-5.",
        ),
        _forest_figure(get("noncompletion")),
    )


def uncontrolled(report: Report) -> str:
    """Studies without a control group, kept apart."""
    answer = report.answers.get("change_uncontrolled")
    spread = answer.range_by_correlation
    more = (
        f"Varying the assumed correlation moves the pool from {spread[0]:.1f} to {spread[1]:.1f}."
        if spread
        else ""
    )
    out = "; ".join(f"{each.study}: {each.reason}" for each in answer.left_out)
    return section(
        "uncontrolled",
        paragraph(
            "These studies show how far scores fell, not what ketamine did: people enter when they are at "
            "their worst, "
            "expect much, and get attention and often therapy. They are never pooled with trials and "
            "support no claim."
        ),
        _forest_figure(answer, None, f"{more} Left out: {out}." if out else more),
    )


def beside(report: Report) -> str:
    """Ketamine beside psychotherapy and MDMA."""
    waiting = sum(trial.control == "Waitlist" for each in report.besides for trial in each.trials)
    rows = []
    for each in report.besides:
        rows.append(
            (
                escape(each.comparator.label),
                f"{len(each.trials)}",
                f"I² {each.pooled.i2:.0f}%",
                each.comparator.attribution,
            )
        )
    return section(
        "beside",
        _joined(report),
        f'<p class="loud" role="note"><b>Not a comparison.</b> {escape(report.connection.sentence)}</p>',
        figure(
            forest_table(beside_forest(report.answers, list(report.besides), report.syntheses)),
            f"{waiting} of the psychotherapy trials compare with a waiting list, MDMA and ketamine trials "
            "with placebo "
            "or an active drug: a larger number here is not a better treatment. Dashed: prediction interval.",
        ),
        table(("Data", "Trials", "Spread", "Attribution"), rows, "The comparator data", raw=(0,)),
    )


def _joined(report: Report) -> str:
    """The indirect comparison, where trials tie ketamine to a comparator."""
    joined = report.joined
    if joined is None:
        return ""
    rows = tuple(
        ForestRow(f"Ketamine against {each.treatment}", "network", "pool", each.estimate, each.low, each.high)
        for each in joined.against
    )
    marks = Forest(
        "joined", "Network", "Hedges g", "favours the other", "favours ketamine", False, -3.0, 3.0, rows
    )
    return figure(forest_table(marks), joined.sentence)


def prevention(report: Report) -> str:
    """Prevention, kept apart."""
    return section(
        "prevention",
        paragraph(
            "Ketamine given around surgery or injury is another question in other people, answered by "
            "cohorts that "
            "differ in how badly people were hurt. The pool is shown to say how little it settles."
        ),
        _forest_figure(report.answers.get("prevention_incidence")),
    )
