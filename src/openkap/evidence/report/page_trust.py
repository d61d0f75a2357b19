"""The sections that say how far to trust it: certainty, bias, integrity, methods."""

from __future__ import annotations

from html import escape

from openkap.evidence.report.addresses import address_of
from openkap.evidence.report.assemble import Report, methods
from openkap.evidence.report.blocks import (
    caution_box,
    link,
    paragraph,
    study_arm,
    table,
)
from openkap.evidence.report.sections import section
from openkap.evidence.study import Study
from openkap.evidence.wording import effect, held_back_anywhere, minus


def certainty(report: Report) -> str:
    """How certain each controlled answer is, and why."""
    rows = []
    for answer in report.answers.by_id.values():
        if answer.analysis.population == "treatment" and answer.analysis.design == "controlled":
            # A reviewer's "no concern" is as much a judgement as a step down: it is shown too.
            reasons = "; ".join(
                f"{d.name} {d.words}: {d.reason}" + ("" if d.judged_by == "rule" else f" [{d.judged_by}]")
                for d in answer.certainty.domains
                if d.level or d.judged_by != "rule"
            )
            rows.append(
                (
                    escape(answer.analysis.question),
                    f"{effect(answer)}",
                    f"<b>{escape(answer.certainty.level)}</b>",
                    reasons,
                )
            )
    return section(
        "certainty",
        paragraph(
            "Rules propose by the GRADE domains, starting from high for randomised trials; a named reviewer "
            "may override any of them."
        ),
        table(("Question", "Says", "Certainty", "Why"), rows, "Certainty by question", raw=(0, 2)),
    )


def bias(report: Report) -> str:
    """What is known of each trial's risk of bias."""
    rows = []
    for study in report.base.studies:
        if study.is_controlled:
            rob = study.risk_of_bias
            told = (
                f"{rob.overall} ({rob.tool}; {rob.judged_by}, {rob.on.isoformat()}: {rob.reason}): "
                + "; ".join(f"{k} {v}" for k, v in rob.domains.items())
                if rob
                else "not judged: no reviewer's judgement could be read, and none is made up"
            )
            rows.append(
                (
                    link(study.name, address_of(study)),
                    study.design.blinding or "not found",
                    (study.comparator or "not found").replace("_", " "),
                    lost(study),
                    told,
                )
            )
    return section(
        "bias",
        paragraph(
            "Ketamine is felt. Blinding can fail even against an active placebo, and no trial's check of "
            "blinding could be read. A trial without a judgement is rated down by the certainty rules until "
            "a named reviewer adds one to its file, with tool, domains, date and reason."
        ),
        table(
            ("Trial", "Blinding, as stated", "Comparator", "Did not complete", "Risk of bias"),
            rows,
            "Randomised trials",
        ),
    )


def lost(study: Study) -> str:
    """How many of each arm did not complete, where it was read: a fact a reviewer rates attrition by."""
    for outcome in study.outcomes:
        if outcome.domain == "acceptability" and outcome.events:
            return ", ".join(
                f"{study_arm(study, arm)}: {count} of {outcome.n[arm]}"
                for arm, count in outcome.events.items()
                if arm in outcome.n
            )
    return "not found"


def integrity(report: Report) -> str:
    """Numbers that do not add up."""
    rows = [
        (each.subject, each.check, each.severity, minus(each.sentence), each.remedy)
        for each in report.findings
    ]
    return section(
        "integrity",
        paragraph(
            "Every number passes named checks, whether an import or a person wrote it down. What fails stays "
            "visible, with the reason. A number with a contradiction enters no answer until the record is "
            "mended; an implausible or questionable one stays in, beside its finding."
        ),
        caution_box(held_back_anywhere(report.base)),
        table(
            ("Number", "Check", "Weight", "What is wrong", "What to do"),
            [tuple(map(escape, row)) for row in rows],
            "Findings",
            raw=(0, 1, 2, 3, 4),
        ),
    )


def what_was_run(report: Report) -> str:
    """What was run."""
    return section("methods", *(paragraph(each) for each in methods(report)))
