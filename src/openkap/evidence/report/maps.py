"""What has been studied, as numbers: evidence maps and the flow of records."""

from __future__ import annotations

from dataclasses import dataclass

from openkap.evidence.answers import Answers
from openkap.evidence.base import Base
from openkap.evidence.study import Group, Study, Window


@dataclass(frozen=True)
class GapCell:
    """One cell of an evidence map."""

    row: str
    column: str
    studies: tuple[str, ...]
    people: int


@dataclass(frozen=True)
class GapMap:
    """Rows and columns in order; a cell that is missing is a gap."""

    id: str
    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[GapCell, ...]

    def cell(self, row: str, column: str) -> GapCell | None:
        """The cell, or ``None`` for a gap."""
        return next((each for each in self.cells if (each.row, each.column) == (row, column)), None)


DESIGNS = ("randomised", "no control group", "registered, no results")


ROUTES = ("IV", "IM", "intranasal", "sublingual", "oral", "SC")


def _design(study: Study) -> str | None:
    if study.is_prevention or study.record == "companion":
        return None
    if study.is_controlled:
        return DESIGNS[0]
    if study.group is Group.REGISTERED:
        return DESIGNS[2]
    if study.group in (Group.EFFICACY_UNCONTROLLED, Group.OBSERVATIONAL, Group.CASE_SERIES):
        return DESIGNS[1]
    return None


def route_map(base: Base) -> GapMap:
    """Studies and people by route and design."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for study in base.studies:
        design = _design(study)
        for arm in study.arms:
            if design and arm.role == "intervention" and arm.route:
                for route in ROUTES:
                    if route in arm.route:
                        people = study.sample.largest or study.sample.planned or 0
                        found.setdefault((route, design), {})[study.name] = people
    return GapMap("routes", "Studies and people by route", ROUTES, DESIGNS, _cells(found))


def gap_map(base: Base) -> GapMap:
    """Randomised trials by outcome and time, in numbers or in words."""
    domains = ("ptsd", "depression", "dissociation", "acceptability", "durability", "imaging")
    windows = (
        Window.ACUTE,
        Window.DAY_1,
        Window.END_OF_COURSE,
        Window.MONTH_1,
        Window.MONTH_3,
        Window.LATER,
        Window.UNCLEAR,
    )
    found: dict[tuple[str, str], dict[str, int]] = {}
    for study in base.studies:
        if study.is_controlled:
            for outcome in study.outcomes:
                if outcome.kind == "qualitative" or outcome.unsettled or outcome.domain not in domains:
                    continue
                for window in {outcome.time.window, *outcome.time.covers} & set(windows):
                    found.setdefault((outcome.domain, window.words), {})[study.name] = (
                        study.sample.largest or 0
                    )
    return GapMap(
        "gaps",
        "Randomised trials with numbers, by outcome and time",
        domains,
        tuple(window.words for window in windows),
        _cells(found),
    )


def _cells(found: dict[tuple[str, str], dict[str, int]]) -> tuple[GapCell, ...]:
    return tuple(
        GapCell(row, column, tuple(sorted(names)), sum(names.values()))
        for (row, column), names in sorted(found.items())
    )


@dataclass(frozen=True)
class FlowBox:
    """A box of the flow diagram; ``aside`` is what left there."""

    text: str
    count: int
    aside: str = ""


def prisma_flow(base: Base, answers: Answers) -> tuple[FlowBox, ...]:
    """From all records held to those in the main pool. Searching and screening counts are not held."""
    records = [r for r in base.records if r.group is not Group.OTHER_QUESTION]
    stubs = [r for r in records if r.record == "stub"]
    companions = [r for r in records if r.companion_of]
    own = [r for r in base.studies if r.group is not Group.OTHER_QUESTION]
    studies = [r for r in own if r.record == "study"]
    registered = [r for r in own if r.record == "registration"]
    prevention = [r for r in studies if r.is_prevention]
    treatment = [r for r in studies if not r.is_prevention]
    randomised = [r for r in treatment if r.is_controlled]
    main = answers.get("severity_end")
    return (
        FlowBox(
            "records held",
            len(records),
            f"{len(stubs)} known by name only; {len(companions)} companion reports",
        ),
        FlowBox(
            "studies and registrations",
            len(studies) + len(registered),
            f"{len(registered)} registered, no results",
        ),
        FlowBox("studies with a report", len(studies), f"{len(prevention)} on prevention, kept apart"),
        FlowBox(
            "treatment studies",
            len(treatment),
            f"{len(treatment) - len(randomised)} without randomised control, kept apart",
        ),
        FlowBox(
            "randomised trials",
            len(randomised),
            f"{len(main.silent)} gave no usable severity number at the end of the course",
        ),
        FlowBox("in the main pool", len(main.effects)),
    )
