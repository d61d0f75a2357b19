"""From ``git clone`` to the first page: clones HEAD, runs what ``make demo`` runs, by part.

Wall seconds depend on who else uses the machine (its load stands beside them); processor seconds much less.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from served import _wait, used

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def stage(name: str):
    """Wall and processor seconds of the children that end inside."""
    begin, before = time.monotonic(), os.times()
    yield
    spent = os.times()
    processor = spent[2] + spent[3] - before[2] - before[3]
    _tell(name, time.monotonic() - begin, processor)


def _tell(name: str, wall: float, processor: float) -> None:
    load = os.getloadavg()[0]
    print(f"{name:28} {wall:6.1f} s wall {processor:6.1f} s processor   load {load:.1f}", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clone, begin = Path(folder) / "openkap", time.monotonic()
        with stage("git clone"):
            subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        with stage("virtual environment"):
            subprocess.run(["python3", "-m", "venv", ".venv"], cwd=clone, check=True)
        # As on a machine where nobody forbids Python to keep what it compiled.
        unset = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
        environment = {key: value for key, value in os.environ.items() if key not in unset}
        with stage("install"):
            subprocess.run(["make", "-s", ".venv/.run"], cwd=clone, env=environment, check=True)
        _serve("tables, fill, first page", clone, environment)
        print(f"{'from clone to first page':28} {time.monotonic() - begin:6.1f} s wall")
        _serve("restart", clone, environment)


def _serve(name: str, clone: Path, environment: dict[str, str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [".venv/bin/openkap", "serve", "--demo", "--port", str(port)]
    begin = time.monotonic()
    process = subprocess.Popen(command, cwd=clone, env=environment, start_new_session=True)
    try:
        _wait(port)
        _tell(name, time.monotonic() - begin, used(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


if __name__ == "__main__":
    main()
