"""Times of one run: the whole report, site curves beside lifelines, and Spark told apart from its start.

``python benchmarks/registry/report.py --patients 58483 --sessions 1486213 --spark`` (10 x with 584830, 14862130).
Each figure is wall clock and, where this process did the work, processor time: on a busy machine only the second
can be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from openkap.evidence.base import read_base
from openkap.registry.benchmark import read_plan
from openkap.registry.dataset import open_dataset
from openkap.registry.definition import read_definitions
from openkap.registry.engine import SparkEngine, connect, spark_session
from openkap.registry.report import make_report
from openkap.registry.survival import count_by_day, kaplan_meier
from openkap.registry.synth import World, synthesise


def timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    wall, cpu = time.perf_counter(), time.process_time()
    value = work()
    return value, {
        "wall_s": round(time.perf_counter() - wall, 3),
        "cpu_s": round(time.process_time() - cpu, 3),
    }


def site_curves(sites: int = 178, people: int = 58_408) -> dict[str, Any]:
    """178 curves with limits, ours and lifelines', from the same rows; both must agree."""
    from lifelines import KaplanMeierFitter

    rng = np.random.default_rng(1)
    site, day = rng.integers(0, sites, people), rng.integers(1, 366, people)
    event = rng.random(people) < 0.6

    def ours() -> Any:
        events, at_risk = count_by_day(site, day, event, np.ones(people), sites, 366)
        return kaplan_meier(events, at_risk)

    def theirs() -> list[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [KaplanMeierFitter().fit(day[site == k], event[site == k]) for k in range(sites)]

    mine, own = timed(ours)
    others, peer = timed(theirs)
    worst = max(
        abs(float(fit.predict(t)) - mine.value[k, t]) for k, fit in enumerate(others) for t in (30, 180, 300)
    )
    return {"ours": own, "lifelines": peer, "largest_difference": worst}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=58_483)
    parser.add_argument("--sessions", type=int, default=1_486_213)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--spark", action="store_true")
    parser.add_argument("--curves", action="store_true")
    chosen = parser.parse_args()
    root = chosen.root or Path(tempfile.mkdtemp())
    figures: dict[str, Any] = {"cores": os.cpu_count(), "load": os.getloadavg()}
    if not (root / "current").exists():
        world = World(patients=chosen.patients, sessions=chosen.sessions, sites=178)
        _, figures["synth"] = timed(lambda: synthesise(root, world))
    definitions, dataset = read_definitions(), open_dataset(root)
    base, plan = read_base(), read_plan()
    figures["sessions"] = dataset.rows("session")
    connection = connect("duckdb", dataset, definitions)
    _, figures["duckdb"] = timed(lambda: make_report(connection, dataset, definitions, base=base, plan=plan))
    figures["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if chosen.spark:
        session, figures["spark_start"] = timed(lambda: spark_session("spark-local[2]"))
        engine = SparkEngine(dataset, definitions, session)
        _, figures["spark"] = timed(lambda: make_report(engine, dataset, definitions, base=base, plan=plan))
        session.stop()
    if chosen.curves:
        figures["curves"] = site_curves()
    print(json.dumps(figures, indent=1))
