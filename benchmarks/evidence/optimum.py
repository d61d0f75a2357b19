"""100,000 random data sets: does the REML search converge, and does it find the global optimum?

The judge is a dense search of the restricted likelihood, written out here on its own: 300 values of tau2,
then golden section around the two best of them.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from openkap.evidence import pool, pool_many

SEED = 20261123
GRID, ROUNDS = 300, 40
# Likelihood lost: more than rounding is an imprecise answer, more than this is another hill.
ROUNDING, ANOTHER_HILL = 1e-9, 1e-3


def draw(rng: np.random.Generator, k: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """``n`` sets of ``k``: errors and spread over orders of magnitude, some with outliers; a tenth of
    the sets with equal errors, a tenth with errors as papers round them.
    """
    centre = 10 ** rng.uniform(-3, 1, (n, 1))
    v = centre * 10 ** (rng.uniform(0, 2, (n, 1)) * rng.normal(0, 1, (n, k)) / 2)
    kind = rng.random((n, 1))
    v = np.where(kind < 0.1, centre, np.where(kind < 0.2, np.maximum(0.01, np.round(v, 2)), v))
    tau2 = np.where(rng.random((n, 1)) < 0.3, 0.0, centre * 10 ** rng.uniform(-2, 2, (n, 1)))
    y = rng.normal(0, 1, (n, k)) * np.sqrt(v + tau2)
    outlier = (rng.random((n, k)) < 0.05) * rng.normal(0, 10, (n, k)) * np.sqrt(centre)
    return y + outlier, v


def reml(t: np.ndarray, y: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The restricted log-likelihood without its constant, (n, g)."""
    w = 1 / (v[:, None, :] + t[:, :, None])
    total = w.sum(2)
    mean = (w * y[:, None, :]).sum(2) / total
    return 0.5 * (np.log(w).sum(2) - np.log(total) - (w * (y[:, None, :] - mean[:, :, None]) ** 2).sum(2))


