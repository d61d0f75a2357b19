"""The lead's book: every page's exhibits of one release, made once and kept beside the release as JSON.

Small numbers are hidden before the book is written, so that nothing that may not be shown is in it. A book
belongs to the data, the definitions and the evidence it was made from; when one of them changes it is made
anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from openkap import __version__
from openkap.care.insights import benchmark_pages, course_pages, outcome_pages
from openkap.care.insights.chart import Exhibit, as_exhibit
from openkap.evidence.base import Base, read_base
from openkap.registry.benchmark import Plan, evidence_fingerprint, read_plan
from openkap.registry.dataset import Dataset, open_dataset
from openkap.registry.definition import Definitions, SurvivalMeasure, read_definitions
from openkap.registry.engine import connect
from openkap.registry.query import Spells
from openkap.registry.report import Report, definitions_fingerprint, make_report

# Raised whenever the same data would be shown otherwise.
EDITION = 8
PAGES = {
    "results": "Results",
    "completeness": "Scores we have",
    "durability": "How long it lasts",
    "safety": "Safety and delivery",
    "equity": "Who gets through",
    "benchmark": "Beside the trials",
    "overrides": "Overrides",
}


@dataclass(frozen=True)
class Marks:
    """What a book was made from."""

    data: str
    definitions: str
    evidence: str
    plan: str

    @property
    def name(self) -> str:
        """A file name that is the same only for the same sources."""
        marks = (self.data[:16], self.definitions[:12], self.evidence[:12], self.plan[:12])
        return "-".join(("book", str(EDITION), __version__, *marks))


@dataclass(frozen=True)
class Book:
    """All exhibits by page, and when and from what they were made."""

    marks: Marks
    extracted_at: datetime
    as_of: date
    release: str
    exhibits: dict[str, tuple[Exhibit, ...]]


@lru_cache(maxsize=1)
def sources() -> tuple[Definitions, Base, Plan]:
    """Definitions, trials and plan, read once a process."""
    return read_definitions(), read_base(), read_plan()


def marks_of(dataset: Dataset) -> Marks:
    """What a book of this release would be made from now."""
    definitions, base, plan = sources()
    return Marks(
        dataset.fingerprint,
        definitions_fingerprint(definitions),
        evidence_fingerprint(base),
        plan.fingerprint,
    )


def read_book(root: Path) -> Book | None:
    """The book of the release in force, ``None`` where none is made; ``InputError`` without a release."""
    dataset = open_dataset(root)
    marks = marks_of(dataset)
    path = root / f"{marks.name}.json"
    return _read(str(path), path.stat().st_mtime_ns, dataset, marks) if path.exists() else None


@lru_cache(maxsize=8)
def _parsed(path: str, changed: int) -> dict[str, tuple[Exhibit, ...]]:
    raw = json.loads(Path(path).read_text(encoding="utf-8"))
    return {page: tuple(as_exhibit(each) for each in exhibits) for page, exhibits in raw["exhibits"].items()}


def _read(path: str, changed: int, dataset: Dataset, marks: Marks) -> Book:
    return Book(marks, dataset.extracted_at, dataset.as_of, dataset.release, _parsed(path, changed))


def make_book(root: Path, *, progress: Callable[[str], None] = lambda step: None) -> tuple[Book, Report]:
    """Ask every measure of the release in force and write the book beside it, whole or not at all."""
    dataset = open_dataset(root)
    definitions, base, plan = sources()
    engine = connect("duckdb", dataset, definitions, threads=1)
    report = make_report(engine, dataset, definitions, base=base, plan=plan, progress=progress)
    spells = {
        measure.id: engine.run(Spells(measure))
        for measure in definitions.measures
        if isinstance(measure, SurvivalMeasure)
    }
    exhibits: dict[str, Sequence[Exhibit]] = {
        "results": tuple(outcome_pages.results(report, definitions)),
        "completeness": tuple(outcome_pages.completeness(report, definitions)),
        "durability": tuple(course_pages.durability(report, definitions, spells)),
        "safety": tuple(course_pages.safety(report, definitions)),
        "equity": tuple(course_pages.equity(report, definitions)),
        "benchmark": tuple(benchmark_pages.benchmarks(report, definitions)),
        "overrides": tuple(course_pages.overrides(report)),
    }
    marks = marks_of(dataset)
    raw: dict[str, Any] = {
        "marks": asdict(marks),
        "exhibits": {page: [asdict(each) for each in found] for page, found in exhibits.items()},
    }
    path = root / f"{marks.name}.json"
    beside = root / f".{marks.name}-{os.getpid()}"
    beside.write_text(json.dumps(raw, ensure_ascii=False), encoding="utf-8")
    beside.replace(path)
    for old in sorted(root.glob("book-*.json"), key=lambda each: each.stat().st_mtime_ns)[:-3]:
        old.unlink(missing_ok=True)
    return _read(str(path), path.stat().st_mtime_ns, dataset, marks), report
