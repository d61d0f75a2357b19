"""The sections that show effects: our pools, and what stands beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from html import escape

from openkap.evidence.pooling import Pooled
from openkap.evidence.report import svg
from openkap.evidence.report.assemble import Report
from openkap.evidence.report.blocks import (
    caution_box,
    figure,
    inline,
    left_out_table,
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
    time_course,
)
from openkap.evidence.report.sections import section
from openkap.evidence.wording import effect, held_back, mixed, normal_theory, own_said, unstandardised


def _forest_figure(
    report: Report, name: str, limits: tuple[float, float] | None = None, more: str = ""
) -> str:
    answer = report.answers.get(name)
    how = "; ".join(f"{each.study}: {each.how}" for each in answer.effects)
    doubts = _doubts(answer.pooled) if answer.pooled else ""
    told = (
        f"Certainty: {answer.certainty.level}.",
        f"{how}." if how else "",
        normal_theory(answer),
        own_said(answer),
        unstandardised(answer),
        f"The fit's own doubts: {doubts}." if doubts else "",
        more,
    )
    marks = forest_of(answer, limits, report.addresses)
    drawn = figure(forest_table(marks), " ".join(each for each in told if each))
    return drawn + caution_box(mixed(answer)) + caution_box(held_back(answer)) + left_out_table(answer)


def _doubts(pooled: Pooled) -> str:
    """Why one might doubt a fit; of two studies no prediction interval is drawn, so none is doubted."""
    shown = (each for each in pooled.warnings if each.code != "prediction_interval" or pooled.k > 2)
    return "; ".join(each.text for each in shown)


def controlled(report: Report) -> str:
    """Randomised trials: severity over time and by cluster."""
    get = report.answers.get
    end, scale = get("severity_end"), (-1.6, 2.2)
    parts = [
        paragraph(f"At the end of a course of about one to two weeks: {effect(end)}."),
        loud_box(end),
        _forest_figure(report, "severity_end", scale),
        _forest_figure(report, "severity_day_1"),
        _forest_figure(report, "severity_month_1", scale),
        _forest_figure(report, "severity_month_3", scale),
        "<h3>By symptom cluster, end of the course</h3>",
    ]
    names = ("intrusion_end", "avoidance_end", "mood_end", "arousal_end")
    rows = [row for name in names for row in _cluster_rows(report, name)]
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
    for name in names:
        parts += [caution_box(mixed(get(name))), caution_box(held_back(get(name))), left_out_table(get(name))]
    return section("controlled", *parts)


def _cluster_rows(report: Report, name: str) -> Iterable[ForestRow]:
    answer = report.answers.get(name)
    cluster = answer.analysis.cluster.replace("negative_cognition_mood", "negative mood and cognition")
    for row in forest_of(answer, addresses=report.addresses).rows:
        if row.kind != "silent" or row.study_id:
            yield replace(row, label=f"{cluster[:1].upper()}{cluster[1:]}: {row.label}")


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
    return section(
        "other",
        _forest_figure(
            report,
            "response_end",
            None,
            "The two trials define response differently: a 30% fall on CAPS-5, and a fall of 10 points on "
            "PCL-5.",
        ),
        _forest_figure(report, "noncompletion"),
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
    return section(
        "uncontrolled",
        paragraph(
            "These studies show how far scores fell, not what ketamine did: people enter when they are at "
            "their worst, "
            "expect much, and get attention and often therapy. They are never pooled with trials and "
            "support no claim."
        ),
        _forest_figure(report, answer.analysis.id, None, more),
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
    doubts = " ".join(
        f"{each.comparator.label}: {told}." for each in report.besides if (told := _doubts(each.pooled))
    )
    return section(
        "beside",
        _joined(report),
        f'<p class="loud" role="note"><b>Not a comparison.</b> {escape(report.connection.sentence)}</p>',
        figure(
            forest_table(beside_forest(report.answers, list(report.besides), report.syntheses)),
            f"{waiting} of the psychotherapy trials compare with a waiting list, MDMA and ketamine trials "
            "with placebo "
            "or an active drug: a larger number here is not a better treatment. Dashed: prediction interval. "
            f"The fits' own doubts: {doubts}",
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
        _forest_figure(report, "prevention_incidence"),
    )
