"""What goes wrong outside the program and a person can mend: settings, database, disk, port.

A command ends with one message for these, as for every other refusal; anything else keeps its traceback, as
it is a mistake of ours. Nothing here loads Django: what failed without it is no matter of the database.
"""

from __future__ import annotations

import errno
import sqlite3
import sys
from pathlib import Path

from openkap.core.errors import DomainError, InputError

# Words of SQLite and PostgreSQL -> what it is and what to do. The first that is found counts.
DATABASE_WORDS = (
    (("no such table", "no such column", "UndefinedTable", "UndefinedColumn"), (
        "the database has not the tables of this version",
        "look whether it is the right one; openkap serve makes the tables and brings them up to date",
    )),
    (("is full", "No space left"), (
        "the disk of the database is full", "make room; what was acknowledged before is kept",
    )),
    (("not a database", "malformed", "disk I/O error"), (
        "the database file is damaged, or is none",
        "put the last backup back: openkap restore --replace FILE",
    )),
    (("readonly", "read-only", "unable to open"), (
        "the database file cannot be opened for writing",
        "look that its folder is there and belongs to the user that runs this",
    )),
    (("is locked",), (
        "another process holds the database", "wait until it has ended, or stop it, and try again",
    )),
    (("password authentication failed", "no password supplied"), (
        "the database refuses the user or the password",
        "correct DATABASE_URL; signs such as / # @ in a password are written %2F %23 %40",
    )),
    (("does not exist",), (
        "the server knows no such database or user", "correct DATABASE_URL, or make it (docs/deploy.md)",
    )),
)  # fmt: skip
UNREACHED = ("the database cannot be reached", "start it, or correct DATABASE_URL")
# Faults of the machine that a person mends; the others may be ours.
MACHINE = {
    errno.ENOSPC: "make room on this disk",
    errno.EDQUOT: "make room on this disk",
    errno.EROFS: "choose a folder that can be written to",
    errno.EACCES: "let the user that runs this write there, or choose another place",
    errno.EPERM: "let the user that runs this write there, or choose another place",
    errno.ENOENT: "look whether the path is right and the folder above it is there",
    errno.ENOTDIR: "choose another place: a file stands where a folder should",
    errno.EADDRINUSE: "stop what listens there, or choose another port",
    errno.EADDRNOTAVAIL: "choose an address of this machine",
}


def mendable(error: Exception) -> DomainError | None:
    """The error for a person, where a person can mend it; ``None`` for a mistake of the program."""
    if isinstance(error, OSError):
        return _of_machine(error)
    if "django" not in sys.modules:
        return None
    from django.core.exceptions import ImproperlyConfigured
    from django.db import OperationalError, ProgrammingError

    if isinstance(error, ImproperlyConfigured):
        return InputError(str(error), remedy="docs/deploy.md lists every setting")
    if isinstance(error, (OperationalError, ProgrammingError)) or _is_of_driver(error):
        return of_database(error)
    return None


def _of_machine(error: OSError) -> DomainError | None:
    remedy = MACHINE.get(error.errno or 0)
    if remedy is None or error.strerror is None:
        return None
    what = error.strerror[:1].lower() + error.strerror[1:]
    return DomainError(what, value=error.filename, remedy=remedy)


def _is_of_driver(error: Exception) -> bool:
    """Backups speak with the drivers themselves."""
    psycopg = sys.modules.get("psycopg")
    return isinstance(error, sqlite3.DatabaseError) or (
        psycopg is not None and isinstance(error, psycopg.OperationalError)
    )


def of_database(error: Exception) -> DomainError | None:
    """What the database said, and where it is; ``None`` where a statement of ours is wrong."""
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    text = f"{said} {type(error.__cause__).__name__}"
    for words, (what, remedy) in DATABASE_WORDS:
        if any(word in text for word in words):
            return DomainError(f"{what}: {said}", where=_where(), remedy=remedy)
    if not _is_about_connection(said):
        return None
    what, remedy = UNREACHED
    return DomainError(f"{what}: {said}", where=_where(), remedy=remedy)


def _is_about_connection(said: str) -> bool:
    return any(word in said for word in ("connect", "server", "terminat", "SSL", "SCRAM"))


def _where() -> str:
    """The database by its place, never with the password."""
    from django.conf import settings

    given = settings.DATABASES["default"]
    if given["ENGINE"].endswith("sqlite3"):
        return str(Path(given["NAME"]))
    port = f":{given['PORT']}" if given["PORT"] else ""
    return f"postgresql://{given['USER']}@{given['HOST'] or 'this machine'}{port}/{given['NAME']}"
