"""RevMan-style CSV: the data rows of an analysis, continuous, dichotomous or generic inverse variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openkap.core.errors import InputError
from openkap.evidence.importers.table import Row, read_rows

# RevMan Web's data-rows export, older names after it.
COLUMNS: dict[str, tuple[str, ...]] = {
    "analysis": ("Analysis name", "Outcome", "Name"),
    "subgroup": ("Subgroup", "Subgroup name"),
    "study": ("Study", "Study ID", "Study or Subgroup"),
    "year": ("Study year", "Year"),
    "mean1": ("Experimental mean", "Mean1", "Mean 1"),
    "sd1": ("Experimental SD", "SD1", "SD 1"),
    "n1": ("Experimental N", "Total1", "Total 1", "Experimental total"),
    "events1": ("Experimental cases", "Events1", "Events 1", "Experimental events"),
    "mean2": ("Control mean", "Mean2", "Mean 2"),
    "sd2": ("Control SD", "SD2", "SD 2"),
    "n2": ("Control N", "Total2", "Total 2", "Control total"),
    "events2": ("Control cases", "Events2", "Events 2", "Control events"),
    "giv": ("GIV Mean", "Effect", "Estimate"),
    "giv_se": ("GIV SE", "SE", "Standard error"),
}


@dataclass(frozen=True)
class DataRow:
    """One study in one analysis; which numbers are filled follows from ``kind``."""

    kind: Literal["continuous", "dichotomous", "generic"]
    study: str
    analysis: str | None
    subgroup: str | None
    year: int | None
    numbers: dict[str, float]
    where: str


def read_revman(text: str, where: str = "RevMan") -> list[DataRow]:
    """Every data row; one that lacks a number or holds an impossible one is refused, naming row and cell."""
    rows = read_rows(text, where)
    if not rows or not any(name in rows[0].cells for name in COLUMNS["study"]):
        raise InputError(
            "no column of studies",
            limit=" or ".join(COLUMNS["study"]),
            remedy="export the data rows of the analysis from RevMan",
            where=f"{where}:1",
        )
    return [_data_row(row) for row in rows if row.text(*COLUMNS["study"])]


def _data_row(row: Row) -> DataRow:
    numbers = {
        name: value
        for name in ("mean1", "sd1", "n1", "events1", "mean2", "sd2", "n2", "events2", "giv", "giv_se")
        if (value := row.number(*COLUMNS[name])) is not None
    }
    needs: tuple[tuple[Literal["generic", "continuous", "dichotomous"], tuple[str, ...]], ...] = (
        ("generic", ("giv", "giv_se")),
        ("continuous", ("mean1", "sd1", "n1", "mean2", "sd2", "n2")),
        ("dichotomous", ("events1", "n1", "events2", "n2")),
    )
    complete = [(kind, names) for kind, names in needs if all(name in numbers for name in names)]
    if not complete:
        raise InputError(
            "a row without a complete set of numbers",
            value=", ".join(sorted(numbers)) or "none",
            limit="; or ".join(", ".join(COLUMNS[name][0] for name in names) for _, names in needs),
            remedy="complete the row, or remove it",
            where=row.where,
        )
    kind, names = complete[0]
    for name in ("sd1", "sd2", "giv_se"):
        if name in numbers and numbers[name] <= 0 and (kind == "generic") == (name == "giv_se"):
            raise InputError(
                f"{COLUMNS[name][0]} must be above zero",
                value=numbers[name],
                where=row.where,
                remedy="correct the cell",
            )
    _check_counts(row, kind, numbers)
    return DataRow(
        kind,
        row.text(*COLUMNS["study"]) or "",
        row.text(*COLUMNS["analysis"]),
        row.text(*COLUMNS["subgroup"]),
        row.count(*COLUMNS["year"]),
        {name: numbers[name] for name in names},
        row.where,
    )


def _check_counts(row: Row, kind: str, numbers: dict[str, float]) -> None:
    """People and events are whole, nobody has two events, and a mean needs two people for its SD."""
    if kind == "generic":
        return
    for side in ("1", "2"):
        size, events = COLUMNS[f"n{side}"], COLUMNS[f"events{side}"]
        people, least = row.count(*size) or 0, 2 if kind == "continuous" else 1
        if people < least:
            raise InputError(
                f"{size[0]} is too small for an effect",
                value=people,
                limit=f"{least} or more",
                remedy="correct the cell, or remove the row: an arm without people has no effect",
                where=row.where,
            )
        if kind == "dichotomous" and (row.count(*events) or 0) > people:
            raise InputError(
                f"more people with the event than people: {events[0]} is above {size[0]}",
                value=f"{numbers[f'events{side}']:g} of {people}",
                limit=f"0 to {people}",
                remedy="check whether the two cells were exchanged, or events were counted instead of people",
                where=row.where,
            )
