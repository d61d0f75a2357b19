"""A release of the registry on disk: Parquet parts and a manifest, written beside and swapped in.

``root/current`` names the release in force. A release that was not finished has no manifest and is never
named there, so a killed writer leaves the last good one in place.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openkap.core.clock import aware
from openkap.core.errors import InputError
from openkap.registry.schema import RegistrySchema, read_schema

if TYPE_CHECKING:
    import pyarrow as pa

CURRENT = "current"
MANIFEST = "manifest.json"
KEPT_RELEASES = 3


@dataclass(frozen=True)
class Part:
    """One Parquet file of one table."""

    file: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """A finished release: where it lies, what it holds, when it was taken and up to which day it counts."""

    path: Path
    release: str
    schema_fingerprint: str
    extracted_at: datetime
    as_of: date
    parts: dict[str, tuple[Part, ...]] = field(repr=False)

    def files(self, table: str) -> list[str]:
        """The Parquet files of a table, as absolute paths."""
        return [str(self.path / part.file) for part in self.parts.get(table, ())]

    def rows(self, table: str) -> int:
        """How many rows a table has."""
        return sum(part.rows for part in self.parts.get(table, ()))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over schema, day of the data cut and every part: the name of these very data."""
        digest = hashlib.sha256(f"{self.schema_fingerprint} {self.as_of}\n".encode())
        for table in sorted(self.parts):
            for part in self.parts[table]:
                digest.update(f"{table} {part.sha256}\n".encode())
        return digest.hexdigest()

    def verify(self) -> None:
        """Read every byte once; ``InputError`` for a part that is not what was written."""
        for parts in self.parts.values():
            for part in parts:
                if _sha256(self.path / part.file) != part.sha256:
                    raise _damaged(self.path / part.file, "its content is not what was written")


def open_dataset(root: Path, schema: RegistrySchema | None = None) -> Dataset:
    """The release in force below ``root``.

    Raises ``InputError`` when there is none, when a part is missing or cut short, or when it was written
    with another schema.
    """
    schema = schema or read_schema()
    name = current_release(root)
    if name is None:
        raise InputError(
            "no registry release here",
            limit=f"a folder with a file named {CURRENT}",
            remedy="run `openkap registry extract` or `openkap registry synth` first",
            where=str(root),
        )
    return read_release(root / name, schema)


def current_release(root: Path) -> str | None:
    """The name of the release in force, or ``None``."""
    try:
        return (root / CURRENT).read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def read_release(path: Path, schema: RegistrySchema) -> Dataset:
    """The release in a folder, checked for completeness and schema."""
    try:
        raw = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        dataset = Dataset(
            path=path,
            release=path.name,
            schema_fingerprint=raw["schema_fingerprint"],
            extracted_at=aware(datetime.fromisoformat(raw["extracted_at"])),
            as_of=date.fromisoformat(raw["as_of"]),
            parts={table: tuple(Part(**part) for part in parts) for table, parts in raw["tables"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError) as failed:
        raise InputError(
            f"the release has no readable manifest ({type(failed).__name__})",
            remedy="take the extract again, or point `current` at an older release",
            where=str(path / MANIFEST),
        ) from None
    if dataset.schema_fingerprint != schema.fingerprint:
        raise InputError(
            "the release was written with another schema",
            value=dataset.schema_fingerprint[:12],
            limit=schema.fingerprint[:12],
            remedy="take a full extract with this version",
            where=str(path),
        )
    for parts in dataset.parts.values():
        for part in parts:
            file = path / part.file
            size = file.stat().st_size if file.exists() else None
            if size != part.bytes:
                raise _damaged(file, f"{size} bytes instead of {part.bytes}")
    return dataset


class ReleaseWriter:
    """Writes one release beside the one in force; ``finish`` swaps it in, or nothing changes.

    Use as a context manager: leaving it by an error removes what was written.
    """

    def __init__(
        self, root: Path, *, now: datetime, as_of: date, schema: RegistrySchema | None = None
    ) -> None:
        self.root, self.now, self.as_of = root, aware(now), as_of
        self.schema = schema or read_schema()
        root.mkdir(parents=True, exist_ok=True)
        self.release = self._next_name()
        self.path = root / f".writing-{self.release}"
        self._parts: dict[str, list[Part]] = {table.name: [] for table in self.schema.tables}
        self._finished = False

    def _next_name(self) -> str:
        numbers = [int(each.name.removeprefix("release-")) for each in self.root.glob("release-[0-9]*")]
        return f"release-{max(numbers, default=0) + 1:06d}"

    def __enter__(self) -> ReleaseWriter:
        for stale in self.root.glob(".writing-*"):
            shutil.rmtree(stale)
        self.path.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._finished:
            shutil.rmtree(self.path, ignore_errors=True)

    def write(self, table: str, rows: pa.Table) -> None:
        """Append one part; the rows must have the types of the schema."""
        import pyarrow.parquet as pq

        if rows.num_rows == 0:
            return
        rows = rows.cast(self.schema.table(table).arrow())
        file = f"{table}/part-{len(self._parts[table]):05d}.parquet"
        place = self.path / file
        place.parent.mkdir(exist_ok=True)
        pq.write_table(rows, place, compression="zstd", compression_level=1)
        self._parts[table].append(Part(file, rows.num_rows, place.stat().st_size, _sha256(place)))

    def keep(self, table: str, part: Part, base: Dataset) -> None:
        """Take over an unchanged part of an earlier release without copying its bytes where possible."""
        file = f"{table}/part-{len(self._parts[table]):05d}.parquet"
        place = self.path / file
        place.parent.mkdir(exist_ok=True)
        try:
            os.link(base.path / part.file, place)
        except OSError:
            shutil.copy2(base.path / part.file, place)
        self._parts[table].append(Part(file, part.rows, part.bytes, part.sha256))

    def finish(self) -> Dataset:
        """Write the manifest, rename the folder, and name it in ``current`` by one atomic replacement."""
        manifest: dict[str, Any] = {
            "schema_fingerprint": self.schema.fingerprint,
            "extracted_at": self.now.isoformat(),
            "as_of": self.as_of.isoformat(),
            "tables": {table: [vars(part) for part in parts] for table, parts in self._parts.items()},
        }
        (self.path / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        final = self.root / self.release
        self.path.rename(final)
        beside = self.root / f".{CURRENT}-{self.release}"
        beside.write_text(self.release + "\n", encoding="utf-8")
        beside.replace(self.root / CURRENT)
        self._finished = True
        for old in sorted(self.root.glob("release-[0-9]*"))[:-KEPT_RELEASES]:
            shutil.rmtree(old)
        return read_release(final, self.schema)


@contextmanager
def one_writer(root: Path) -> Iterator[None]:
    """Only one process writes below ``root`` at a time; the lock ends with the process."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                "another extract is running", remedy="wait until it has ended", where=str(root)
            ) from None
        yield


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(file: Path, why: str) -> InputError:
    return InputError(
        f"a part of the release is damaged: {why}", remedy="take the extract again", where=str(file)
    )
