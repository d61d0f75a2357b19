"""What ketamine is seen beside: psychotherapy and MDMA trials in PTSD, and whether a network connects.

The comparator files come through the Metapsy importer. Where the trials share no treatment, an indirect
comparison has no ground: the answers then stand side by side with a warning, and no difference is computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from openkap.core.content import SHIPPED, Schema, Tally, read_document
from openkap.core.errors import DomainError, InputError
from openkap.evidence.base import Base
from openkap.evidence.importers.metapsy import Comparison, read_metapsy
from openkap.evidence.pooling import Pooled, pool
from openkap.evidence.study import Arm


class Choice(Schema):
    """Which of several rows of one study is taken."""

    lowest: str
    highest: str


class Comparator(Schema):
    """One data file and how it is read."""

    id: str
    label: str
    folder: str
    favours: Literal["positive", "negative"]
    keep: dict[str, tuple[str, ...]]
    choose: Choice | None = None
    by: str | None = None
    attribution: str
    search_to: str
    studies: int
    grade: str
    sources: tuple[str, ...]
    nodes: dict[str, str] = Field(default_factory=dict)


class _File(Schema):
    comparators: tuple[Comparator, ...]


@dataclass(frozen=True)
class Trial:
    """One comparator study, positive favouring its treatment."""

    study: str
    yi: float
    vi: float
    control: str
    rob: str | None


@dataclass(frozen=True)
class Beside:
    """A comparator pooled; ``by_control`` splits it by what the control group got."""

    comparator: Comparator
    trials: tuple[Trial, ...]
    pooled: Pooled
    by_control: dict[str, Pooled]
    skipped: int


def read_comparators(root: Path = SHIPPED) -> tuple[Comparator, ...]:
    """How the comparator files are to be read."""
    return read_document(root / "comparators" / "comparators.yaml").parse(_File).comparators


def beside(comparator: Comparator, root: Path = SHIPPED) -> Beside:
    """One comparator, read through the Metapsy importer and pooled."""
    path = root / "comparators" / comparator.folder / "data.csv"
    rows = read_metapsy(path.read_text(encoding="utf-8-sig"), comparator.folder)
    found = {row.study for row in rows}
    if len(found) != comparator.studies:
        raise InputError(
            "the comparator file holds another number of studies than stated",
            value=len(found),
            limit=str(comparator.studies),
            remedy="correct comparators.yaml, or restore the file",
            where=str(path),
        )
    kept = [row for row in rows if _kept(row, comparator)]
    usable = [row for row in kept if row.g is not None and row.g_se is not None]
    studies: dict[str, list[Comparison]] = {}
    for row in usable:
        studies.setdefault(row.study, []).append(row)
    trials = tuple(_trial(name, members, comparator) for name, members in sorted(studies.items()))
    by_control: dict[str, Pooled] = {}
    if comparator.by:
        for control in sorted({trial.control for trial in trials}):
            members = [trial for trial in trials if trial.control == control]
            if len(members) >= 2:
                by_control[control] = _pool(members)
    return Beside(comparator, trials, _pool(trials), by_control, len(found) - len(studies))


def _pool(trials: Sequence[Trial]) -> Pooled:
    return pool(
        [trial.yi for trial in trials],
        [trial.vi for trial in trials],
        "REML",
        "knha",
        labels=[trial.study for trial in trials],
    )


def _kept(row: Comparison, comparator: Comparator) -> bool:
    cells = row.row.cells
    return all((cells.get(column) or "").strip() in values for column, values in comparator.keep.items())


def _trial(study: str, rows: list[Comparison], comparator: Comparator) -> Trial:
    if comparator.choose:
        choice = comparator.choose
        rows = sorted(
            rows, key=lambda r: (r.row.number(choice.lowest) or 0, -(r.row.number(choice.highest) or 0))
        )[:1]
    sign = 1 if comparator.favours == "positive" else -1
    yi = [sign * (row.g or 0.0) for row in rows]
    vi = [(row.g_se or math.nan) ** 2 for row in rows]
    controls = sorted({row.arm2 for row in rows})
    return Trial(study, sum(yi) / len(yi), sum(vi) / len(vi), controls[0], rows[0].rob)


@dataclass(frozen=True)
class Connection:
    """The parts a network falls into; one part means it connects."""

    parts: tuple[tuple[str, ...], ...]

    @property
    def connects(self) -> bool:
        """True when every treatment can be reached from every other."""
        return len(self.parts) == 1

    @property
    def sentence(self) -> str:
        """What that means for a reader."""
        if self.connects:
            return "The trials share treatments, so an indirect comparison is possible."
        told = "; ".join(", ".join(part) for part in self.parts)
        return (
            f"The network falls into {len(self.parts)} parts that share no treatment ({told}). No difference "
            "between parts is computed: populations, controls and blinding differ, and nothing ties them "
            "together."
        )


def connection(base: Base, besides: Iterable[Beside]) -> Connection:
    """Does ketamine's network of randomised trials meet the comparators'?"""
    edges: list[tuple[str, str]] = []
    for study in base.studies:
        if study.is_controlled:
            treated = [arm_node(arm) for arm in study.arms if arm.role == "intervention"]
            control = [arm_node(arm) for arm in study.arms if arm.role == "comparator"]
            edges += [(one, other) for one in treated for other in control]
    for each in besides:
        nodes = each.comparator.nodes
        for trial in each.trials:
            edges.append((nodes["treatment"], nodes.get("control", trial.control.lower())))
    return Connection(parts_of(edges))


# What a group without a drug is called in the psychotherapy file.
_WITHOUT_DRUG = (("wait", "waitlist"), ("usual", "tau"))


def arm_node(arm: Arm) -> str:
    """The treatment an arm stands for in the network; therapy alone is the psychotherapy node."""
    if arm.drug in (None, "no drug", "none"):
        if arm.psychotherapy:
            return "psychotherapy"
        label = arm.label.lower()
        return next((node for word, node in _WITHOUT_DRUG if word in label), "no drug")
    return f"{arm.drug}{' with therapy' if arm.psychotherapy else ''}"


def parts_of(edges: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    """The connected parts of a network given by its comparisons."""
    groups: list[set[str]] = []
    for one, other in edges:
        meeting = [group for group in groups if one in group or other in group]
        groups = [group for group in groups if group not in meeting]
        groups.append(set().union({one, other}, *meeting))
    return tuple(sorted(tuple(sorted(group)) for group in groups))


def tally_comparators(root: Path) -> Tally:
    """How many comparator studies there are of which tier."""
    tally = Tally("comparator studies")
    try:
        if (root / "comparators").exists():
            for comparator in read_comparators(root):
                for _ in beside(comparator, root).trials:
                    tally.add(comparator.grade)
    except DomainError as error:
        tally.errors.append(error)
    return tally
