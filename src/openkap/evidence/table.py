"""A CSV file of studies as columns, with every refusal naming file, line and column.

Accepted for one estimate a row: ``yi`` with ``vi``, ``sei`` or ``ci_low`` and ``ci_high``; two arms as
``mean1 sd1 n1
mean2 sd2 n2``; counts as ``events1 n1 events2 n2``. A column ``study`` names the rows.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from openkap.core.errors import InputError
from openkap.evidence.conversion import se_from_ci
from openkap.evidence.effect_size import (
    EffectSize,
    mean_difference,
    odds_ratio,
    risk_difference,
    risk_ratio,
    standardised_mean_difference,
)
from openkap.evidence.estimates import Floats

MEANS = ("mean1", "sd1", "n1", "mean2", "sd2", "n2")
COUNTS = ("events1", "n1", "events2", "n2")
MEASURES: dict[str, tuple[Callable[..., EffectSize], tuple[str, ...]]] = {
    "MD": (mean_difference, MEANS),
    "SMD": (standardised_mean_difference, MEANS),
    "RR": (risk_ratio, COUNTS),
    "OR": (odds_ratio, COUNTS),
    "RD": (risk_difference, COUNTS),
}
_ROW = re.compile(r"row (\d+)")
_ROWS = re.compile(r"\brow (\d+(?:, \d+)*)")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+$")


@dataclass(frozen=True)
class Table:
    """The rows of a file as text by column; ``lines`` are their line numbers."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, row: int, column: str | None = None) -> str:
        """How a message names a place in the file."""
        place = f"{self.path.name}, line {self.lines[row]}"
        return f"{place}, column {column!r}" if column else place

    def texts(self, column: str) -> list[str]:
        """A column that must be there and filled."""
        self.need([column])
        for row, value in enumerate(self.columns[column]):
            if not value:
                raise InputError("the cell is empty", where=self.where(row, column), remedy="fill it in")
        return self.columns[column]

    def numbers(self, column: str) -> Floats:
        """A column of numbers; text and gaps are refused with their line."""
        self.need([column])
        values = []
        for row, text in enumerate(self.columns[column]):
            try:
                value = float(text)
            except ValueError:
                value = math.nan
            if not math.isfinite(value):
                raise InputError(
                    "not a number" if text else "the number is missing",
                    value=text or None,
                    where=self.where(row, column),
                    remedy=_written(text),
                )
            values.append(value)
        return np.array(values)

    def need(self, columns: Sequence[str]) -> None:
        """Refuse a file without these columns."""
        missing = [column for column in columns if column not in self.columns]
        if missing:
            raise InputError(
                f"missing columns: {', '.join(missing)}",
                where=self.path.name,
                limit=f"the file has {', '.join(self.columns)}",
                remedy=self.spelling(missing) or "rename or add them; the first line holds the names",
            )

    def spelling(self, missing: Sequence[str]) -> str | None:
        """A column that differs from one sought by its capitals only."""
        wanted = {name.lower() for name in missing}
        same = [name for name in self.columns if name.lower() in wanted]
        return f"write {', '.join(f'{n!r} as {n.lower()!r}' for n in same)}: capitals count" if same else None

    def whole_numbers(self, column: str) -> Floats:
        """A column of counts: half a person is refused with its line."""
        values = self.numbers(column)
        for row in np.flatnonzero(values != np.floor(values)).tolist():
            raise InputError(
                "not a whole number of people",
                value=self.columns[column][row],
                where=self.where(row, column),
                remedy="a count is whole: check the cell against the paper",
            )
        return values

    def labels(self) -> list[str]:
        """The studies' names, or the lines' numbers where there is no such column."""
        if "study" in self.columns:
            return self.texts("study")
        return [f"line {line}" for line in self.lines]

    def has(self, columns: Sequence[str]) -> bool:
        """Whether all these columns are there."""
        return all(column in self.columns for column in columns)


def read_table(path: Path) -> Table:
    """Read a CSV file with a header; comma, semicolon or tab."""
    text = _text_of(path)
    lines = text.splitlines()
    if not lines:
        raise InputError("the file is empty", where=path.name, remedy="the first line holds the column names")
    delimiter = max(",;\t", key=lines[0].count)
    reader = csv.reader(lines, delimiter=delimiter)
    header = [name.strip() for name in next(reader)]
    doubled = {name for name in header if header.count(name) > 1}
    if doubled:
        raise InputError("a column appears twice", value=", ".join(sorted(doubled)), where=path.name)
    rows, numbers = [], []
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise InputError(
                "the row has another number of cells than the header",
                value=f"{len(row)} and {len(header)}",
                where=f"{path.name}, line {reader.line_num}",
                remedy="check for a stray separator; quote text that contains one",
            )
        rows.append([cell.strip() for cell in row])
        numbers.append(reader.line_num)
    if not rows:
        raise InputError("the file has no studies", where=path.name, remedy="add a row for each study")
    table = Table(path, {name: [row[i] for row in rows] for i, name in enumerate(header)}, numbers)
    _refuse_repeats(table, rows)
    return table


