"""The analysis tables as data: columns, types, units, keys. Read from content, used by all the rest."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from openkap.core.content import SHIPPED, Schema, read_document
from openkap.core.source import Grade, Seen

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_FILE = Path("registry/schema.yaml")
ColumnType = Literal["int64", "int32", "float64", "string", "date", "timestamp"]


class SourceLine(Schema):
    """Where a number of a registry file was read."""

    title: str
    url: str
    kind: str
    seen: Seen
    note: str | None = None


class RangeSource(Schema):
    """Where the plausible ranges come from."""

    source: str
    grade: Grade


class Column(Schema):
    """One column: its type, unit, accepted values, and the OMOP field a plain mapping fills."""

    name: str
    type: ColumnType
    words: str
    required: Literal["yes", "no"] = "no"
    refers_to: str | None = None
    values: tuple[str, ...] = ()
    unit: str | None = None
    range: tuple[float, float] | None = None
    omop: str | None = None

    @property
    def is_required(self) -> bool:
        """True where an empty cell is a defect."""
        return self.required == "yes"


class Table(Schema):
    """One table: a key that names a row once, and its columns in order."""

    name: str
    words: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def has_corrections(self) -> bool:
        """True where a row may name another that it replaces."""
        return any(column.name == "replaces" for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name; ``KeyError`` when there is none."""
        return {each.name: each for each in self.columns}[name]

    def arrow(self) -> pa.Schema:
        """The Parquet types of this table."""
        import pyarrow as pa

        types = {
            "int64": pa.int64(),
            "int32": pa.int32(),
            "float64": pa.float64(),
            "string": pa.string(),
            "date": pa.date32(),
            "timestamp": pa.timestamp("us", tz="UTC"),
        }
        return pa.schema(
            [pa.field(each.name, types[each.type], nullable=not each.is_required) for each in self.columns]
        )


class RegistrySchema(Schema):
    """All tables, in an order in which each refers only to earlier ones."""

    version: str
    status: str
    range_source: RangeSource
    sources: dict[str, SourceLine]
    tables: tuple[Table, ...]
    fingerprint: str = Field(default="")

    @model_validator(mode="after")
    def _keys_and_references_exist(self) -> RegistrySchema:
        seen: set[str] = set()
        for table in self.tables:
            names = {column.name for column in table.columns}
            if not set(table.key) <= names:
                raise ValueError(f"the key of {table.name} names a column it does not have")
            for column in table.columns:
                if column.refers_to and column.refers_to not in seen:
                    raise ValueError(
                        f"{table.name}.{column.name} refers to a table that does not stand before it"
                    )
            seen.add(table.name)
        if self.range_source.source not in self.sources:
            raise ValueError("the source of the ranges is not listed")
        return self

    def table(self, name: str) -> Table:
        """The table of that name; ``KeyError`` when there is none."""
        return {each.name: each for each in self.tables}[name]


@lru_cache(maxsize=4)
def read_schema(root: Path = SHIPPED) -> RegistrySchema:
    """The schema below a content folder, with the fingerprint of its file."""
    document = read_document(root / SCHEMA_FILE)
    return document.parse(RegistrySchema).model_copy(update={"fingerprint": document.fingerprint})
