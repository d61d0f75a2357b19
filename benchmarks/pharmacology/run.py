"""Virtual people per second: ours, SciPy's LSODA and a compiled-ODE simulator, agreement first.

Run ``python benchmarks/pharmacology/run.py`` (under a minute; ``--million`` adds the memory run).
Seconds are wall clock; cpu is what all threads together used, which other work does not inflate.
Ratios compare cpu seconds for one person; ours runs in one thread, as the peers do.
The compiled peer is R's deSolve (Debian r-cran-desolve) with its LSODA and a right-hand side in C, solved
one person at a time as it is meant to be used; without R it is left out and said so.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy
from scipy.integrate import solve_ivp

from openkap.pharmacology import Person, Population, Regimen, load_model, simulate
from openkap.pharmacology.assembly import assemble
from openkap.pharmacology.disposition import solve
from openkap.pharmacology.variability import individual_parameters

HERE = Path(__file__).parent
TIMES = np.arange(0.0, 241.0)
KE0 = 0.3  # 1/min; only to give the effect site something to do
MODEL = load_model("kamp2020_3cmt_racemic")
REGIMEN = Regimen.single(route="iv", dose="35 mg", over="40 min")


def crowd(people: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    population = Population.around(Person(weight_kg=70), people, seed=1)
    values, _ = individual_parameters(MODEL, population)
    return values, np.full(people, 70.0)


def built(people: int, regimen: Regimen = REGIMEN):
    values, weight = crowd(people)
    return assemble(MODEL, values, regimen, weight, ke0_per_min=np.full(people, KE0))


def best(work, repeats: int = 7) -> tuple[float, float]:
    """Median wall and least cpu seconds."""
    work()
    wall, cpu = [], []
    for _ in range(repeats):
        begin, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - used)
    middle = statistics.median(wall)
    print(f"    median {middle:.4f} s (best {min(wall):.4f}), cpu {min(cpu):.4f} s, {repeats} runs")
    return middle, min(cpu)


def ours(
    people: int, times: np.ndarray = TIMES, regimen: Regimen = REGIMEN, repeats: int = 7
) -> tuple[float, float]:
    one = built(people, regimen)
    return best(lambda: solve(one.system, one.jumps, one.inflows, times), repeats)


def floor(people: int) -> tuple[float, float]:
    """The exponentials of a textbook closed form: three rates and ke0 for each person and time."""
    rates = np.random.default_rng(1).uniform(0.001, 0.5, (people, 4, 1))
    out = np.empty((people, 4, len(TIMES)))
    return best(lambda: np.exp(np.multiply(-rates, TIMES, out=out), out=out), 5)


def lsoda(people: int) -> tuple[float, np.ndarray]:
    one = built(people)
    found = np.empty((people, 2, len(TIMES)))
    begin = time.process_time()
    for person in range(people):
        rates, rate = one.system.rates[person], float(one.inflows[0].rate_mg_min[person])

        def change(t: float, x: np.ndarray, a: np.ndarray = rates, r: float = rate) -> np.ndarray:
            flow = a @ x
            flow[0] += r
            return flow

        options = {"method": "LSODA", "rtol": 1e-8, "atol": 1e-10}
        first = solve_ivp(change, (0, 40), np.zeros(4), t_eval=TIMES[:41], **options)
        rest = solve_ivp(lambda t, x, a=rates: a @ x, (40, 240), first.y[:, -1], t_eval=TIMES[40:], **options)
        states = np.concatenate([first.y, rest.y[:, 1:]], axis=1)
        found[person] = one.system.outputs[person] @ states
    return (time.process_time() - begin) / people, found


def compiled(people: int) -> tuple[float, np.ndarray, str] | None:
    if shutil.which("Rscript") is None:
        return None
    values, _ = crowd(people)
    v = values["V1"]
    table = np.stack(
        [
            values["CL"] / v,
            values["Q2"] / v,
            values["Q2"] / values["V2"],
            values["Q3"] / v,
            values["Q3"] / values["V3"],
            np.full(people, KE0),
            v,
            np.full(people, 35 / 40),
        ],
        axis=1,
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(HERE / "people.c", folder)
        made = subprocess.run(
            ["R", "CMD", "SHLIB", "people.c"], cwd=folder, capture_output=True, text=True, check=False
        )
        if made.returncode:
            print(made.stderr[-300:])
            return None
        header = "k10,k12,k21,k13,k31,ke0,V,rate"
        np.savetxt(folder / "in.csv", table, delimiter=",", header=header, comments="")
        script = ["Rscript", str(HERE / "desolve.R"), "people.so", "in.csv", "out.csv"]
        ran = subprocess.run(script, cwd=folder, capture_output=True, text=True, check=False)
        if ran.returncode:
            print(ran.stderr[-300:])
            return None
        per_person, version = ran.stdout.split()
        curve = np.loadtxt(folder / "out.csv", delimiter=",", skiprows=1)
        return float(per_person), curve[:, 1] / v[-1] * 1000, version


def report(name: str, value: str, target: str, *, good: bool) -> None:
    print(f"{'ok  ' if good else 'MISS'} {name}: {value} (target {target})")


def million() -> None:
    begin, done = time.perf_counter(), 0
    peak = np.empty(1_000_000, dtype=np.float32)
    for seed in range(50):
        people = Population.around(Person(weight_kg=70), 20_000, seed=seed)
        found = simulate(MODEL, REGIMEN, people, TIMES, areas=False)
        peak[done : done + people.size] = found.parent.max(axis=1)
        done += people.size
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    took = time.perf_counter() - begin
    report(
        "1,000,000 people in chunks", f"{took:.1f} s, peak memory {used:.2f} GB", "1.5 GB", good=used < 1.5
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--million", action="store_true", help="also run a million people (about a minute)")
    asked = parser.parse_args()
    print(f"python {sys.version.split()[0]}, numpy {np.__version__}, scipy {scipy.__version__}, "
          f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")  # fmt: skip

    few = 40
    slow, theirs = lsoda(few)
    one = built(few)
    mine = solve(one.system, one.jumps, one.inflows, TIMES)
    seen = theirs > 1e-6
    gap = np.max(np.abs(mine - theirs)[seen] / theirs[seen])
    print(f"agreement with LSODA at rtol 1e-8: {gap:.1e}")
    assert gap < 1e-5

    print("ours, 10,000 people x 241 times x 3 compartments + effect site:")
    took, used = ours(10_000)
    report("10,000 people", f"{took:.3f} s wall, {used:.3f} s cpu", "0.15 s wall", good=took < 0.15)
    print(f"LSODA: {slow * 1e3:.2f} ms a person ({few} people)")
    ratio = slow / (used / 10_000)
    report("against SciPy LSODA", f"{ratio:.0f} times", "300", good=ratio >= 300)

    peer = compiled(500)
    if peer is None:
        print("no R with deSolve here: the compiled peer was not run")
    else:
        each, curve, version = peer
        one = built(500)
        mine = solve(one.system, one.jumps, one.inflows, TIMES)[-1, 0]
        gap = np.max(np.abs(mine[1:] - curve[1:]) / mine[1:])
        print(f"deSolve {version}, C right-hand side: {each * 1e3:.3f} ms a person, agreement {gap:.1e}")
        ratio = each / (used / 10_000)
        report(
            "against a compiled-ODE simulator", f"{ratio:.0f} times", "20", good=ratio >= 20 and gap < 1e-5
        )

    print("floor: the exponentials of the textbook form, one thread:")
    _, least = floor(10_000)
    print(
        f"     ours is {used / least:.2f} of that floor (cpu): runs of even times need 2 sqrt(times) of them"
    )

    print("cost against people, times and dose events (1.0 is linear):")
    small, large = ours(2_500, repeats=5)[1], ours(10_000, repeats=5)[1]
    print(f"     4 x people: {large / small / 4:.2f} of linear")
    short = ours(2_500, np.arange(0.0, 961.0), repeats=5)[1]
    long = ours(2_500, np.arange(0.0, 3841.0), repeats=5)[1]
    print(f"     4 x times: {long / short / 4:.2f} of linear")
    course = REGIMEN.repeated(4, every="7 d")
    twice = REGIMEN.repeated(8, every="7 d")
    weeks, more = np.arange(0.0, 28 * 1440.0, 60.0), np.arange(0.0, 56 * 1440.0, 60.0)
    events = ours(1_000, more, twice, repeats=3)[1] / ours(1_000, weeks, course, repeats=3)[1]
    print(f"     2 x sessions (and weeks): {events / 2:.2f} of linear")
    if asked.million:
        million()


if __name__ == "__main__":
    main()
