"""How long fits take, ours and the peers' from one run: processor time, best of repeated calls.

Processor time with one thread, so that other work on the machine does not count; best, as timeit advises.
"""

from __future__ import annotations

import csv
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np

import openkap.evidence as ev

ORACLES = Path(__file__).parents[2] / "tests" / "oracles" / "evidence"
RNG = np.random.default_rng(7)


def seconds(call: Callable[[], object], repeats: int) -> float:
    """The best time of a call: what the machine needs when nobody else is using it."""
    call()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def studies(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    v = RNG.uniform(0.02, 0.4, shape)
    return RNG.normal(0.3, 0.4, shape) + RNG.normal(0, 1, shape) * np.sqrt(v), v


def in_r(columns: dict[str, np.ndarray], call: str, repeats: int) -> float:
    """The best time of an R call on our own data, handed over as a file."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        np.savetxt(file, np.column_stack(list(columns.values())), delimiter=",", fmt="%.17g")
        file.flush()
        names = ", ".join(f"'{name}'" for name in columns)
        setup = f"d <- read.csv('{file.name}', header=FALSE, col.names=c({names})); attach(d)"
        return _timed_in_r(setup, call, repeats)


def _timed_in_r(setup: str, call: str, repeats: int) -> float:
    script = f"""suppressMessages(library(metafor)); {setup}; invisible({call})
    t <- sapply(1:{repeats}, function(i) {{ s <- sum(proc.time()[1:2]); for (j in 1:INNER) {{ {call} }}
      (sum(proc.time()[1:2]) - s) / INNER }}); cat(min(t))"""
    inner = 20 if repeats > 1 else 1
    script = script.replace("INNER", str(inner))
    try:
        out = subprocess.run(
            ["Rscript", "-e", script], capture_output=True, text=True, check=True, timeout=300
        )
    except (OSError, subprocess.SubprocessError):
        return float("nan")
    return float(out.stdout.split()[-1])


def pymare(y: np.ndarray, v: np.ndarray) -> Callable[[], object] | None:
    try:
        from pymare.estimators import VarianceBasedLikelihoodEstimator
    except ImportError:
        return None
    ones = np.ones((y.shape[0], 1))
    return lambda: VarianceBasedLikelihoodEstimator(method="reml").fit(y, v, ones)


def pymeta(y: np.ndarray, v: np.ndarray) -> Callable[[], object] | None:
    try:
        from meta_analyze import meta_analysis
    except ImportError:
        return None
    return lambda: meta_analysis(effect=y, variance=v, tau2_method="REML")


def report(what: str, ours: float, target: float, peers: dict[str, float]) -> None:
    row = {"what": what, "ours_ms": 1000 * ours, "target_ms": 1000 * target, "met": ours <= target}
    shown = "  ".join(f"{name} {1000 * value:.3g} ms ({value / ours:.1f}x)" for name, value in peers.items())
    verdict = "met" if row["met"] else "MISSED"
    print(f"{what:34}{row['ours_ms']:>9.3f} ms  target {row['target_ms']:<8.3g}{verdict:8}{shown}")
    ROWS.append(row | {name: 1000 * value for name, value in peers.items()})


ROWS: list[dict[str, object]] = []


def timed(calls: dict[str, Callable[[], object] | None], repeats: int) -> dict[str, float]:
    return {name: seconds(call, repeats) for name, call in calls.items() if call is not None}


def single_fits() -> None:
    y, v = studies(10)
    peers = timed({"PyMetaAnalysis": pymeta(y, v), "PyMARE": pymare(y[:, None], v[:, None])}, 30)
    # with its default step metafor does not converge on this data set
    peers["metafor, half steps"] = in_r({"y": y, "v": v}, "rma(y, v, control=list(stepadj=0.5))", 5)
    report("one REML fit, k = 10", seconds(lambda: ev.pool(y, v), 300), 0.3e-3, peers)
    y, v = studies(5000)
    report(
        "one REML fit, k = 5,000",
        seconds(lambda: ev.pool(y, v), 30),
        5e-3,
        {"metafor 3.8, measured before, over": 420.0},
    )


def batches() -> None:
    y, v = studies(2000, 10)
    both = pymare(np.ascontiguousarray(y.T), np.ascontiguousarray(v.T))
    peers = timed({"PyMARE": both}, 15)
    ours = seconds(lambda: ev.pool_many(y, v), 30)
    report("2,000 REML fits at once, k = 10", ours, peers.get("PyMARE", 0.035), peers)
    exact = np.array([ev.pool(*row).tau2 for row in zip(y, v, strict=True)])
    apart = {"ours": ev.pool_many(y, v).tau2} | ({"PyMARE": np.ravel(both().params_["tau2"])} if both else {})
    shown = ", ".join(f"{name} {abs(tau2 - exact).max():.1e}" for name, tau2 in apart.items())
    print(f"    largest difference in tau2 from one by one: {shown}")
    variants = [
        ev.Variant({"set": str(i)}, a, b) for i, (a, b) in enumerate(zip(*studies(371, 12), strict=True))
    ]
    fits = ev.multiverse(variants)
    report(f"multiverse of {fits.size:,} fits", seconds(lambda: ev.multiverse(variants), 5), 3.0, {})


def three_levels() -> None:
    outer = np.repeat(np.arange(100), 10)
    y, v = studies(1000)
    y += RNG.normal(0, 0.4, 100)[outer]
    columns = {"y": y, "v": v, "g": outer.astype(float), "id": np.arange(1000.0)}
    peers = {"metafor sparse": in_r(columns, "rma.mv(y, v, random=~1|g/id, sparse=TRUE)", 1)}
    report(
        "three levels, k = 1,000",
        seconds(lambda: ev.multilevel(y, v, [outer, range(1000)]), 15),
        50e-3,
        peers,
    )


def networks() -> None:
    senn = json.loads((ORACLES / "models.json").read_text())["senn2013"]
    arms = {"mean": senn["mi"], "sd": senn["sdi"], "n": senn["ni"]}
    ours = seconds(lambda: ev.network_from_arms(senn["study"], senn["treatment"], **arms), 30)
    # netmeta is not in Debian; 1.73 s is what was measured for version 2.6 on a machine like this one
    report("network of Senn 2013", ours, 20e-3, {"netmeta 2.6, measured before": 1.73})


def whole_report() -> None:
    """From the content files to every file of the report, in memory; nothing else writes such a one."""
    from openkap.evidence.report.assemble import build
    from openkap.evidence.report.files import report_files

    ours = seconds(lambda: report_files(build(as_of=date(2026, 11, 1))), 3)
    report("the whole living report", ours, 5.0, {})


if __name__ == "__main__":
    for part in (single_fits, batches, three_levels, networks, whole_report):
        part()
    with (Path(__file__).parent / "speed.csv").open("w", newline="") as file:
        names = list(dict.fromkeys(name for row in ROWS for name in row))
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(ROWS)
