"""A served clinic with sessions under way, for tests in a browser: its server can be killed, its clock moved."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import ready_tables

HERE = Path(__file__).resolve().parent / "browser"
# A tablet whose clock is wrong by so much, and that writes down its longest round trip: half of it is what no
# clock can know. `clockJump` moves the wall clock as a person or the network would.
SKEWED = """(() => {
  const real = Date.now.bind(Date);
  window.clockJump = 0;
  Date.now = () => real() + SKEW + window.clockJump;
  window.trueNow = () => real() + window.clockJump;
  const ask = window.fetch.bind(window);
  window.fetch = async (...given) => {
    const begun = performance.now();
    try { return await ask(...given); } finally {
      const held = Number(sessionStorage.getItem("longest") ?? 0);
      sessionStorage.setItem("longest", Math.max(held, performance.now() - begun));
    }
  };
})();"""


class LiveClinic:
    """A served clinic with a session for each of ``chairs``: minutes into it, or ``None`` before the start."""

    def __init__(self, folder: Path, chairs: list[int | None]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url, self.folder = f"http://127.0.0.1:{self.port}", folder
        self.environment = {
            **os.environ,
            "OPENKAP_VAR": str(folder),
            "OPENKAP_HOSTS": "127.0.0.1,localhost",
            "OPENKAP_DEMO": "yes",
            "OPENKAP_LOCK_AFTER_MINUTES": "600",
            "DATABASE_URL": "",
            "DJANGO_SETTINGS_MODULE": "openkap.care.settings",
        }
        ready_tables.sqlite(folder / "clinic.sqlite3")
        made = subprocess.run(
            [sys.executable, str(HERE / "staged_clinic.py"), json.dumps(chairs)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr[-2000:]
        self.paths = json.loads(made.stdout.strip().splitlines()[-1])
        self.ahead_s = 0.0
        self.serve()

    def serve(self) -> None:
        """Start the server and wait until it answers."""
        command = [sys.executable, str(HERE / "clinic_with_a_clock.py"), "serve", "--demo", "--no-jobs"]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), "--workers", "1"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(600):
            assert self.process.poll() is None, "the server ended by itself"
            try:
                urllib.request.urlopen(f"{self.url}/health/", timeout=5)
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise RuntimeError("the clinic did not come up")

    def kill(self) -> None:
        """As a power cut would end it."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def forward(self, page, minutes: float) -> None:
        """Time passes, on the server and on the tablet, and the tablet hears of it."""
        self.ahead_s += minutes * 60
        (self.folder / "ahead_s").write_text(str(self.ahead_s))
        page.evaluate("ms => { window.clockJump = ms }", self.ahead_s * 1000)
        fresh(page)

    def open(self, browser, path: str, key: str = "ben", skew_ms: int = 0, **context):
        """The page of a tablet, logged in, its clock wrong by so much."""
        context.setdefault("viewport", {"width": 820, "height": 1180})
        window = browser.new_context(base_url=self.url, **context)
        window.add_init_script(SKEWED.replace("SKEW", str(skew_ms)))
        page = window.new_page()
        page.goto("/demo/")
        page.click(f"form[action='/demo/{key}/'] button")
        page.goto(path)
        ready(page)
        return page

    def state(self, page) -> dict:
        """What the server says of the session."""
        where = page.url.split("?")[0] + "state/"
        return page.evaluate("url => fetch(url).then((answer) => answer.json())", where)["state"]


def until(page, claim: str, seconds: float = 60) -> None:
    """Wait until a claim of the page's scripts holds; the page's own policy forbids waiting inside it."""
    for _ in range(int(seconds * 20)):
        if page.evaluate(f"() => Boolean({claim})"):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within {seconds} s: {claim}")


def ready(page) -> None:
    """The page has heard of the server and knows its own clock."""
    until(page, "window.livePage?.pad && livePage.clock.ahead !== null")


def fresh(page) -> None:
    """The page has asked once more."""
    page.evaluate("async () => { await livePage.poll(); }")


def saved(page) -> None:
    """Nothing waits on the tablet, and the page shows it."""
    try:
        until(page, "livePage.outbox.held === 0 && !livePage.pending")
    except AssertionError as late:
        raise AssertionError(page.evaluate("JSON.stringify(livePage.outbox.entries)")) from late


def tap(page, value: int) -> int:
    """Tap a value of the open field; returns how many taps it took."""
    taps = 0
    while not page.locator(f".pad-cell[data-value='{value}']").count():
        shown = int(page.locator(".pad-cell").first.inner_text())
        page.click("[data-tool=lower]" if value < shown else "[data-tool=higher]")
        taps += 1
    page.click(f".pad-cell[data-value='{value}']")
    return taps + 1
