"""From the clinic's plain rows to a release: pseudonyms, consent, local days, upsert by key.

The caller hands in rows as mappings with the clinic's own identifiers; nothing here knows where they come
from. Only people whose latest decision on registry use is *given* enter; one who withdrew leaves every
table of the next release.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from openkap.core.clock import aware
from openkap.core.errors import InputError
from openkap.registry.dataset import (
    Dataset,
    ReleaseWriter,
    current_release,
    one_writer,
    open_dataset,
)
from openkap.registry.schema import Column, RegistrySchema, Table, read_schema

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]
ROWS_A_PART = 500_000
SHORTEST_KEY_BYTES = 16
_PYTHON: dict[str, tuple[type, ...]] = {
    "int32": (int,),
    "float64": (int, float),
    "string": (str,),
}


def pseudonym(key: bytes, kind: str, identifier: object) -> int:
    """A 63-bit name for one identifier of one kind, the same at every extract with the same key.

    HMAC-SHA-256 (RFC 2104), cut to 63 bits: without the key it can neither be computed nor reversed.
    """
    digest = hmac.new(key, f"{kind}\x1f{identifier}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8]) >> 1


@dataclass
class Outcome:
    """What an extract did: the release, rows written, people left out for want of consent."""

    dataset: Dataset
    rows: dict[str, int] = field(default_factory=dict)
    without_consent: int = 0
    withdrawn: int = 0


def extract(
    root: Path,
    rows: Mapping[str, Iterable[Row]],
    *,
    key: bytes,
    now: datetime,
    as_of: date,
    incremental: bool = False,
    schema: RegistrySchema | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> Outcome:
    """Write a release from plain rows.

    Parameters
    ----------
    root : folder of the registry's releases.
    rows : table name -> rows with the clinic's identifiers. A full extract holds everything. An incremental
        one holds the rows that are new or changed since ``Dataset.extracted_at`` of the release in force,
        and all rows of ``consent``.
    key : secret of the clinic for pseudonyms, at least 16 bytes; never stored in the release.
    now : moment of the extract; ``as_of`` the last day that counts as observed.
    progress : called with the name of each table before it is written.

    Raises
    ------
    InputError
        for a clock that ran backwards, a row with an unknown column, a wrong type, an unknown code, or a
        reference to a row that does not exist.
    """
    schema = schema or read_schema()
    _check(key, rows, schema)
    with one_writer(root):
        base = open_dataset(root, schema) if incremental and current_release(root) else None
        _refuse_backward_clock(root, aware(now), schema, base)
        with ReleaseWriter(root, now=now, as_of=as_of, schema=schema) as writer:
            run = _Run(schema, key, writer, base)
            for table in schema.tables:
                progress(table.name)
                run.take(table, rows.get(table.name, ()), rows)
            dataset = writer.finish()
    return Outcome(dataset, run.written, len(run.refused_patients), len(run.withdrawn_patients))


class _Run:
    """One extract: which identifiers were admitted, table by table in the order of references."""

    def __init__(
        self, schema: RegistrySchema, key: bytes, writer: ReleaseWriter, base: Dataset | None
    ) -> None:
        self.schema, self.key, self.writer, self.base = schema, key, writer, base
        self.admitted: dict[str, set[int]] = {}
        self.refused: dict[str, set[int]] = {}
        self.zones: dict[int, ZoneInfo] = {}
        self.site_of: dict[str, dict[int, int]] = {"patient": {}, "course": {}, "session": {}, "score": {}}
        self.consented: set[int] | None = None
        self.withdrawn_patients: set[int] = set()
        self.written: dict[str, int] = {}

    @property
    def refused_patients(self) -> set[int]:
        return self.refused.get("patient", set())

    def take(self, table: Table, rows: Iterable[Row], everything: Mapping[str, Iterable[Row]]) -> None:
        """Write one table: kept rows of the base without those replaced or withdrawn, then the new ones."""
        if table.name == "patient":
            self.consented = self._consents(everything.get("consent", ()))
        fresh: set[int] = set()
        batches: list[pa.Table] = []
        admitted, refused = set[int](), set[int]()
        counter = iter(rows)
        number = 0
        while chunk := list(islice(counter, ROWS_A_PART)):
            typed = []
            for row in chunk:
                number += 1
                values = self._row(table, row, f"{table.name} row {number}")
                name = values[table.key[0]]
                if self._is_admitted(table, values):
                    if len(table.key) == 1 and name in fresh:
                        raise InputError(
                            "the same key stands twice",
                            value=row.get(table.key[0]),
                            remedy="hand in each row once",
                            where=f"{table.name} row {number}",
                        )
                    fresh.add(name)
                    admitted.add(name)
                    typed.append(values)
                else:
                    refused.add(name)
            batches.append(_arrow(table, typed))
        self._carry_over(table, fresh, admitted, refused)
        self.refused[table.name], self.admitted[table.name] = refused, admitted
        for batch in batches:
            self.writer.write(table.name, batch)
        self.written[table.name] = sum(batch.num_rows for batch in batches)

    def _consents(self, rows: Iterable[Row]) -> set[int]:
        latest: dict[int, tuple[datetime, str]] = {}
        for row in rows:
            if row.get("purpose") == "registry":
                person = pseudonym(self.key, "patient", row["patient_id"])
                # A withdrawal at the same instant wins: in doubt, out.
                decision = (aware(row["decided_at"]), str(row["decision"]))
                latest[person] = max(latest.get(person, decision), decision)
        return {person for person, (_, decision) in latest.items() if decision == "given"}

    def _is_admitted(self, table: Table, values: dict[str, Any]) -> bool:
        if table.name == "patient" and values["patient_id"] not in (self.consented or ()):
            return False
        for column in table.columns:
            reference = values.get(column.name)
            if column.refers_to is None or reference is None:
                continue
            if reference in self.refused.get(column.refers_to, ()):
                return False
            if reference not in self.admitted.get(column.refers_to, ()):
                raise InputError(
                    f"a row refers to a {column.refers_to} that was not handed in",
                    remedy="hand in the rows of all tables, parents first",
                    where=f"{table.name}.{column.name}",
                )
        return True

    def _carry_over(self, table: Table, fresh: set[int], admitted: set[int], refused: set[int]) -> None:
        """Link the base's parts, or rewrite those that hold replaced or withdrawn rows."""
        if self.base is None:
            return
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        for part in self.base.parts.get(table.name, ()):
            held = pq.read_table(self.base.path / part.file, schema=table.arrow())
            drop = pc.is_in(held[table.key[0]], pa.array(sorted(fresh), pa.int64()))
            gone = pa.chunked_array([pa.nulls(held.num_rows, pa.bool_()).fill_null(False)])
            if table.name == "patient":
                allowed = pa.array(sorted(self.consented or ()), pa.int64())
                gone = pc.invert(pc.is_in(held["patient_id"], allowed))
            for column in table.columns:
                if column.refers_to and column.refers_to != "site":
                    barred = pa.array(sorted(self.refused.get(column.refers_to, ())), pa.int64())
                    gone = pc.or_(gone, pc.is_in(held[column.name], barred))
            lost = held.filter(gone)
            refused.update(lost[table.key[0]].to_pylist())
            if table.name == "patient":
                self.withdrawn_patients.update(lost["patient_id"].to_pylist())
            kept = held.filter(pc.invert(pc.or_(drop, gone)))
            admitted.update(kept[table.key[0]].to_pylist())
            self._remember_sites(table, kept)
            if kept.num_rows == held.num_rows:
                self.writer.keep(table.name, part, self.base)
            else:
                self.writer.write(table.name, kept)

    def _remember_sites(self, table: Table, kept: pa.Table) -> None:
        if table.name == "site":
            for row in kept.to_pylist():
                self.zones.setdefault(row["site_id"], ZoneInfo(row["zone"]))
        elif table.name in self.site_of:
            for row in kept.to_pylist():
                self.site_of[table.name].setdefault(row[table.key[0]], self._site(table.name, row))

    def _site(self, table: str, values: Row) -> int:
        if "site_id" in values:
            return int(values["site_id"])
        parent = "course" if table in ("session", "score") else "patient"
        return self.site_of[parent].get(values[f"{parent}_id"], 0)

    def _row(self, table: Table, row: Row, where: str) -> dict[str, Any]:
        unknown = set(row) - {column.name for column in table.columns}
        if unknown:
            raise InputError(
                "a column the schema does not name",
                value=", ".join(sorted(unknown)),
                remedy="leave it out, or add it to the schema",
                where=where,
            )
        values = {
            column.name: self._value(table, column, row.get(column.name), where) for column in table.columns
        }
        if table.name == "site":
            self.zones[values["site_id"]] = _zone(values["zone"], where)
        elif table.name in self.site_of:
            self.site_of[table.name][values[table.key[0]]] = self._site(table.name, values)
        self._add_days(table, values, where)
        for column in table.columns:
            if column.is_required and values[column.name] is None:
                raise InputError(
                    "a required cell is empty", remedy="fill it in", where=f"{where}, {column.name}"
                )
        return values

    def _add_days(self, table: Table, values: dict[str, Any], where: str) -> None:
        """Count the clinic's calendar day of each instant whose day was not handed in."""
        for column in table.columns:
            stem = column.name.removesuffix("_on")
            instant = values.get(f"{stem}_at") if column.type == "date" else None
            if instant is None or values[column.name] is not None:
                continue
            zone = self.zones.get(self._site(table.name, values))
            if zone is None:
                raise InputError(
                    "no time zone is known for this row's clinic", remedy="hand in its site", where=where
                )
            values[column.name] = instant.astimezone(zone).date()

    def _value(self, table: Table, column: Column, value: object, where: str) -> Any:
        if value is None:
            return None
        if column.type == "int64":
            return self._identifier(table, column, value)
        if column.type == "timestamp":
            return _instant(value, f"{where}, {column.name}")
        if column.type == "date":
            if isinstance(value, datetime) or not isinstance(value, date):
                raise _mistyped(column, value, where)
            return value
        if isinstance(value, bool) or not isinstance(value, _PYTHON[column.type]):
            raise _mistyped(column, value, where)
        if column.values and value not in column.values:
            raise InputError(
                "a code that the schema does not list",
                value=value,
                limit=", ".join(column.values),
                remedy="map it to a listed code",
                where=f"{where}, {column.name}",
            )
        return value

    def _identifier(self, table: Table, column: Column, value: object) -> int:
        if column.name == "sequence":
            if not isinstance(value, int):
                raise _mistyped(column, value, table.name)
            return value
        own = table.name if column.name in (table.key[0], "replaces") else column.name.removesuffix("_id")
        return pseudonym(self.key, column.refers_to or own, value)


