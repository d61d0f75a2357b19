"""Eight chairs, twenty polling clients: how long an entry, a refresh and a new band take."""

from __future__ import annotations

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
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS, CLIENTS, POLL_S, ENTRY_S = 20, 20, 2.0, 2.5
VITALS = {"sbp": "131", "dbp": "82", "heart_rate": "78", "spo2": "97", "respiratory_rate": "15", "moaas": "5"}


class Client:
    """A logged-in screen."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.open = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        ).open
        page = self.open(f"{url}/demo/").read().decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page).group(1)
        self.open(f"{url}/demo/ben/", data=f"csrfmiddlewaretoken={token}".encode())
        self.csrf, self.mark = "", ""

    def poll(self, path: str, device: str) -> float:
        begin = time.perf_counter()
        told = json.loads(
            self.open(f"{self.url}{path}state/?mark={self.mark}&device={device}&ahead_ms=0").read()
        )
        took = time.perf_counter() - begin
        self.csrf, self.mark = told["csrf"], told["mark"]
        return took

    def enter(self, path: str, name: str) -> float:
        moment = datetime.now(UTC).isoformat()
        entry = {"id": name, "act": "vitals", "observed_at": moment, "payload": {"values": VITALS}}
        body = json.dumps(
            {"device": name[:6], "mark": self.mark, "device_now": moment, "entries": [entry]}
        ).encode()
        request = urllib.request.Request(
            f"{self.url}{path}entries/",
            data=body,
            headers={"Content-Type": "application/json", "X-CSRFToken": self.csrf, "Referer": self.url},
        )
        begin = time.perf_counter()
        told = json.loads(self.open(request).read())
        took = time.perf_counter() - begin
        assert told["answers"][0]["status"] == "saved", told["answers"]
        return took


def p95(times: list[float]) -> str:
    high, middle = statistics.quantiles(times, n=20)[-1] * 1000, statistics.median(times) * 1000
    return f"p95 {high:6.1f} ms, median {middle:6.1f} ms, n {len(times)}"


def main() -> None:
    folder = tempfile.mkdtemp(prefix="live-bench-")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "OPENKAP_VAR": folder,
        "OPENKAP_DEMO": "yes",
        "OPENKAP_HOSTS": "127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "openkap.care.settings",
    }
    staged = ROOT / "tests" / "care" / "browser" / "staged_clinic.py"
    made = subprocess.run(
        [sys.executable, str(staged), "[27, 22, 17, 12, 31, 7, 3, 35]"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = json.loads(made.stdout.strip().splitlines()[-1])
    command = [sys.executable, "-m", "openkap", "serve", "--demo", "--port", str(port), "--workers", "2"]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        run(f"http://127.0.0.1:{port}", paths)
    finally:
        server.terminate()
        server.wait()
    bands()


def run(url: str, paths: list[str]) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(f"{url}/health/", timeout=2)
            break
        except OSError:
            time.sleep(0.3)
    clients = [Client(url) for _ in range(CLIENTS)]
    for index, client in enumerate(clients):
        client.poll(paths[index % len(paths)], f"warm{index}")
    refreshes: list[float] = []
    entries: list[float] = []
    end = time.monotonic() + SECONDS

    def look(index: int) -> None:
        time.sleep(POLL_S * index / CLIENTS)
        while time.monotonic() < end:
            refreshes.append(clients[index].poll(paths[index % len(paths)], f"screen{index}"))
            time.sleep(POLL_S)

    def write(index: int) -> None:
        client = Client(url)
        client.poll(paths[index], f"nurse{index}")
        number = 0
        while time.monotonic() < end:
            time.sleep(ENTRY_S + index / 10)
            entries.append(client.enter(paths[index], f"{index}-{number}-{time.monotonic_ns()}"[:36]))
            number += 1

    threads = [threading.Thread(target=look, args=(i,)) for i in range(CLIENTS)]
    threads += [threading.Thread(target=write, args=(i,)) for i in range(len(paths))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"entry    {p95(entries)} (aim 100 ms)")
    print(f"refresh  {p95(refreshes)} (aim 50 ms)")


def bands() -> None:
    from openkap.care.live.dose import Given, Ordered
    from openkap.care.live.expected import Subject, expected

    who = Subject("racemic ketamine", "IV", 70.0, 42.0, 122.0, 78.0)
    times = []
    for index in range(21):
        rates = ((0.0, 52.5), (10.0 + index / 10, 30.0), (60.0, 0.0))
        begin = time.perf_counter()
        expected(who, Ordered(35.0, 40.0, 5.2), Given(rates, 60.0, 35.0, "stopped", None), 160)
        times.append(time.perf_counter() - begin)
    print(f"band     {p95(times[1:])} (aim 100 ms)")


if __name__ == "__main__":
    main()
