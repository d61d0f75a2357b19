"""What goes wrong outside the program ends as one message that says what to do, and never shows the password."""

from __future__ import annotations

import errno
import os
import socket
import sqlite3
import subprocess
import sys

import pytest

from openkap.commands.mendable import mendable
from openkap.commands.serve import wait_for_port
from openkap.core.errors import InputError

SECRET = "geheim"


@pytest.fixture
def openkap(tmp_path):
    """Runs a command of an installation that nobody has set up."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "OPENKAP_VAR": str(tmp_path / "var"), "OPENKAP_DEMO": "no", **variables}
        environment["DJANGO_SETTINGS_MODULE"] = "openkap.care.settings"
        command = [sys.executable, "-m", "openkap", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def nobody_listens() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (
            f"mysql://openkap:{SECRET}@db/clinic",
            "DATABASE_URL begins with 'mysql'; it must begin with sqlite://",
        ),
        (f"postgresql://openkap:{SECRET}/2@db/clinic", "the port in DATABASE_URL is no number"),
        (f"postgresql://openkap:{SECRET}@db/", "DATABASE_URL names no database"),
        ("sqlite://clinic.sqlite3", "DATABASE_URL names no file"),
        (
            "sqlite:////nowhere/at/all/clinic.sqlite3",
            "/nowhere/at/all/clinic.sqlite3: the database file cannot be",
        ),
    ],
)
def test_a_wrong_address_of_the_database_is_said_in_one_line(openkap, tmp_path, url, says):
    told = openkap("backup", str(tmp_path), DATABASE_URL=url)
    assert told.returncode == 1
    assert told.stderr.startswith("openkap: ")
    assert told.stderr.count("\n") == 1
    assert says in told.stderr
    assert SECRET not in told.stderr


def test_a_server_that_is_not_there_is_said_with_its_place_and_without_the_password(openkap):
    place = f"127.0.0.1:{nobody_listens()}/clinic"
    told = openkap("found-clinic", "X", "--admin", "a@example.org", "--name", "A",
                   DATABASE_URL=f"postgresql://openkap:{SECRET}@{place}")  # fmt: skip
    assert told.returncode == 1
    assert f"postgresql://openkap@{place}: the database cannot be reached" in told.stderr
    assert "Traceback" not in told.stderr
    assert SECRET not in told.stderr


def test_the_check_before_serving_says_that_the_database_does_not_answer(openkap):
    told = openkap(
        "check", "--deploy", DATABASE_URL=f"postgresql://openkap:{SECRET}@127.0.0.1:{nobody_listens()}/x"
    )
    assert told.returncode == 1
    assert "openkap.E011: postgresql://openkap@127.0.0.1" in told.stdout
    assert SECRET not in told.stdout + told.stderr


def test_jobs_without_a_database_or_its_tables_say_so_in_one_line_and_end_with_one(openkap):
    address = f"postgresql://openkap:{SECRET}@127.0.0.1:{nobody_listens()}/x"
    away, empty = openkap("jobs", "--once", DATABASE_URL=address), openkap("jobs", "--once", DATABASE_URL="")
    assert (away.returncode, empty.returncode) == (1, 1)
    assert "the database cannot be reached" in away.stderr
    assert "has not the tables of this version; start openkap serve" in empty.stderr
    assert away.stderr.count("\n") == empty.stderr.count("\n") == 1


def test_a_setting_that_is_no_number_is_named(openkap):
    told = openkap("check", "--deploy", OPENKAP_LOCKOUT_ATTEMPTS="five")
    assert told.returncode == 1
    assert "OPENKAP_LOCKOUT_ATTEMPTS is 'five'; write a whole number" in told.stderr


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/backups/data"),
            "no space left on device (given: /backups",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/var/lib/openkap"),
            "let the user that runs this write",
        ),
        (sqlite3.OperationalError("database or disk is full"), "the disk of the database is full"),
        (sqlite3.DatabaseError("file is not a database"), "openkap restore --replace FILE"),
        (sqlite3.OperationalError("no such table: audit_auditevent"), "has not the tables of this version"),
    ],
)
def test_what_a_person_can_mend_says_the_next_step(error, says):
    assert says in str(mendable(error))


@pytest.mark.parametrize(
    "error", [ValueError("x"), OSError("x"), sqlite3.OperationalError("near SELECT: syntax error")]
)
def test_a_mistake_of_the_program_keeps_its_traceback(error):
    assert mendable(error) is None


def test_a_port_that_somebody_holds_is_refused_before_anything_is_done():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port}.*--port"):
            wait_for_port("127.0.0.1", port, seconds=0)
    wait_for_port("127.0.0.1", port, seconds=0)
