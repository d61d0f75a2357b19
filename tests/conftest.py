"""A served demo clinic and a real Chromium, for the tests that look at pages."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import expect

import ready_tables
from serving import wait_for

# A busy machine is slow, not wrong: what is expected may come late.
expect.set_options(timeout=60_000)
# The shell is the same browser without the window that nobody looks at: it takes 0.6 of the processor's time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), "/usr/bin/chromium")


def pytest_configure():
    """Garbage is looked for seldom: it is little beside the thousands of tests that every process holds.

    Processes that tests start find compiled what one before them compiled, also where the shell says not to keep it.
    """
    gc.set_threshold(50_000, 20, 20)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_finish():
    """What was collected stays to the end and need not be looked through again and again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure():
    """Back to what may go, so that everything is closed in its order."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def django_db_keepdb():
    """The tables stand ready."""
    return True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings):
    """Each worker has a database of its own; a PostgreSQL server comes with it."""
    database = settings.DATABASES["default"]
    if "sqlite" in database["ENGINE"]:
        ready_tables.sqlite(Path(database["TEST"]["NAME"]))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    """Debian's browser; a machine without one skips, CI fails."""
    if not os.path.exists(CHROMIUM):
        if os.environ.get("CI"):
            pytest.fail("no Chromium on this machine, and CI may not skip the browser tests")
        pytest.skip("no Chromium on this machine")
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": ["--no-sandbox"]}


@dataclass(frozen=True)
class Served:
    """Where the demo clinic answers, and the file it writes to."""

    url: str
    database: Path

    def open(self, browser, key: str = "", **context):
        """A page of a new browser window, logged in as one of the cast."""
        page = browser.new_context(base_url=self.url, **context).new_page()
        page.set_default_timeout(60_000)
        page.goto("/demo/")
        if key:
            page.click(f"form[action='/demo/{key}/'] button")
        return page


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """The demo clinic as ``openkap serve --demo`` serves it; what it logs as an error fails the run."""
    folder = tmp_path_factory.mktemp("demo")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "OPENKAP_VAR": str(folder),
        "OPENKAP_HOSTS": "127.0.0.1,localhost",
        "DATABASE_URL": "",
        "OPENKAP_DEMO_PATIENTS": "60",
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-m", "openkap", "serve", "--demo", "--port", str(port), "--workers", "1"]
    url, log = f"http://127.0.0.1:{port}", folder / "stderr.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
    try:
        wait_for(url, process)
        yield Served(url, folder / "clinic.sqlite3")
    finally:
        process.terminate()
        process.wait(20)
    assert [line for line in log.read_text().splitlines() if '"level": "error"' in line] == []
