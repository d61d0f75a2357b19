"""The report as files: page, data, tables and figures; the same inputs give the same bytes."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from openkap.evidence.report import svg
from openkap.evidence.report.assemble import Report, answer_data, as_json, study_data
from openkap.evidence.report.maps import gap_map, prisma_flow, route_map
from openkap.evidence.report.marks import beside_forest, forest_of, funnel_of, published_forest, time_course
from openkap.evidence.report.page import page
from openkap.evidence.report.page_robustness import specification_curve
from openkap.evidence.robustness import Robustness


def report_files(report: Report) -> dict[str, str]:
    """File name to content, in name order."""
    files = {
        "report.html": page(report),
        "report.json": as_json(report),
        "claims.csv": _csv(
            [
                {
                    "id": e.claim.id,
                    "claim": e.claim.claim,
                    "verdict": e.verdict,
                    "proposed_by_rule": e.proposed,
                    "certainty": e.certainty or "",
                    "because": e.sentence,
                }
                for e in report.entries
            ]
        ),
        "answers.csv": _csv(answers_table(report)),
        "effects.csv": _csv(
            [
                {
                    "analysis": key,
                    "study": e.study,
                    "outcome": e.outcome_id,
                    "measure": e.measure,
                    "yi": f"{e.yi:.6g}",
                    "vi": f"{e.vi:.6g}",
                    "n_ketamine": e.n1,
                    "n_control": e.n2,
                    "instrument": e.instrument,
                    "time": e.time,
                    "tier": e.tier.value,
                    "how": e.how,
                    "source": " ".join(e.urls),
                    "where": e.where,
                }
                for key, answer in report.answers.by_id.items()
                for e in answer.effects
            ]
        ),
        "without_numbers.csv": _csv(
            [
                {
                    "analysis": key,
                    "study": s.study,
                    "people": s.people,
                    "said": s.said,
                    "source": " ".join(s.urls),
                }
                for key, answer in report.answers.by_id.items()
                for s in answer.silent
            ]
        ),
        "studies.csv": _csv([study_data(study) for study in report.base.records]),
        "findings.csv": _csv([finding.as_dict() for finding in report.findings]),
        "multiverse.csv": _csv(multiverse_rows(report.robustness)),
        "time_course.svg": svg.time_course(time_course(report.base, report.answers)),
        "routes.svg": svg.gap_map(route_map(report.base)),
        "gaps.svg": svg.gap_map(gap_map(report.base)),
        "flow.svg": svg.flow(prisma_flow(report.base, report.answers)),
        "beside.svg": svg.forest(beside_forest(report.answers, list(report.besides), report.syntheses)),
        "published.svg": svg.forest(
            published_forest(
                report.syntheses,
                tuple(e.id for r in report.syntheses.reviews for e in r.estimates if e.measure == "Hedges g"),
                frozenset(finding.subject for finding in report.findings),
            )
        ),
    }
    if report.robustness.multiverse:
        files["multiverse.svg"] = specification_curve(report.robustness)
    for key, answer in report.answers.by_id.items():
        files[f"forest_{key}.svg"] = svg.forest(forest_of(answer))
        marks = funnel_of(answer)
        if marks:
            files[f"{marks.id}.svg"] = svg.funnel(marks)
    return dict(sorted(files.items()))


def write_report(report: Report, folder: Path) -> list[Path]:
    """Write every file below ``folder``, which is made when it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in report_files(report).items():
        path = folder / name
        path.write_bytes(content.encode("utf-8"))
        written.append(path)
    return written


def answers_table(report: Report) -> list[dict[str, object]]:
    """Every question's answer as a flat row, for the CSV."""
    keep = (
        "question",
        "measure",
        "design",
        "population",
        "estimate",
        "interval",
        "prediction",
        "tau2",
        "i2",
        "certainty",
        "not_in",
    )
    return [
        {
            "id": key,
            "studies": len(answer.effects),
            "people": answer.people,
            "people_measured": answer.measured,
            "people_without_numbers": answer.silent_people,
            **{name: answer_data(answer)[name] for name in keep},
        }
        for key, answer in report.answers.by_id.items()
    ]


def multiverse_rows(held: Robustness) -> list[dict[str, Any]]:
    """One row a fit: the choices, and what they gave."""
    fits = held.multiverse
    if fits is None:
        return []
    numbers = ("estimate", "ci_low", "ci_high", "p_value", "tau2", "k")
    return [
        {name: taken[at] for name, taken in fits.choices.items()}
        | {name: float(getattr(fits, name)[at]) for name in numbers}
        for at in range(fits.size)
    ]


def _csv(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return "; ".join(_cell(each) for each in value)
    text = str(value)
    # A spreadsheet would run a cell that begins like a formula.
    return f"'{text}" if text[:1] in "=+@" else text
