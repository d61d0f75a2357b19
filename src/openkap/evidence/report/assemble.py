"""Everything the report says, as data: the page, the CSV and the diff are made from this and nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy
import scipy

import openkap
from openkap.core.content import SHIPPED
from openkap.evidence.answers import Answer, Answers, answer_all
from openkap.evidence.base import Base, read_base
from openkap.evidence.beside import Beside, Connection, beside, connection, read_comparators
from openkap.evidence.choice import RULE
from openkap.evidence.claims import AREAS, Entry, judge_claims, read_claims
from openkap.evidence.integrity import check_base
from openkap.evidence.integrity_finding import Finding
from openkap.evidence.integrity_pools import check_syntheses
from openkap.evidence.joined import Joined, join
from openkap.evidence.plan import read_plan
from openkap.evidence.report.addresses import address_of
from openkap.evidence.robustness import Robustness, robustness
from openkap.evidence.robustness_words import as_data as robustness_data
from openkap.evidence.ruling import Held
from openkap.evidence.scales import read_scales
from openkap.evidence.study import Study
from openkap.evidence.syntheses import Syntheses, read_syntheses
from openkap.evidence.wording import (
    behind,
    effect,
    held_back_anywhere,
    loud,
    minus,
    mixed,
    normal_theory,
    number,
    own_said,
)

LARGEST_SILENT = "severity_end"


@dataclass(frozen=True)
class Report:
    """All parts of the report, computed."""

    base: Base
    answers: Answers
    syntheses: Syntheses
    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...]
    besides: tuple[Beside, ...]
    connection: Connection
    joined: Joined | None
    robustness: Robustness
    as_of: date
    root: Path

    @property
    def fingerprint(self) -> str:
        """One hash over all inputs: same inputs, same report."""
        names = ("analyses.yaml", "claims.yaml", "syntheses.yaml", "outcome_scales.yaml")
        parts = [hashlib.sha256((self.root / name).read_bytes()).hexdigest() for name in names]
        parts += [f"{key}={value}" for key, value in self.base.fingerprints.items()]
        return hashlib.sha256("\n".join([*parts, self.as_of.isoformat()]).encode()).hexdigest()[:16]

    @property
    def addresses(self) -> dict[str, str | None]:
        """Where each study is found, by its id."""
        return {study.id: address_of(study) for study in self.base.studies}

    def flag(self, estimate_id: str) -> str:
        """What the gate says of a published value, to stand beside it; empty when nothing."""
        found = (f"{f.check}: {minus(f.sentence)}" for f in self.findings if f.subject == estimate_id)
        return "; ".join(found)

    def data(self) -> dict[str, Any]:
        """The report as JSON: sentences, numbers, verdicts; what ``diff`` compares."""
        return {
            "as_of": self.as_of.isoformat(),
            "fingerprint": self.fingerprint,
            "headline": list(headline(self)),
            "claims": [
                {
                    **(data := entry.as_dict()),
                    "published": [{**p, "flag": self.flag(p["id"])} for p in data["published"]],
                }
                for entry in self.entries
            ],
            "answers": {key: answer_data(answer) for key, answer in self.answers.by_id.items()},
            "beside": {each.comparator.id: _beside_data(each) for each in self.besides},
            "connection": self.connection.sentence,
            "joined": None
            if self.joined is None
            else {
                "sentence": self.joined.sentence,
                "against": [asdict(each) for each in self.joined.against],
            },
            "robustness": robustness_data(self.robustness),
            "findings": [finding.as_dict() for finding in self.findings],
            "studies": [study_data(study) for study in self.base.records],
            "methods": list(methods(self)),
        }


def build(*, as_of: date, extra: tuple[Path, ...] = (), root: Path = SHIPPED) -> Report:
    """Read, compute and judge everything.

    Parameters
    ----------
    as_of : the day the report speaks of; handed in, so that the same inputs give the same bytes.
    extra : folders of further study files, as ``import`` writes them.
    root : the content folder.
    """
    scales = read_scales(root / "outcome_scales.yaml")
    base = read_base(root / "trials", *extra, scales=scales)
    syntheses = read_syntheses(root / "syntheses.yaml")
    answers = answer_all(base, read_plan(root / "analyses.yaml"))
    besides = tuple(beside(each, root) for each in read_comparators(root))
    return Report(
        base=base,
        answers=answers,
        syntheses=syntheses,
        entries=judge_claims(read_claims(root / "claims.yaml"), Held(base, answers, syntheses)),
        findings=(*check_base(base, scales), *check_syntheses(syntheses, base, scales)),
        besides=besides,
        connection=connection(base, besides),
        joined=join(base, answers, besides),
        robustness=robustness(base, answers),
        as_of=as_of,
        root=root,
    )


def headline(report: Report) -> tuple[str, ...]:
    """What a reader in a hurry must not miss, in the order it matters."""
    main = report.answers.get(LARGEST_SILENT)
    review, pooled = report.syntheses.estimate("borgogna2024_all")
    _, adjusted = report.syntheses.estimate("borgogna2024_bias_adjusted")
    randomised = [study for study in report.base.studies if study.is_controlled and not study.retracted]
    people = sum(study.sample.largest or 0 for study in randomised)
    sentences = [
        (
            f"{len(randomised)} randomised treatment trials with {people} people are known; "
            f"{len(main.effects)} "
            "of them, with "
            f"{main.people} people ({main.measured} of them measured), give a usable number "
            "for PTSD severity at the end of a course."
        ),
        " ".join(
            each for each in (f"From those: {effect(main)}.", normal_theory(main), own_said(main)) if each
        ),
    ]
    sentences += [each for each in (loud(main), mixed(main), held_back_anywhere(report.base)) if each]
    sentences.append(
        f"The most complete published pool gives Hedges g {number(float(pooled.estimate or 0))} "
        f"({number(float(pooled.ci_low or 0))} to {number(float(pooled.ci_high or 0))}), "
        f"{review.side(pooled)}, and "
        f"{number(float(adjusted.estimate or 0))} ({number(float(adjusted.ci_low or 0))} to "
        f"{number(float(adjusted.ci_high or 0))}) after adjustment for bias: both "
        "small, and the adjusted one compatible with no effect."
    )
    counts = {
        verdict: sum(entry.verdict == verdict for entry in report.entries)
        for verdict in ("supported", "mixed", "not supported", "cannot be judged")
    }
    efficacy = [entry for entry in report.entries if entry.claim.area == "efficacy"]
    supported = [entry.claim.id for entry in efficacy if entry.verdict == "supported"]
    sentences.append(
        f"Of {len(report.entries)} claims {counts['supported']} are supported{_which(report.entries)}, "
        f"{counts['mixed']} mixed, "
        f"{counts['not supported']} not supported and {counts['cannot be judged']} cannot be judged from "
        "what is held; "
        + (
            f"efficacy claims supported: {', '.join(supported)}."
            if supported
            else "no claim of efficacy is supported."
        )
    )
    return tuple(sentences)


def _which(entries: tuple[Entry, ...]) -> str:
    """The supported claims by area: what consent must say and what is missing is no praise of a drug."""
    by_area: dict[str, list[str]] = {}
    for entry in entries:
        if entry.verdict == "supported":
            by_area.setdefault(AREAS.get(entry.claim.area, entry.claim.area).lower(), []).append(
                entry.claim.id
            )
    told = "; ".join(f"{area}: {', '.join(ids)}" for area, ids in by_area.items())
    return f" ({told})" if told else ""


def answer_data(answer: Answer) -> dict[str, Any]:
    """One answer with everything in it, out of it and silent."""
    return {
        "question": answer.analysis.question,
        "measure": answer.analysis.measure,
        "design": answer.analysis.design,
        "population": answer.analysis.population,
        "says": effect(answer),
        "from": behind(answer) if answer.effects else "no study with numbers",
        "not_in": loud(answer),
        "estimate": answer.shown(answer.estimate) if answer.estimate is not None else None,
        "interval": [answer.shown(each) for each in answer.interval] if answer.interval else None,
        "prediction": [
            answer.shown(answer.pooled.prediction_low),
            answer.shown(answer.pooled.prediction_high),
        ]
        if answer.pooled and answer.pooled.k > 2
        else None,
        "tau2": answer.pooled.tau2 if answer.pooled else None,
        "i2": answer.pooled.i2 if answer.pooled else None,
        "effects": [
            {**asdict(each), "tier": each.tier.value, "urls": list(each.urls)} for each in answer.effects
        ],
        "left_out": [
            {"study": e.study, "outcome": e.outcome_id, "reason": e.reason, "held_back": e.held_back}
            for e in answer.left_out
        ],
        "silent": [asdict(each) for each in answer.silent],
        "certainty": answer.certainty.level,
        "domains": [
            {"name": d.name, "level": d.level, "reason": d.reason, "judged_by": d.judged_by}
            for d in answer.certainty.domains
        ],
        "mixed_scores": answer.mixed_scores,
        "doubts": [each.text for each in answer.pooled.warnings] if answer.pooled else [],
    }


def _beside_data(each: Beside) -> dict[str, Any]:
    return {
        "label": each.comparator.label,
        "attribution": each.comparator.attribution,
        "search_to": each.comparator.search_to,
        "studies": len(each.trials),
        "estimate": each.pooled.estimate,
        "interval": [each.pooled.ci_low, each.pooled.ci_high],
        "prediction": [each.pooled.prediction_low, each.pooled.prediction_high],
        "i2": each.pooled.i2,
        "by_control": {name: [p.estimate, p.ci_low, p.ci_high, p.k] for name, p in each.by_control.items()},
    }


def study_data(study: Study) -> dict[str, Any]:
    """One record, as much as a table of studies shows."""
    citation = study.citation
    return {
        "id": study.id,
        "name": study.name,
        "record": study.record,
        "group": study.group.value,
        "title": citation.title,
        "journal": citation.journal,
        "doi": citation.doi,
        "pmid": citation.pmid,
        "registrations": list(citation.registrations),
        "design": study.design.type,
        "people": study.sample.largest,
        "drug": ", ".join(
            dict.fromkeys(arm.drug for arm in study.arms if arm.role == "intervention" and arm.drug)
        ),
        "route": ", ".join(
            dict.fromkeys(arm.route for arm in study.arms if arm.role == "intervention" and arm.route)
        ),
        "comparator": ", ".join(
            dict.fromkeys(arm.drug for arm in study.arms if arm.role == "comparator" and arm.drug)
        ),
        "doses": ", ".join(
            dict.fromkeys(
                str(arm.administrations)
                for arm in study.arms
                if arm.role == "intervention" and arm.administrations
            )
        ),
        "therapy": ", ".join(dict.fromkeys(a.psychotherapy.type for a in study.arms if a.psychotherapy)),
        "risk_of_bias": study.risk_of_bias.overall if study.risk_of_bias else None,
        "overlap": study.overlap,
        "retracted": study.retracted.notice if study.retracted else None,
        "missing": list(study.missing),
        "url": address_of(study),
        "tier": study.tier_of(study.places).value,
    }


def methods(report: Report) -> tuple[str, ...]:
    """The methods section, written from what was run."""
    plan = report.answers.plan
    limits = plan.certainty
    pools = [a for a in report.answers.by_id.values() if a.pooled]
    r = plan.prepost_correlation
    other = [s.name for s in report.base.studies if s.is_controlled and s.sample.randomised is None]
    ran = ", ".join(sorted({f"{a.pooled.method} with the {a.pooled.test} test" for a in pools if a.pooled}))
    return (
        (
            f"{len(report.base.records)} records were read from sources named beside each value; no value "
            "was "
            "filled in. "
            f"{len(plan.analyses)} questions were fixed beforehand in analyses.yaml. Controlled and "
            "uncontrolled studies, "
            "and treatment and prevention, were never pooled together. Of studies that probably share "
            "patients "
            "at most one "
            "entered a pool."
        ),
        (
            f"{len(pools)} questions had two or more effects and were pooled ({ran}: restricted maximum "
            "likelihood for tau², "
            "Knapp-Hartung intervals with a t distribution). A question with one effect shows that effect "
            "alone. Standardised "
            "differences are Hedges g, turned so that positive favours ketamine; ratios were pooled as "
            "logarithms."
        ),
        (
            f"For single groups without a printed spread of the change a correlation of {r.value} between "
            "before and after was "
            f"assumed and varied from {r.low} to {r.high}."
        ),
        RULE,
        report.robustness.methods,
        "Certainty follows the GRADE domains by fixed rules, open to override by a named reviewer. Limits: "
        + "; ".join(
            f"{name.replace('_', ' ')} {getattr(limits, name).value} ({getattr(limits, name).why})"
            for name in type(limits).model_fields
        )
        + ".",
        "People are counted as randomised; where that number was not found as enrolled, else as analysed"
        + (f" ({', '.join(other)})" if other else "")
        + ". Where another number was measured, it stands beside that count.",
        f"Every number passed an integrity gate; {len(report.findings)} findings stand in this report.",
        (
            "Comparators were read by the Metapsy importer and pooled in the same way; several rows of one "
            "study were "
            "averaged, or one was chosen by a stated rule."
        ),
        (
            f"OpenKAP {openkap.__version__}, numpy {numpy.__version__}, scipy {scipy.__version__}. Inputs "
            f"{report.fingerprint}."
        ),
    )


def as_json(report: Report) -> str:
    """The data with sorted keys and rounded floats, so that the bytes are the same everywhere."""
    return (
        json.dumps(_rounded(report.data()), indent=1, sort_keys=True, ensure_ascii=False, default=str) + "\n"
    )


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.10g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
