"""Rows from JSON-lines files, one file a table, typed as the extract wants them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from openkap.core.clock import parse_moment
from openkap.core.errors import InputError
from openkap.registry.schema import RegistrySchema, Table, read_schema

Row = dict[str, Any]


def read_rows(folder: Path, schema: RegistrySchema | None = None) -> dict[str, list[Row]]:
    """Every ``<table>.jsonl`` below a folder; times become aware, days become dates.

    Raises ``InputError`` for a file of no table, a line that is not an object, or a time that cannot be read.
    """
    schema = schema or read_schema()
    known = {table.name: table for table in schema.tables}
    rows: dict[str, list[Row]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        if path.stem not in known:
            raise InputError("a file of no table", value=path.name, limit=", ".join(known), where=str(path))
        rows[path.stem] = list(_typed(path, known[path.stem]))
    return rows


def _typed(path: Path, table: Table) -> Iterator[Row]:
    types = {column.name: column.type for column in table.columns}
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            where = f"{path}:{number}"
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise InputError("not a JSON object", remedy="one object on each line", where=where)
            yield {name: _value(value, types.get(name), where) for name, value in row.items()}


def _value(value: Any, kind: str | None, where: str) -> Any:
    if value is None or not isinstance(value, str):
        return value
    if kind == "timestamp":
        return parse_moment(value, where=where)
    if kind == "date":
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise InputError("not a day", value=value, limit="such as 2026-11-23", where=where) from None
    return value