def dense(y: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The best likelihood a dense search finds."""
    top = 4 * (np.ptp(y, axis=1) ** 2 + v.max(1)) + 1e-12
    floor = v.min(1) * 1e-4
    t = np.exp(np.linspace(np.log(floor), np.log(top), GRID - 1, axis=1))
    t = np.column_stack([np.zeros(len(y)), t])
    values = reml(t, y, v)
    best = values.max(1)
    for rank in np.argsort(-values, axis=1)[:, :2].T:
        rows = np.arange(len(y))
        a, b = t[rows, np.maximum(rank - 1, 0)], t[rows, np.minimum(rank + 1, GRID - 1)]
        ratio = (np.sqrt(5) - 1) / 2
        for _ in range(ROUNDS):
            c, d = b - ratio * (b - a), a + ratio * (b - a)
            both = reml(np.column_stack([c, d]), y, v)
            left = both[:, 0] > both[:, 1]
            a, b = np.where(left, a, c), np.where(left, d, b)
            best = np.maximum(best, both.max(1))
    return best


def verdict(
    name: str, tau2: np.ndarray, y: np.ndarray, v: np.ndarray, best: np.ndarray, seconds: float
) -> None:
    """Print failures and wrong optima of one program."""
    failed = int(np.isnan(tau2).sum())
    shortfall = best - reml(np.nan_to_num(tau2)[:, None], y, v)[:, 0]
    there = ~np.isnan(tau2)
    imprecise = int((there & (shortfall > ROUNDING * (1 + np.abs(best)))).sum())
    wrong = int((there & (shortfall > ANOTHER_HILL)).sum())
    worst = float(shortfall[there].max(initial=0.0))
    TOTAL.setdefault(name, []).append((len(y), failed, imprecise, wrong, seconds, worst))


TOTAL: dict[str, list[tuple[int, int, int, int, float, float]]] = {}


def ours_single(y: np.ndarray, v: np.ndarray) -> np.ndarray:
    fits = [pool(*row) for row in zip(y, v, strict=True)]
    return np.array([fit.tau2 if fit.converged else np.nan for fit in fits])


def theirs_python(y: np.ndarray, v: np.ndarray) -> np.ndarray:
    from meta_analyze import ConvergenceError, meta_analysis

    answers = []
    for row, variance in zip(y, v, strict=True):
        try:
            fit = meta_analysis(effect=row, variance=variance, tau2_method="REML")
            answers.append(float(fit.tau2))
        except ConvergenceError:
            answers.append(np.nan)
    return np.array(answers)


def theirs_r(y: np.ndarray, v: np.ndarray) -> np.ndarray:
    script = """
    suppressMessages(library(metafor)); a <- commandArgs(TRUE)
    y <- as.matrix(read.csv(a[1], header=FALSE)); v <- as.matrix(read.csv(a[2], header=FALSE))
    t <- sapply(seq_len(nrow(y)), function(i) { f <- try(suppressWarnings(rma(y[i,], v[i,])), silent=TRUE)
      if (inherits(f, "try-error")) NA else f$tau2 })
    write(format(t, digits=17), stdout(), ncolumns=1)"""
    with tempfile.TemporaryDirectory() as folder:
        for name, table in (("y", y), ("v", v)):
            np.savetxt(Path(folder) / name, table, delimiter=",", fmt="%.17g")
        out = subprocess.run(
            ["Rscript", "-e", script, f"{folder}/y", f"{folder}/v"],
            capture_output=True,
            text=True,
            check=True,
        )
    return np.array([np.nan if "NA" in line else float(line) for line in out.stdout.split()])


def has_metafor() -> bool:
    if shutil.which("Rscript") is None:
        return False
    return subprocess.run(["Rscript", "-e", "library(metafor)"], capture_output=True).returncode == 0


PEERS = {
    "PyMetaAnalysis": (theirs_python, lambda: importlib.util.find_spec("meta_analyze") is not None),
    "metafor": (theirs_r, has_metafor),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=100_000)
    parser.add_argument("--peers", type=int, default=2_800, help="how many of them the slower peers get")
    options = parser.parse_args()
    began = time.perf_counter()
    rng = np.random.default_rng(SEED)
    sizes = list(range(3, 31))
    share, peer_share = -(-options.sets // len(sizes)), options.peers // len(sizes)
    programs = {name: fit for name, (fit, is_there) in PEERS.items() if is_there()}
    for name in PEERS.keys() - programs.keys():
        print(f"{name} is not installed and left out", file=sys.stderr)
    for k in sizes:
        y, v = draw(rng, k, share)
        best = np.concatenate([dense(y[i : i + 500], v[i : i + 500]) for i in range(0, share, 500)])
        for name, fit, n in (
            ("OpenKAP, all at once", lambda a, b: pool_many(a, b).tau2, share),
            ("OpenKAP, one by one", ours_single, share),
            *((name, fit, peer_share) for name, fit in programs.items()),
        ):
            if n == 0:
                continue
            start = time.perf_counter()
            tau2 = fit(y[:n], v[:n])
            verdict(name, tau2, y[:n], v[:n], best[:n], time.perf_counter() - start)
        print(f"k = {k} done, {time.perf_counter() - began:.0f} s", file=sys.stderr)
    heads = ("data sets", "failed", "imprecise", "wrong", "worst loss", "ms a fit")
    print(f"{'program':24}" + "".join(f"{head:>11}" for head in heads))
    for name, rows in TOTAL.items():
        n, failed, imprecise, wrong, seconds = (sum(row[i] for row in rows) for i in range(5))
        worst = max(row[5] for row in rows)
        ms = 1000 * seconds / n
        print(f"{name:24}{n:>11}{failed:>11}{imprecise:>11}{wrong:>11}{worst:>11.3g}{ms:>11.3f}")
    print(
        f"k from {sizes[0]} to {sizes[-1]}, seed {SEED}; failed: did not converge; wrong: more than "
        f"{ANOTHER_HILL:g} of log-likelihood below a dense search; imprecise: more than {ROUNDING:g} below it"
    )


if __name__ == "__main__":
    main()
