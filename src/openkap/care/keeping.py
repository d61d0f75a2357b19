"""Backup, check and restore of everything a clinic has written, while people work.

A backup is one tar file: ``manifest.json`` (when, which engine, SHA-256 of the data, where each audit chain
stood) and the data (a SQLite file, or PostgreSQL's own dump). The installation's secret is not in it: keep
that apart, or second factors and links of before cannot be read any more.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from openkap import __version__
from openkap.care.audit.chain import GENESIS
from openkap.care.audit.queries import chains, head_of
from openkap.care.audit.verify import FORMAT, verify_lines
from openkap.care.moment import now
from openkap.core.errors import DomainError

MANIFEST, DATA = "manifest.json", "data"
LAYOUT = 1
# Options of the connection without which a copy could travel unencrypted, or to somebody else.
ENCRYPTION = ("sslmode", "sslrootcert", "sslcert", "sslkey", "channel_binding")
EVENTS = "SELECT sequence, previous, digest, body FROM audit_auditevent WHERE chain = {} ORDER BY sequence"


class BackupError(DomainError):
    """A backup that cannot be made, trusted or put back."""


@dataclass
class Checked:
    """What a check of a backup found."""

    manifest: dict[str, Any]
    problems: list[str] = field(default_factory=list)
    events: int = 0

    @property
    def is_good(self) -> bool:
        return not self.problems


def make_backup(target: Path) -> Path:
    """Write a backup into the folder ``target`` and name it; people go on working meanwhile."""
    target.mkdir(parents=True, exist_ok=True)
    # Where the chains stood before the copy began: the copy must reach at least so far.
    anchors = {chain: list(head_of(chain)) for chain in chains()}
    with tempfile.TemporaryDirectory(dir=target) as folder:
        data = Path(folder) / DATA
        {"sqlite": _copy_sqlite, "postgresql": _dump_postgresql}[connection.vendor](data)
        manifest = {
            "openkap_backup": LAYOUT,
            "version": __version__,
            "made_at": now().isoformat(),
            "engine": connection.vendor,
            "bytes": data.stat().st_size,
            "sha256": _sha256(data),
            "secret": secret_mark(),
            "audit": anchors,
        }
        name = f"openkap-{now():%Y%m%dT%H%M%SZ}.tar"
        unfinished = Path(folder) / name
        with tarfile.open(unfinished, "w") as tar:
            _add_text(tar, MANIFEST, json.dumps(manifest, indent=2))
            tar.add(data, DATA)
        _sync(unfinished)
        unfinished.chmod(0o600)
        unfinished.replace(target / name)
        _sync(target)
    return target / name


def check_backup(path: Path) -> Checked:
    """Read the whole backup back: digest, database's own check, every audit chain up to its anchor."""
    with _unpacked(path) as (manifest, data):
        checked = Checked(manifest)
        if _sha256(data) != manifest["sha256"]:
            checked.problems.append("the data does not match its SHA-256: it was damaged or changed")
            return checked
        opener = {"sqlite": _open_sqlite, "postgresql": _open_dump}.get(manifest["engine"])
        if opener is None:
            checked.problems.append(f"unknown engine {manifest['engine']!r}")
            return checked
        with opener(data, checked) as select:
            if select:
                _check_chains(select, manifest["audit"], checked)
        return checked


def restore_backup(path: Path, *, replace: bool = False) -> Checked:
    """Put a good backup in the place of this installation's database."""
    checked = check_backup(path)
    if not checked.is_good:
        raise BackupError("the backup is not whole", value="; ".join(checked.problems), remedy="use another")
    if checked.manifest["engine"] != connection.vendor:
        raise BackupError(
            "the backup is of another engine",
            value=checked.manifest["engine"],
            limit=connection.vendor,
            remedy="set DATABASE_URL to a database of that engine",
        )
    if not replace and connection.introspection.table_names():
        raise BackupError(
            "this database is not empty", remedy="stop the server, make a backup of it, then use --replace"
        )
    with _unpacked(path) as (_, data):
        {"sqlite": _put_sqlite, "postgresql": _put_postgresql}[connection.vendor](data)
    return checked


def secret_mark() -> str:
    """A mark by which a restored installation sees that it has the same secret; tells nothing about it."""
    return hashlib.sha256(b"openkap-secret-mark" + settings.SECRET_KEY.encode()).hexdigest()[:16]


def _check_chains(select: Callable[[str], Iterator[Any]], anchors: dict[str, Any], checked: Checked) -> None:
    for chain, (sequence, digest) in sorted(anchors.items()):
        known = {sequence: digest} if sequence else {}
        report = verify_lines(_export(select, chain), known)
        checked.events += report.events
        checked.problems += [f"audit chain {chain}: {finding}" for finding in report.findings]
        if report.last_sequence < sequence:
            checked.problems.append(f"audit chain {chain} ends at {report.last_sequence}, not at {sequence}")


def _export(select: Callable[[str], Iterator[Any]], chain: str) -> Iterator[str]:
    yield json.dumps({"openkap_audit": FORMAT, "chain": chain, "first": 1, "previous": GENESIS})
    sequence, last = 0, GENESIS
    for sequence, previous, last, body in select(chain):
        yield json.dumps({"sequence": sequence, "previous": previous, "digest": last, "body": body})
    yield json.dumps({"end": sequence, "digest": last})


