"""The report's questions are known beforehand, so that the engine never waits for the statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from generated import Trouble, write

from openkap.registry.ahead import mark
from openkap.registry.definition import read_definitions
from openkap.registry.engine import DuckEngine
from openkap.registry.query import Query
from openkap.registry.report import make_report, report_queries

DEFINITIONS = read_definitions()


class Recorder:
    """Passes every question on and keeps a list."""

    def __init__(self, engine: DuckEngine) -> None:
        self.name, self.engine, self.asked = engine.name, engine, []  # type: ignore[var-annotated]

    def run(self, query: Query) -> Any:
        self.asked.append(mark(query))
        return self.engine.run(query)

    def columns(self, query: Query) -> Any:
        self.asked.append(mark(query))
        return self.engine.columns(query)


def test_a_report_asks_what_was_foreseen_and_nothing_else(tmp_path: Path) -> None:
    dataset = write(tmp_path, *(Trouble(seed, offset=(seed + 1) * 1_000_000).build() for seed in range(3)))
    recorder = Recorder(DuckEngine(dataset, DEFINITIONS, threads=1))
    make_report(recorder, dataset, DEFINITIONS)
    assert recorder.asked == [mark(query) for query in report_queries(DEFINITIONS)]
