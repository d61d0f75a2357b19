"""The section of published pools: each as printed, with its side and what to know of it."""

from __future__ import annotations

from openkap.evidence.report.addresses import address_of
from openkap.evidence.report.assemble import Report
from openkap.evidence.report.blocks import figure, link, paragraph, table
from openkap.evidence.report.forest_table import forest_table
from openkap.evidence.report.marks import published_forest
from openkap.evidence.report.sections import section
from openkap.evidence.syntheses import Estimate, Synthesis


def published(report: Report) -> str:
    """Published pools beside ours, as printed."""
    flagged = frozenset(finding.subject for finding in report.findings)
    ids = tuple(
        estimate.id
        for review in report.syntheses.reviews
        for estimate in review.estimates
        if estimate.measure == "Hedges g"
    )
    rows = [
        (
            link(review.name, address_of(review)),
            review.sentence(estimate),
            _cautions(report, review, estimate),
        )
        for review in report.syntheses.reviews
        for estimate in review.estimates
        if estimate.measure != "Hedges g"
    ]
    unusable = [review for review in report.syntheses.reviews if not review.usable_pool]
    return section(
        "published",
        figure(
            forest_table(published_forest(report.syntheses, ids, flagged)),
            f"Exactly as printed. {_of_standardised(report)}".strip(),
        ),
        table(("Review", "As printed", "Caution"), rows, "Published pools on raw scales and of counts"),
        paragraph(
            f"{len(unusable)} further reviews gave no pooled value that could be read: "
            + ", ".join(review.name for review in unusable)
            + ".",
            "small",
        ),
    )


def _cautions(report: Report, review: Synthesis, estimate: Estimate) -> str:
    """What to know of one printed value: the gate's finding, else its note, then of the whole review."""
    flag = report.flag(estimate.id)
    told = [f"⚑ {flag}" if flag else estimate.note or "", *estimate.caveats]
    told += [f"Of the whole review: {'; '.join(review.caveats)}"] if review.caveats else []
    return " ".join(f"{each[:1].upper()}{each[1:].rstrip('.')}." for each in told if each)


def _of_standardised(report: Report) -> str:
    """The cautions of the reviews whose values stand in the figure."""
    reviews = [
        review
        for review in report.syntheses.reviews
        if any(estimate.measure == "Hedges g" for estimate in review.estimates)
    ]
    return " ".join(f"{review.name}: {'; '.join(review.caveats)}." for review in reviews if review.caveats)