@contextmanager
def _unpacked(path: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            with tarfile.open(path) as tar:
                tar.extractall(folder, filter="data")
            manifest = json.loads((Path(folder) / MANIFEST).read_text(encoding="utf-8"))
            data = Path(folder) / DATA
            if manifest["openkap_backup"] != LAYOUT or not data.is_file():
                raise ValueError("another layout")
            yield manifest, data
        except (tarfile.TarError, OSError, ValueError, KeyError, EOFError) as failed:
            raise BackupError(
                "the file cannot be read as a backup",
                value=f"{path}: {type(failed).__name__}",
                remedy="use a file that openkap backup wrote",
            ) from None


def _copy_sqlite(data: Path) -> None:
    """SQLite's online backup: a consistent copy, page by page, without stopping writers."""
    connection.ensure_connection()
    with closing(sqlite3.connect(data)) as copy:
        try:
            connection.connection.backup(copy)
        except sqlite3.OperationalError as failed:
            # What is read was open before: it is the folder of the backups that cannot be written to.
            raise BackupError(
                f"the backup cannot be written: {failed}",
                value=data.parent.parent,
                remedy="make room there, or choose another folder",
            ) from None
    _sync(data)


@contextmanager
def _open_sqlite(data: Path, checked: Checked) -> Iterator[Callable[[str], Iterator[Any]] | None]:
    try:
        with closing(sqlite3.connect(f"file:{data}?mode=ro&immutable=1", uri=True)) as copy:
            (answer,) = copy.execute("PRAGMA integrity_check").fetchone()
            broken = copy.execute("PRAGMA foreign_key_check").fetchone()
            if answer != "ok" or broken:
                checked.problems.append(
                    f"SQLite's own check says: {answer}{' (foreign keys)' if broken else ''}"
                )
            yield lambda chain: copy.execute(EVENTS.format("?"), [chain])
    except sqlite3.DatabaseError as failed:
        checked.problems.append(f"SQLite cannot read it: {failed}")
        yield None


def _put_sqlite(data: Path) -> None:
    """Into the file that is there, so that a connection kept open sees it; a broken one is swapped."""
    place = Path(connection.settings_dict["NAME"])
    connection.close()
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(data)) as copy, closing(sqlite3.connect(place, timeout=20)) as target:
            copy.backup(target)
    except sqlite3.DatabaseError:
        _swap_sqlite(data, place)
    _sync(place)


def _swap_sqlite(data: Path, place: Path) -> None:
    for suffix in ("-wal", "-shm"):
        Path(f"{place}{suffix}").unlink(missing_ok=True)
    beside = place.with_name(f"{place.name}.restored")
    shutil.copyfile(data, beside)
    _sync(beside)
    beside.replace(place)
    _sync(place.parent)


def _dump_postgresql(data: Path) -> None:
    """PostgreSQL's own dump: one snapshot, taken while others write."""
    _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={data}", _named())
    _sync(data)


@contextmanager
def _open_dump(data: Path, checked: Checked) -> Iterator[Callable[[str], Iterator[Any]] | None]:
    """Restore into a database of its own on the same server, look, and drop it."""
    import psycopg

    if connection.vendor != "postgresql":
        checked.problems.append(
            "it was not tried: it is a copy of PostgreSQL, and DATABASE_URL names no PostgreSQL server to "
            "restore it into"
        )
        yield None
        return
    scratch = f"openkap_check_{os.getpid()}"
    with psycopg.connect(database_url(), autocommit=True) as server:
        _make_scratch(server, scratch)
        try:
            _run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={_named(scratch)}", str(data))
            with psycopg.connect(database_url(scratch)) as copy:
                yield lambda chain: iter(copy.execute(EVENTS.format("%s"), [chain]))
        except (BackupError, psycopg.Error) as failed:
            checked.problems.append(f"PostgreSQL cannot restore it: {failed}")
            yield None
        finally:
            server.execute(f'DROP DATABASE IF EXISTS "{scratch}" WITH (FORCE)')


def _make_scratch(server: Any, name: str) -> None:
    from psycopg.errors import InsufficientPrivilege

    try:
        server.execute(f'CREATE DATABASE "{name}"')
    except InsufficientPrivilege:
        user = connection.settings_dict["USER"]
        raise BackupError(
            "the backup was not tried: the database's user may make no database to restore it into",
            value=user,
            remedy=f"as PostgreSQL's administrator: ALTER ROLE {user} CREATEDB",
        ) from None


def _put_postgresql(data: Path) -> None:
    """In one transaction everything goes, also what a newer version has added, and the copy comes."""
    connection.close()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "restore.sql"
        _run("pg_restore", "--no-owner", f"--file={script}", str(data))
        _run(
            *("psql", "--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1"),
            *("--command=DROP SCHEMA public CASCADE", "--command=CREATE SCHEMA public"),
            f"--file={script}",
            f"--dbname={_named()}",
        )


def database_url(name: str = "") -> str:
    """A libpq connection string of the clinic's database, or of another one on its server."""
    from psycopg.conninfo import make_conninfo

    return make_conninfo(_named(name), password=connection.settings_dict["PASSWORD"] or None)


def _named(name: str = "") -> str:
    """The same without the password: everybody on the machine can read how a program was called."""
    from psycopg.conninfo import make_conninfo

    given = connection.settings_dict
    options = given["OPTIONS"]
    return make_conninfo(
        dbname=name or given["NAME"],
        user=given["USER"] or None,
        host=given["HOST"] or None,
        port=given["PORT"] or None,
        **{key: options[key] for key in ENCRYPTION if options.get(key)},
    )


def _run(program: str, *arguments: str) -> None:
    if shutil.which(program) is None:
        raise BackupError(f"{program} is not installed", remedy="install PostgreSQL's client programs")
    password = connection.settings_dict["PASSWORD"]
    environment = os.environ | ({"PGPASSWORD": password} if password else {})
    command = [program, *arguments]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if answer.returncode:
        lines = answer.stderr.strip().splitlines()
        raise BackupError(f"{program} failed", value=lines[-1] if lines else answer.returncode)


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(text.encode())
    tar.addfile(info, io.BytesIO(text.encode()))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
