"""Times of one run: the report at several sizes on every engine, Spark told apart from its start, site curves
beside lifelines; then whether the cost is linear in sessions, and from which size Spark would be quicker.

``python benchmarks/registry/report.py`` does all of it, ``--scale 0.1 --scale 1 --spark --curves`` a part.
Scale 1 is the largest real programme: 58,483 people, 1,486,213 sessions. Each figure is wall clock and
processor time (user and system, of this process and of those it started). On a busy machine neither is what a
quiet one shows, so the load stands beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
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


def processor_s() -> float:
    """Processor time of this process and of all below it that live: Spark works in machines of its own."""
    tick, parents, used = os.sysconf("SC_CLK_TCK"), {}, {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        pid = int(place.parent.name)
        parents[pid], used[pid] = int(after_name[1]), (int(after_name[11]) + int(after_name[12])) / tick
    ours, fresh = {os.getpid()}, {os.getpid()}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - ours
        ours |= fresh
    return sum(used.get(pid, 0.0) for pid in ours)


def timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    wall, cpu = time.perf_counter(), processor_s()
    value = work()
    return value, {
        "wall_s": round(time.perf_counter() - wall, 3),
        "cpu_s": round(processor_s() - cpu, 2),
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
    ratio = round(peer["wall_s"] / own["wall_s"], 1)
    return {"ours": own, "lifelines": peer, "ratio": ratio, "largest_difference": worst}


def release(root: Path, scale: float) -> Dataset:
    """The synthetic release of a scale below ``root``; made when it is not there."""
    place = root / f"scale-{scale:g}"
    if not (place / "current").exists():
        world = World(patients=round(PATIENTS * scale), sessions=round(SESSIONS * scale), sites=178)
        synthesise(place, world)
    return open_dataset(place)


def whole_report(engine: Engine, dataset: Dataset) -> dict[str, float]:
    """One report, the trials read beforehand; told on standard error at once, for a run that is cut short."""
    definitions, base, plan = read_definitions(), read_base(), read_plan()
    load = round(os.getloadavg()[0], 1)
    found = timed(lambda: make_report(engine, dataset, definitions, base=base, plan=plan))[1] | {"load": load}
    print(engine.name, dataset.rows("session"), "sessions", found, file=sys.stderr, flush=True)
    return found


def on_duckdb(releases: dict[float, Dataset]) -> dict[float, dict[str, float]]:
    """The report at every scale, smallest first, with the peak of this process's memory so far."""
    found = {}
    for scale, dataset in sorted(releases.items()):
        engine = DuckEngine(dataset, read_definitions())
        found[scale] = whole_report(engine, dataset)
        found[scale]["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        engine.connection.close()
    return found


def on_spark(releases: dict[float, Dataset], url: str, bound_s: float, **settings: str) -> dict[str, Any]:
    """The start, a first report that warms the machine up, then the report at every scale.

    A scale is left out when the one before it, grown in proportion, says that ``bound_s`` would be passed.
    """
    session, start = timed(lambda: spark_session(url, **settings))
    found: dict[str, Any] = {"start": start}
    smallest, began, last = min(releases), time.perf_counter(), 0.0
    for name, scale in [("warming_up", smallest), *((str(scale), scale) for scale in sorted(releases))]:
        expected = last * scale / smallest
        if time.perf_counter() - began + expected > bound_s:
            found[name] = f"left out: expected {expected:.0f} s, bound {bound_s:.0f} s"
            continue
        engine = SparkEngine(releases[scale], read_definitions(), session)
        found[name] = whole_report(engine, releases[scale])
        last = found[name]["wall_s"] * smallest / scale
        engine.close()
    session.stop()
    return found


def of_all_scales(found: dict[str, Any], scales: Iterable[float], figure: str) -> dict[float, float]:
    """One figure by scale, where the scale was run."""
    return {scale: found[str(scale)][figure] for scale in scales if isinstance(found.get(str(scale)), dict)}


def growth(times: dict[float, float]) -> dict[str, Any]:
    """How time grows with sessions: the exponent that fits all sizes best (1 is linear), the exponent from
    each size to the next, and the straight line with the largest deviation from it.

    A fixed part makes the exponent of small sizes lower; the line tells it apart.
    """
    sizes = np.array(sorted(times))
    took = np.array([times[size] for size in sizes])
    steps = np.diff(np.log(took)) / np.diff(np.log(sizes))
    # Errors in proportion to the time: a second at the largest size weighs less than at the smallest.
    per_scale, fixed = np.polyfit(sizes, took, 1, w=1 / took)
    off = np.abs(fixed + per_scale * sizes - took) / took
    return {
        "exponent": round(float(np.polyfit(np.log(sizes), np.log(took), 1)[0]), 2),
        "exponent_from_size_to_size": {
            f"{low:g} to {high:g}": round(float(step), 2)
            for low, high, step in zip(sizes, sizes[1:], steps, strict=False)
        },
        "fixed_s": round(float(fixed), 2),
        "s_per_million_sessions": round(float(per_scale) / SESSIONS * 1e6, 2),
        "largest_deviation_from_the_line": f"{off.max():.0%}",
    }


def crossover(ours: dict[float, float], theirs: dict[float, float]) -> str:
    """From which size the second engine is quicker, by the straight lines through both."""
    scales = sorted(ours.keys() & theirs.keys())
    if len(scales) < 2:
        return "needs two scales"
    mine, other = (np.polyfit(scales, [times[k] for k in scales], 1) for times in (ours, theirs))
    if min(mine[0], other[0]) <= 0:
        return "cannot be told: a larger size took no longer than a smaller one; take sizes farther apart"
    if other[0] >= mine[0]:
        costs = f"{other[0]:.1f} s more for each {SESSIONS} sessions, DuckDB {mine[0]:.1f} s"
        return f"none is reached on this machine: {costs}"
    return f"{(other[1] - mine[1]) / (mine[0] - other[0]) * SESSIONS:.3g} sessions"


def with_spark(
    releases: dict[float, Dataset], bound_s: float, duck: dict[float, dict[str, float]]
) -> dict[str, Any]:
    """Spark in this machine's memory and on a cluster of two workers, and what the comparison says."""
    figures: dict[str, Any] = {"spark local[2]": on_spark(releases, "spark-local[2]", bound_s)}
    with tempfile.TemporaryDirectory() as work:
        began = time.perf_counter()
        with loopback_cluster(Path(work), memory="2g") as url:
            figures["cluster_start_s"] = round(time.perf_counter() - began, 1)
            settings = {"spark__executor__memory": "1500m", "spark__driver__host": "127.0.0.1"}
            figures["spark two workers"] = on_spark(releases, url, bound_s, **settings)
    for name in ("spark local[2]", "spark two workers"):
        for figure in ("wall_s", "cpu_s"):
            ours = {scale: duck[scale][figure] for scale in releases}
            theirs = of_all_scales(figures[name], releases, figure)
            figures[f"crossover {name}, by {figure}"] = crossover(ours, theirs)
            if len(theirs) > 1:
                figures[f"growth {name}, by {figure}"] = growth(theirs)
            both = sorted(ours.keys() & theirs.keys())
            figures[f"ratio {name} to DuckDB, by {figure}"] = {k: round(theirs[k] / ours[k], 1) for k in both}
    return figures


def measure(
    releases: dict[float, Dataset], *, spark: bool, curves: bool, most: float, bound_s: float
) -> dict[str, Any]:
    """Everything of one run; Spark up to the scale ``most`` and no longer than ``bound_s`` each way."""
    figures: dict[str, Any] = {"cores": os.cpu_count(), "load": os.getloadavg()}
    figures["sessions"] = {scale: dataset.rows("session") for scale, dataset in releases.items()}
    # The first report of a process also loads its libraries.
    figures["duckdb, the first of the process"] = on_duckdb({min(releases): releases[min(releases)]})
    figures["duckdb"] = duck = on_duckdb(releases)
    if len(releases) > 1:
        for figure in ("wall_s", "cpu_s"):
            figures[f"growth duckdb, by {figure}"] = growth(
                {scale: each[figure] for scale, each in duck.items()}
            )
    if spark:
        figures |= with_spark(
            {scale: each for scale, each in releases.items() if scale <= most}, bound_s, duck
        )
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
    parser.add_argument("--most", type=float, default=1, help="largest scale for Spark")
    parser.add_argument("--bound", type=float, default=1800, help="seconds for Spark, each way of running it")
    parser.add_argument("--curves", action="store_true")
    chosen = parser.parse_args()
    root = chosen.root or Path(tempfile.mkdtemp())
    datasets = {scale: release(root, scale) for scale in sorted(chosen.scale or [0.1, 0.3, 1.0, 3.0, 10.0])}
    # Without a choice, everything: ours, the peers, the ratios.
    everything = not (chosen.scale or chosen.spark or chosen.curves)
    found = measure(
        datasets,
        spark=chosen.spark or everything,
        curves=chosen.curves or everything,
        most=chosen.most,
        bound_s=chosen.bound,
    )
    print(json.dumps(found, indent=1))
