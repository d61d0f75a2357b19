"""Delimited text as rows, each with its line: separator and decimal comma found, not guessed per cell."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from openkap.core.errors import InputError

MISSING = frozenset({"", "NA", "N/A", "NULL", "null", "."})
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+")
_POINT_NUMBER = re.compile(r"[+-]?\d+\.\d+([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Row:
    """One line: its cells by column name, where it stands, and how its decimals are written."""

    cells: Mapping[str, str]
    where: str
    decimals: Mapping[str, str] = field(default_factory=dict)

    def text(self, *columns: str) -> str | None:
        """The first of the columns that has a value."""
        for column in columns:
            value = (self.cells.get(column) or "").strip()
            if value not in MISSING:
                return value
        return None

    def number(self, *columns: str) -> float | None:
        """As ``text``, as a number; text in its place is refused with row and column."""
        value = self.text(*columns)
        if value is None:
            return None
        column = next(each for each in columns if (self.cells.get(each) or "").strip() == value)
        if self.decimals.get(column) == "both":
            raise InputError(
                f"the column {column} mixes decimal commas and decimal points",
                value=value,
                remedy="export the table with one of the two",
                where=self.where,
            )
        plain = self.plain(column, value)
        try:
            result = float(plain)
        except ValueError:
            raise InputError(
                f"the column {column} holds text where a number belongs",
                value=value,
                limit="a number, or empty for not reported",
                remedy="correct the cell",
                where=self.where,
            ) from None
        if result != result or result in (float("inf"), float("-inf")):
            raise InputError(
                f"the column {column} is not a finite number",
                value=value,
                where=self.where,
                remedy="correct the cell",
            )
        return result

    def plain(self, column: str, value: str) -> str:
        """The value with a decimal point, where its column writes a comma."""
        return value.replace(",", ".") if self.decimals.get(column) == "comma" else value

    def count(self, *columns: str) -> int | None:
        """As ``number``, whole and not negative."""
        value = self.number(*columns)
        if value is None:
            return None
        if value < 0 or value != int(value):
            raise InputError(
                f"{columns[0]} is not a count", value=value, limit="0, 1, 2, ...", where=self.where,
                remedy="correct the cell",
            )  # fmt: skip
        return int(value)


def read_rows(text: str, where: str, required: Iterable[str] = ()) -> list[Row]:
    """Rows of a table with a header; comma, semicolon or tab, told by the header.

    Decimal commas are recognised column by column when the separator is not a comma (published tables mix
    them); a column that mixes both is refused when a number is read from it, because 1,234 has two meanings.
    """
    text = text.lstrip("\ufeff")
    if not text.strip():
        raise InputError("the file is empty", where=where, remedy="export it again")
    header = text.splitlines()[0]
    separator = max(",;\t", key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    columns = [column.strip() for column in reader.fieldnames or []]
    missing = [column for column in required if column not in columns]
    if missing:
        raise InputError(
            "columns are missing",
            value=", ".join(missing),
            limit=f"needed: {', '.join(required)}; found: {', '.join(columns[:12])}",
            remedy="rename or add the columns in the first line",
            where=f"{where}:1",
        )
    reader.fieldnames = columns
    try:
        raw = [(dict(row), reader.line_num) for row in reader]
    except csv.Error as failed:
        raise InputError(
            f"not readable as a table: {failed}",
            where=f"{where}:{reader.line_num + 1}",
            remedy="export it again",
        ) from None
    decimals = _decimal_columns(raw, columns) if separator != "," else {}
    rows = []
    for cells, line in raw:
        if None in cells:
            raise InputError(
                "more cells than columns", value=cells[None], where=f"{where}:{line}", remedy="quote the cell"
            )  # fmt: skip
        rows.append(Row({key: value or "" for key, value in cells.items()}, f"{where}:{line}", decimals))
    return rows


def _decimal_columns(raw: list[tuple[dict[str, str], int]], columns: list[str]) -> dict[str, str]:
    """Column to ``comma`` or ``both``; a column that is not named writes points or no decimals."""
    found: dict[str, str] = {}
    for column in columns:
        cells = [str(row.get(column) or "").strip() for row, _ in raw]
        commas = any(_COMMA_NUMBER.fullmatch(cell) for cell in cells)
        if commas:
            found[column] = "both" if any(_POINT_NUMBER.fullmatch(cell) for cell in cells) else "comma"
    return found
