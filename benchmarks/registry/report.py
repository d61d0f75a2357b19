"""Times of one run: the report at several sizes on every engine, Spark told apart from its start, site curves
beside lifelines; then whether the cost is linear in sessions, and from which size Spark would be quicker.

``python benchmarks/registry/report.py --scale 0.1 --scale 1 --scale 10 --spark --curves``. Scale 1 is the
largest real programme: 58,483 people, 1,486,213 sessions. Each figure is wall clock and, where this process
did the work, processor time (user and system): on a busy machine only the second can be compared.
"""

from __future__ import annotations

import argparse
import json
import math
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
from openkap.registry.cluster import loopback_cluster
from openkap.registry.dataset import Dataset, open_dataset
from openkap.registry.definition import read_definitions
from openkap.registry.engine import DuckEngine, SparkEngine, spark_session
from openkap.registry.query import Engine
from openkap.registry.report import make_report
from openkap.registry.survival import count_by_day, kaplan_meier
from openkap.registry.synth import World, synthesise

PATIENTS, SESSIONS = 58_483, 1_486_213


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


def release(root: Path, scale: float) -> Dataset:
    """The synthetic release of a scale below ``root``; made when it is not there."""
    place = root / f"scale-{scale:g}"
    if not (place / "current").exists():
        world = World(patients=round(PATIENTS * scale), sessions=round(SESSIONS * scale), sites=178)
        synthesise(place, world)
    return open_dataset(place)


def whole_report(engine: Engine, dataset: Dataset) -> dict[str, float]:
    """One report, the trials read beforehand."""
    definitions, base, plan = read_definitions(), read_base(), read_plan()
    return timed(lambda: make_report(engine, dataset, definitions, base=base, plan=plan))[1]


def on_duckdb(releases: dict[float, Dataset]) -> dict[float, dict[str, float]]:
    """The report at every scale, smallest first, with the peak of this process's memory so far."""
    found = {}
    for scale, dataset in sorted(releases.items()):
        engine = DuckEngine(dataset, read_definitions())
        load = os.getloadavg()[0]
        found[scale] = whole_report(engine, dataset)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        found[scale] |= {"peak_memory_mb": peak, "load": round(load, 1)}
        engine.connection.close()
    return found


def on_spark(releases: dict[float, Dataset], url: str, **settings: str) -> dict[str, Any]:
    """The start, a first report that warms the machine up, then the report at every scale."""
    session, start = timed(lambda: spark_session(url, **settings))
    found: dict[str, Any] = {"start": start}
    smallest = releases[min(releases)]
    for name, dataset in [("warming_up", smallest), *sorted(releases.items())]:
        engine = SparkEngine(dataset, read_definitions(), session)
        load = os.getloadavg()[0]
        found[str(name)] = {**whole_report(engine, dataset), "load": round(load, 1)}
        engine.close()
    session.stop()
    return found


def slope(times: dict[float, float]) -> float:
    """Exponent of the growth of time with sessions between the smallest and largest scale: 1 is linear."""
    low, high = min(times), max(times)
    return round(math.log(times[high] / times[low]) / math.log(high / low), 2)


def crossover(ours: dict[float, float], theirs: dict[float, float]) -> str:
    """From which size the second engine is quicker, by the straight lines through both (wall clock)."""
    scales = sorted(ours.keys() & theirs.keys())
    if len(scales) < 2:
        return "needs two scales"
    mine, other = (np.polyfit(scales, [times[k] for k in scales], 1) for times in (ours, theirs))
    if other[0] >= mine[0]:
        return f"none: it costs {other[0]:.1f} s more for each {SESSIONS} sessions, DuckDB {mine[0]:.1f} s"
    return f"{(other[1] - mine[1]) / (mine[0] - other[0]) * SESSIONS:.3g} sessions"


def measure(releases: dict[float, Dataset], *, spark: bool, curves: bool, most: float) -> dict[str, Any]:
    """Everything of one run; Spark up to the scale ``most``."""
    figures: dict[str, Any] = {"cores": os.cpu_count(), "load": os.getloadavg()}
    figures["sessions"] = {scale: dataset.rows("session") for scale, dataset in releases.items()}
    figures["duckdb"] = duck = on_duckdb(releases)
    if len(releases) > 1:
        figures["duckdb_growth"] = slope({scale: each["cpu_s"] for scale, each in duck.items()})
    if spark:
        smaller = {scale: dataset for scale, dataset in releases.items() if scale <= most}
        figures["spark local[2]"] = on_spark(smaller, "spark-local[2]")
        with tempfile.TemporaryDirectory() as work:
            began = time.perf_counter()
            with loopback_cluster(Path(work), memory="2g") as url:
                figures["cluster_start_s"] = round(time.perf_counter() - began, 1)
                settings = {"spark__executor__memory": "1500m", "spark__driver__host": "127.0.0.1"}
                figures["spark two workers"] = on_spark(smaller, url, **settings)
        wall = {scale: each["wall_s"] for scale, each in duck.items()}
        for name in ("spark local[2]", "spark two workers"):
            theirs = {scale: figures[name][str(scale)]["wall_s"] for scale in smaller}
            figures[f"crossover {name}"] = crossover(wall, theirs)
    if curves:
        figures["curves"] = site_curves()
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--scale", type=float, action="append", help="of the largest programme; again for more"
    )
    parser.add_argument("--root", type=Path, help="where the synthetic releases are kept between runs")
    parser.add_argument("--spark", action="store_true")
    parser.add_argument("--most", type=float, default=10, help="largest scale for Spark")
    parser.add_argument("--curves", action="store_true")
    chosen = parser.parse_args()
    root = chosen.root or Path(tempfile.mkdtemp())
    datasets = {scale: release(root, scale) for scale in sorted(chosen.scale or [1.0])}
    print(json.dumps(measure(datasets, spark=chosen.spark, curves=chosen.curves, most=chosen.most), indent=1))
