"""Two machines of one PostgreSQL that start at once on an empty database."""

from __future__ import annotations

import subprocess
import sys
import time

import psycopg
import pytest
from django.conf import settings
from keeping.conftest import make_installation, server

from openkap.care.one_migration import LOCK

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="SQLite is one machine's"),
]
START = """
from openkap.commands.django_door import open_django
open_django()
from openkap.commands.serve import prepare_database
prepare_database()
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"


@pytest.fixture
def installation(tmp_path):
    made = make_installation(tmp_path)
    yield made
    server(f'DROP DATABASE "{made.database}" WITH (FORCE)')


def test_one_of_two_machines_migrates_and_the_other_waits_for_it(installation):
    with psycopg.connect(installation.environment["DATABASE_URL"]) as migrating:
        migrating.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        machines = [
            subprocess.Popen(
                [sys.executable, "-c", START],
                env=installation.environment,
                cwd=installation.folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for _ in range(2)
        ]
        # Both stand before the lock together, so that both go on in the same moment.
        while migrating.execute(WAITING, [LOCK]).fetchone()[0] < 2:
            assert [each.poll() for each in machines] == [None, None], machines[0].communicate()[0]
            time.sleep(0.05)
    told = [each.communicate()[0] for each in machines]
    assert [each.returncode for each in machines] == [0, 0], told
    assert ["another machine brings the database to its version: waiting" in each for each in told] == [
        True
    ] * 2
    assert (
        installation.shell("from openkap.care.accounts.models import Clinic; print(Clinic.objects.count())")
        == "0"
    )
