"""The clinic under load: 20 people, pages of a patient with 1,000 sessions, then mixed reads and writes.

Server, PostgreSQL and this load generator share the machine; the audit is on; the server is ``openkap serve``
as it ships. ``python benchmarks/clinic/load.py [--seconds 20] [--database sqlite]`` prints everything. Wall
figures of a busy machine say more about the machine, so every part also prints what an operation costs in
processor time, all three together, and what two processors would do with it.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass

import operations as does
from device import Device
from operations import DEVICES, PAGES, Work
from served import Served, memory_mb, served, used

PEOPLE = 20
KEYS = ("cora", "ada", "ben", "tess")
GOOD = {200, 201, 302}


@dataclass
class Person:
    """Somebody with their own screen, a nurse's tablet beside them, and a patient with a telephone."""

    own: Work
    tablet: Work
    telephone: Work

    def do(self, action) -> int:
        if action in does.ON_THE_TELEPHONE:
            return action(self.telephone)
        return action(self.tablet if action in does.AT_THE_CHAIR else self.own)


def crew_of(clinic: Served, people: int) -> list[Person]:
    made = []
    for number in range(people):
        dice = random.Random(number)
        own, tablet = (Device(clinic.port).log_in(key) for key in (KEYS[number % len(KEYS)], "ben"))
        telephone = Work(Device(clinic.port), clinic.known, dice, does.next_link(clinic.known))
        made.append(Person(Work(own, clinic.known, dice), Work(tablet, clinic.known, dice), telephone))
    return made


def run(clinic: Served, seconds: float, operations, *, think: float = 0.0, people: int = PEOPLE) -> dict:
    """Everybody works for a while; wall times by operation, and processor time of the three parts."""
    took, wrong, lock = defaultdict(list), Counter(), threading.Lock()
    actions, weights = zip(*operations, strict=True)
    crew = crew_of(clinic, people)
    # The first requests of each process compile templates and plans: not what is measured.
    _together(crew, lambda person: [person.do(action) for action in actions * 3])
    until = time.monotonic() + seconds

    def work(person: Person) -> None:
        dice = person.own.dice
        while True:
            # Also before the first: twenty people do not open a page in the same instant.
            if think:
                time.sleep(dice.uniform(0, 2 * think))
            if time.monotonic() >= until:
                return
            action = dice.choices(actions, weights)[0]
            begun = time.perf_counter()
            status = person.do(action)
            spent = time.perf_counter() - begun
            with lock:
                took[action.__name__].append(spent)
                if status not in GOOD:
                    wrong[f"{action.__name__} {status}"] += 1

    before, begun = _clocks(clinic), time.monotonic()
    _together(crew, work)
    wall = time.monotonic() - begun
    spent = {name: after - before[name] for name, after in _clocks(clinic).items()}
    return {"took": took, "wrong": wrong, "wall": wall, "spent": spent}


def machine() -> float:
    """Milliseconds for a million steps of plain Python: how fast the machine is at this minute, unshared."""
    begun, total = time.process_time(), 0
    for step in range(3_000_000):
        total += step
    return (time.process_time() - begun) / 3 * 1000


def _together(crew: list[Person], work) -> None:
    threads = [threading.Thread(target=work, args=(person,)) for person in crew]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _clocks(clinic: Served) -> dict[str, float]:
    own = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "server": used(clinic.process.pid),
        "database": used(clinic.postgres),
        "load": own.ru_utime + own.ru_stime,
    }


def show(title: str, result: dict) -> None:
    count = sum(len(each) for each in result["took"].values())
    cost = {name: 1000 * spent / count for name, spent in result["spent"].items()}
    whole = sum(cost.values())
    busy = sum(result["spent"].values()) / result["wall"]
    print(
        f"\n{title}: {count} operations in {result['wall']:.1f} s, {count / result['wall']:.0f}/s; "
        f"load average {os.getloadavg()[0]:.1f}; these three had {busy:.2f} of {os.cpu_count()} processors"
    )
    print(
        f"  processor ms an operation: {whole:.2f} ("
        + ", ".join(f"{k} {v:.2f}" for k, v in cost.items())
        + f"); so two processors to ourselves: {2000 / whole:.0f}/s, one: {1000 / whole:.0f}/s"
    )
    for name, times in sorted(result["took"].items()):
        ordered = sorted(1000 * each for each in times)
        p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        print(
            f"  {name:14} n {len(ordered):5}  median {statistics.median(ordered):7.1f} ms  p95 {p95:7.1f} ms",
            flush=True,
        )
    for words, number in result["wrong"].items():
        print(f"  NOT AS EXPECTED: {words}: {number}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--think", type=float, default=2.0, help="mean seconds between two pages of a person")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--each", action="store_true", help="also every operation by itself")
    arguments = parser.parse_args()
    with served(arguments) as clinic:
        print(f"{arguments.database}, {arguments.workers} workers of {arguments.threads} threads")
        print(f"the machine: a million steps of plain Python take {machine():.0f} ms")
        _parts(clinic, arguments)
        print(f"\nthe machine: a million steps of plain Python take {machine():.0f} ms")
        print(
            "memory of each worker, MB (its fair share, all it maps): "
            + ", ".join(f"{pss:.0f} / {rss:.0f}" for pss, rss in memory_mb(clinic.process.pid))
        )


def _parts(clinic: Served, arguments: argparse.Namespace) -> None:
    seconds = arguments.seconds
    pages = ((does.page_home, 1), (does.page_heavy, 1))
    show(
        "one person, page after page, home and the chart of 1,000 sessions",
        run(clinic, seconds / 2, pages, people=1),
    )
    show(
        f"{PEOPLE} people, a page every {arguments.think:g} s each, home and the chart of 1,000 sessions",
        run(clinic, seconds, pages, think=arguments.think),
    )
    show(
        f"{PEOPLE} people without a pause, 70 % reads and 30 % writes, DEVICES: JSON API and live fragments",
        run(clinic, seconds, DEVICES),
    )
    show(
        f"{PEOPLE} people without a pause, 70 % reads and 30 % writes, PAGES: whole pages and forms",
        run(clinic, seconds, PAGES),
    )
    show(
        "the printable timeline of 1,000 sessions",
        run(clinic, seconds / 4, ((does.page_timeline, 1),), people=1),
    )
    if arguments.each:
        for operation, _ in dict.fromkeys(DEVICES + PAGES):
            result = run(clinic, seconds / 4, ((operation, 1),), people=4)
            show(f"4 people, {operation.__name__} only", result)


if __name__ == "__main__":
    main()
