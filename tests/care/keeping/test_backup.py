"""A backup made while people work can be trusted, and put back."""

import json
import re
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from keeping.conftest import server

from openkap.care import keeping

pytestmark = pytest.mark.xdist_group("clinic-keeping")

COUNT = "from openkap.care.patients.models import Identity; print(Identity.objects.count())"
WRITE_ON = """
from openkap.care.accounts.models import Staff
from openkap.care.accounts.actor import actor_for
from openkap.care.patients.actions import NewPatient, register_referral
by = actor_for(Staff.objects.get(email="cora@example.org"))
print("writing", flush=True)
while True:
    register_referral(by=by, person=NewPatient("Meanwhile", "Sam"))
"""


@pytest.mark.slow
def test_a_backup_is_made_while_others_write_and_is_whole(filled, tmp_path):
    writer = subprocess.Popen(
        [sys.executable, "-m", "openkap.care.manage", "shell", "-v", "0", "-c", WRITE_ON],
        env=filled.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert writer.stdout.readline() == "writing\n"
        answer = filled.openkap("backup", str(tmp_path / "kept"), "--json")
        assert writer.poll() is None, "the writer went on"
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    told = json.loads(answer.stdout)
    assert told["good"]
    assert told["events"] >= 5


@pytest.mark.slow
def test_what_was_lost_comes_back(filled, tmp_path):
    answer = filled.openkap("backup", str(tmp_path / "kept"))
    file = re.match(r"(\S+\.tar) is whole", answer.stdout).group(1)
    filled.shell("from openkap.care.patients.models import Identity; Identity.objects.all().delete()")
    assert filled.shell(COUNT) == "0"
    refused = filled.openkap("restore", file, check=1)
    assert "not empty" in refused.stderr
    filled.openkap("restore", "--replace", file)
    assert filled.shell(COUNT) == "5"
    assert "whole" in filled.openkap("audit", "check").stdout


@pytest.mark.slow
def test_a_connection_kept_open_sees_what_was_restored_and_a_broken_file_is_replaced(filled, tmp_path):
    """Somebody forgot to stop the server: what it writes from now on must not go into a file nobody sees."""
    if "postgres" in filled.environment.get("DATABASE_URL", ""):
        pytest.skip("PostgreSQL has no file to swap")
    place = Path(filled.environment["OPENKAP_VAR"]) / "clinic.sqlite3"
    file = re.match(r"(\S+\.tar) is whole", filled.openkap("backup", str(tmp_path / "kept")).stdout).group(1)
    filled.shell("from openkap.care.patients.models import Identity; Identity.objects.all().delete()")
    with closing(sqlite3.connect(place)) as kept:
        count = lambda: kept.execute("SELECT COUNT(*) FROM patients_identity").fetchone()  # noqa: E731
        assert count() == (0,)
        filled.openkap("restore", "--replace", file)
        assert count() == (5,)
    place.write_bytes(b"no database at all" * 1000)
    filled.openkap("restore", "--replace", file)
    assert filled.shell(COUNT) == "5"


on_postgresql = pytest.mark.skipif(
    "sqlite" in settings.DATABASES["default"]["ENGINE"], reason="SQLite has neither users nor a server"
)


@on_postgresql
@pytest.mark.slow
def test_a_backup_of_before_an_upgrade_comes_back_over_what_the_newer_version_added(filled, tmp_path):
    file = re.match(r"(\S+\.tar) is whole", filled.openkap("backup", str(tmp_path / "kept")).stdout).group(1)
    filled.shell(
        "from django.db import connection\n"
        "with connection.cursor() as cursor:\n"
        "    cursor.execute('CREATE TABLE newer (patient bigint REFERENCES patients_patient (id))')"
    )
    filled.openkap("restore", "--replace", file)
    assert filled.shell(COUNT) == "5"
    tables = filled.shell("from django.db import connection; print(connection.introspection.table_names())")
    assert "newer" not in tables


@on_postgresql
@pytest.mark.slow
def test_a_backup_that_may_not_be_tried_says_what_the_user_lacks(filled, tmp_path):
    role = f"plain_{filled.database}"
    server(f'CREATE ROLE "{role}" LOGIN IN ROLE pg_read_all_data')
    filled.environment["DATABASE_URL"] = filled.environment["DATABASE_URL"].replace(
        "://postgres", f"://{role}", 1
    )
    try:
        refused = filled.openkap("backup", str(tmp_path / "kept"), check=1)
    finally:
        server(f'DROP ROLE "{role}"')
    assert f"ALTER ROLE {role} CREATEDB" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_backup_that_has_no_room_names_its_folder_and_leaves_nothing(monkeypatch, tmp_path):
    class Full:
        vendor = "sqlite"

        def ensure_connection(self):
            self.connection = self

        def backup(self, copy):
            raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(keeping, "connection", Full())
    monkeypatch.setattr(keeping, "chains", list)
    with pytest.raises(keeping.BackupError, match=f"disk is full .given: {tmp_path}.; make room there"):
        keeping.make_backup(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_program_is_called_with_the_password_and_encryption_stays_asked_for(monkeypatch):
    given = {"NAME": "clinic", "USER": "openkap", "PASSWORD": "sekret", "HOST": "db", "PORT": "5432"}
    given["OPTIONS"] = {"sslmode": "verify-full", "server_side_binding": True}
    monkeypatch.setattr(keeping, "connection", SimpleNamespace(settings_dict=given))
    monkeypatch.setattr(keeping.shutil, "which", lambda program: program)
    called = []
    run = lambda command, **more: (called.append((command, more["env"])), SimpleNamespace(returncode=0))[1]  # noqa: E731
    monkeypatch.setattr(keeping.subprocess, "run", run)
    keeping._run("pg_dump", keeping._named())
    ((command, environment),) = called
    assert "sekret" not in " ".join(command)
    assert "sslmode=verify-full" in command[1]
    assert environment["PGPASSWORD"] == "sekret"
    assert "sekret" in keeping.database_url()


@pytest.mark.slow
def test_a_copy_of_postgresql_that_cannot_be_tried_here_says_why(filled, tmp_path):
    if not filled.database:
        pytest.skip("a copy of SQLite can be tried anywhere")
    file = re.match(r"(\S+\.tar) is whole", filled.openkap("backup", str(tmp_path / "kept")).stdout).group(1)
    filled.environment["DATABASE_URL"] = ""
    told = filled.openkap("verify-backup", file, check=1)
    assert "DATABASE_URL names no PostgreSQL server to restore it into" in told.stdout


@pytest.mark.slow
def test_a_damaged_backup_is_found_out_and_never_restored(filled, tmp_path):
    answer = filled.openkap("backup", str(tmp_path / "kept"))
    file = tmp_path / "kept" / re.match(r".*/(\S+\.tar) is whole", answer.stdout).group(1)
    whole = file.read_bytes()
    with tarfile.open(file) as tar:
        start = tar.getmember("data").offset_data
    damages = {
        "one bit": whole[: start + 5000] + bytes([whole[start + 5000] ^ 1]) + whole[start + 5001 :],
        "cut off": whole[: start + 5000],
        "no archive": b"nothing of the kind",
    }
    for name, damaged in damages.items():
        file.write_bytes(damaged)
        assert filled.openkap("verify-backup", str(file), check=None).returncode == 1, name
    assert filled.openkap("restore", "--replace", str(file), check=None).returncode == 1
    assert filled.shell(COUNT) == "5"


@pytest.mark.slow
def test_a_backup_of_a_forged_chain_is_found_out(filled, tmp_path):
    forge = """
from django.db import connection
from openkap.care.append_only import release_sql
with connection.cursor() as cursor:
    for statement in release_sql("audit_auditevent", connection.vendor):
        cursor.execute(statement)
    cursor.execute("UPDATE audit_auditevent SET body = replace(body, 'patient.registered', 'nothing.happened')")
"""
    filled.shell(forge)
    answer = filled.openkap("backup", str(tmp_path / "kept"), check=1)
    assert "its text does not match its digest" in answer.stdout


@pytest.mark.slow
def test_the_first_clinic_is_opened_from_the_console_once(filled):
    arguments = ("found-clinic", "Harbour Clinic", "--admin", "first@example.org", "--name", "First Admin")
    assert "/account/password/reset/key/" in filled.openkap(*arguments).stdout
    assert "has this address already" in filled.openkap(*arguments, check=1).stderr


@pytest.mark.slow
def test_the_deployment_check_says_what_is_missing_and_is_content_when_nothing_is(filled):
    told = json.loads(filled.openkap("check", "--deploy", "--json", check=1).stdout)
    found = {row["id"] for row in told["findings"]}
    assert {"openkap.E003", "openkap.E004"} <= found
    filled.environment |= {
        "OPENKAP_BASE_URL": "https://clinic.example.org",
        "OPENKAP_HOSTS": "clinic.example.org",
        "OPENKAP_CHANNEL": "openkap.care.messaging.channels.EmailChannel",
        "OPENKAP_BEHIND_PROXY": "yes",
        "OPENKAP_TRUSTED_PROXIES": "1",
    }
    assert filled.openkap("check", "--deploy").stdout.splitlines()[-1] == "ready to serve"


@pytest.mark.slow
def test_one_small_site_on_sqlite_is_ready_and_told_of_its_limit(filled):
    filled.environment |= {
        "OPENKAP_BASE_URL": "https://clinic.example.org",
        "OPENKAP_HOSTS": "clinic.example.org",
        "OPENKAP_CHANNEL": "openkap.care.messaging.channels.EmailChannel",
        "OPENKAP_BEHIND_PROXY": "yes",
        "OPENKAP_TRUSTED_PROXIES": "1",
    }
    told = json.loads(filled.openkap("check", "--deploy", "--json").stdout)
    assert told["ready"]
    is_small = not filled.environment["DATABASE_URL"]
    assert [row["id"] for row in told["findings"]] == (["openkap.W001"] if is_small else [])


@pytest.mark.slow
def test_limits_of_the_site_that_cannot_be_used_have_a_number_of_their_own(filled, tmp_path):
    broken = tmp_path / "site.yaml"
    broken.write_text("no such: thing")
    filled.environment |= {"OPENKAP_SITE_FILE": str(broken)}
    told = json.loads(filled.openkap("check", "--deploy", "--json", check=1).stdout)
    assert "openkap.E010" in {row["id"] for row in told["findings"]}