def _text_of(path: Path) -> str:
    """The file as text; what a spreadsheet program saved in its own form is told apart."""
    save = "save it as CSV, and where the program asks, as CSV UTF-8"
    try:
        data = path.read_bytes()
        if data[:2] == b"PK" or b"\0" in data:
            raise InputError("the file is no plain text but a workbook or UTF-16", value=path, remedy=save)
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InputError("the file cannot be read", value=path, remedy=str(error.strerror)) from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(
            "the file is not UTF-8 text", where=f"{path.name}, line {line}", remedy=save
        ) from None


def _refuse_repeats(table: Table, rows: Sequence[Sequence[str]]) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for row, cells in enumerate(rows):
        first = seen.setdefault(tuple(cells), row)
        if first != row:
            raise InputError(
                "the same row twice",
                value=cells[0],
                where=table.where(row),
                limit=f"first on line {table.lines[first]}",
                remedy="a study counts once: take one of them out",
            )


def estimates_of(table: Table, measure: str | None = None, zero_cells: str | None = None) -> EffectSize:
    """The estimate and variance of each row, from whichever columns the file has.

    ``zero_cells`` names the rule for a measure of counts (see ``risk_ratio``).
    """
    if measure is not None:
        if measure not in MEASURES:
            raise InputError("unknown measure", value=measure, limit=", ".join(MEASURES))
        function, columns = MEASURES[measure]
        table.need(columns)
        values: dict[str, Any] = {
            column: table.whole_numbers(column) if column in COUNTS else table.numbers(column)
            for column in columns
        }
        if zero_cells is not None:
            if "events1" not in columns:
                raise InputError("a rule for zero cells is for counts", value=measure, limit="RR, OR, RD")
            values["zero_cells"] = zero_cells
        return placed(table, lambda: function(**values))
    if "yi" not in table.columns:
        arms = [name for name, (_, columns) in MEASURES.items() if table.has(columns)]
        raise InputError(
            "missing columns: yi",
            where=table.path.name,
            limit=f"the file has {', '.join(table.columns)}",
            remedy=f"name the measure, one of {', '.join(arms)}"
            if arms
            else table.spelling(["yi"]) or "give yi with vi, sei or an interval",
        )
    yi = table.numbers("yi")
    if "vi" in table.columns:
        vi = table.numbers("vi")
    elif "sei" in table.columns:
        vi = table.numbers("sei")
        _refuse_not_positive(table, vi, "sei")
        vi = vi**2
    elif table.has(["ci_low", "ci_high"]):
        low, high = table.numbers("ci_low"), table.numbers("ci_high")
        for row in np.flatnonzero(~((low < yi) & (yi < high))).tolist():
            raise InputError(
                "the interval excludes its estimate",
                value=f"{yi[row]:g} [{low[row]:g}, {high[row]:g}]",
                where=table.where(row),
                remedy="check the three numbers against the paper; is it a ratio that needs logarithms?",
            )
        vi = se_from_ci(low=low, high=high) ** 2
    else:
        raise InputError(
            "missing columns: vi", where=table.path.name, remedy="give vi, sei, or ci_low and ci_high"
        )
    _refuse_not_positive(table, vi, "vi")
    return EffectSize(yi, vi, "yi")


def _refuse_not_positive(table: Table, values: Floats, column: str) -> None:
    for row in np.flatnonzero(values <= 0).tolist():
        raise InputError(
            "the sampling variance is not positive",
            value=table.columns[column][row] if column in table.columns else values[row],
            limit="above 0",
            where=table.where(row, column),
            remedy="check for zero cells, a standard deviation of 0, or a standard error with a sign",
        )


def placed(table: Table, compute: Callable[[], EffectSize]) -> EffectSize:
    """Compute effect sizes; a refusal or a doubt about ``row n`` is told with the file's line."""
    with lines_of(table):
        effect = compute()
    told = tuple(each._replace(text=_at_lines(table, each.text)) for each in effect.doubts)
    return replace(effect, doubts=told)


@contextmanager
def lines_of(table: Table) -> Iterator[None]:
    """A refusal of ``row n`` inside is told with the file and its line."""
    try:
        yield
    except InputError as error:
        found = _ROW.match(error.where or "")
        if not found:
            raise
        place = table.where(int(found.group(1)) - 1) + (error.where or "")[found.end() :]
        raise InputError(
            error.what, value=error.value, limit=error.limit, remedy=error.remedy, where=place
        ) from None


def _at_lines(table: Table, text: str) -> str:
    """The rows that a doubt names, as lines of the file."""

    def lines(found: re.Match[str]) -> str:
        rows = found.group(1).split(", ")
        return f"line {', '.join(str(table.lines[int(row) - 1]) for row in rows)}"

    return _ROWS.sub(lines, text)


def _written(text: str) -> str:
    """What to do about a cell that is no number, as its own spelling tells."""
    if _DECIMAL_COMMA.match(text):
        return f"write a decimal point, {text.replace(',', '.')}, in this and every other cell"
    if text.startswith(("\N{MINUS SIGN}", "\N{EN DASH}")):
        return f"write the hyphen of the keyboard as the minus sign: -{text[1:]}"
    if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+", text):
        return "it is beyond what a number can hold: check the exponent"
    return "write digits with a decimal point, or take the row out and name it as missing"