def _check(key: bytes, rows: Mapping[str, object], schema: RegistrySchema) -> None:
    if len(key) < SHORTEST_KEY_BYTES:
        raise InputError(
            "the pseudonym key is too short",
            value=f"{len(key)} bytes",
            limit=f"at least {SHORTEST_KEY_BYTES} bytes",
            remedy="make one with Python's secrets.token_hex(32) and keep it safe",
        )
    unknown = set(rows) - {table.name for table in schema.tables}
    if unknown:
        raise InputError(
            "a table the schema does not name",
            value=", ".join(sorted(unknown)),
            limit=", ".join(table.name for table in schema.tables),
        )
    if isinstance(rows.get("consent"), Iterator):
        raise TypeError("consent is read twice: hand in a collection, not an iterator")


def _refuse_backward_clock(root: Path, now: datetime, schema: RegistrySchema, base: Dataset | None) -> None:
    if base is None and current_release(root):
        try:
            base = open_dataset(root, schema)
        except InputError:
            return  # a full extract is the remedy for a damaged or outdated release
    if base is not None and now <= base.extracted_at:
        raise InputError(
            "the clock ran backwards since the last extract",
            value=now.isoformat(),
            limit=f"after {base.extracted_at.isoformat()}",
            remedy="set the clock of this machine, then run again",
            where=str(root),
        )


def _zone(name: str, where: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise InputError(
            "unknown time zone", value=name, limit="an IANA name such as Europe/Berlin", where=where
        ) from None


def _instant(value: object, where: str) -> datetime:
    if not isinstance(value, datetime):
        raise InputError("not an instant", value=value, limit="an aware date-time", where=where)
    if value.utcoffset() is None:
        raise InputError(
            "a time without a zone", value=value, remedy="say in which zone it was read", where=where
        )
    return value.astimezone(UTC)


def _mistyped(column: Column, value: object, where: str) -> InputError:
    return InputError(
        "a value of the wrong type",
        value=value,
        limit=column.type,
        remedy="convert it before handing it in",
        where=f"{where}, {column.name}",
    )


def _arrow(table: Table, rows: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist(rows, schema=table.arrow())
