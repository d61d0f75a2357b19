"""The questions of content/analyses.yaml and the assumptions they share, fixed beforehand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field

from openkap.core.content import SHIPPED, Schema, Tally, read_document
from openkap.core.errors import DomainError
from openkap.evidence.grade import CertaintyLimits, Limit, Override
from openkap.evidence.study import Window


class Analysis(Schema):
    """One question: which outcomes of which studies, on which measure."""

    id: str
    question: str
    population: Literal["treatment", "prevention"]
    design: Literal["controlled", "uncontrolled"]
    domain: str
    cluster: str
    windows: tuple[Window, ...]
    measure: Literal["SMD", "MD", "RR", "change"]
    instruments: tuple[str, ...] = ()


class Assumed(Schema):
    """A number that is assumed, with the range it is varied over."""

    value: Decimal
    low: Decimal
    high: Decimal
    why: str


class RobustnessPlan(Schema):
    """How one question is asked again in other ways; every limit is set before looking."""

    analysis: str
    tau_prior_scale: Assumed
    tau2_max: Limit
    sequence_prior_sd: Limit
    power: Limit


class Plan(Schema):
    """All questions, and the assumptions they share."""

    analyses: tuple[Analysis, ...]
    aim_days: dict[Window, Limit] = Field(default_factory=dict)
    prepost_correlation: Assumed
    robustness: RobustnessPlan
    certainty: CertaintyLimits
    overrides: tuple[Override, ...] = Field(default=())


def read_plan(path: Path | None = None) -> Plan:
    """The shipped questions, or those of another file."""
    document = read_document(path or SHIPPED / "analyses.yaml")
    plan = document.parse(Plan)
    ids = [analysis.id for analysis in plan.analyses]
    for at, name in enumerate(ids):
        if name in ids[:at]:
            raise document.error("an analysis stands twice", ("analyses", at), value=name)
    if plan.robustness.analysis not in ids:
        raise document.error(
            "no such analysis to ask again", ("robustness", "analysis"), value=plan.robustness.analysis
        )
    for at, each in enumerate(plan.overrides):
        if each.analysis not in ids:
            raise document.error("a judgement on no analysis", ("overrides", at), value=each.analysis)
    return plan


def tally_plan(root: Path) -> Tally:
    """How many questions there are, and whether the file loads."""
    tally = Tally("questions computed")
    path = root / "analyses.yaml"
    try:
        if path.exists():
            for _ in read_plan(path).analyses:
                tally.add()
    except DomainError as error:
        tally.errors.append(error)
    return tally
