"""What an engine can be asked. A measure is turned into one of these; each engine answers with plain rows.

Answers are counts and sums over groups of people (sufficient statistics), never rows of single people, so
that every estimate above them costs the same at any size and no engine needs to know statistics.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from openkap.registry.definition import (
    Definitions,
    EventsMeasure,
    FlowMeasure,
    Panel,
    SurvivalMeasure,
    TallyMeasure,
    Window,
)

Rows = list[dict[str, Any]]
# The same answer by column: whole numbers and floats as arrays (NaN for unknown), names as object arrays.
Columns = dict[str, Any]
Ints = np.ndarray[Any, np.dtype[np.int64]]
PEOPLE_DIMENSIONS = ("age", "sex", "veteran", "language", "distance", "coverage", "severity")
SITE_DIMENSIONS = ("site_id", "age", "severity")
THERAPIST_DIMENSIONS = ("therapist_id", "severity")
PERIOD_DIMENSIONS = ("period",)
RULES = ("response", "remission", "deterioration")


@dataclass(frozen=True)
class Cells:
    """Counts and sums of one panel at several times, by groups of people.

    Columns: the dimensions, ``people``, and for each window ``due_``, ``gone_`` (died before it opened),
    ``seen_``, ``change_`` and ``square_`` (sums of change and of its square), ``response_``,
    ``remission_``, ``deterioration_``.
    """

    panel: Panel
    windows: tuple[Window, ...]
    dimensions: tuple[str, ...] = PEOPLE_DIMENSIONS


@dataclass(frozen=True)
class Moments:
    """Sums and cross-products of the repeated scores by pattern of what was seen.

    Columns: ``pattern`` (a 1 or 0 for baseline and each window), ``people``, ``s_i`` and ``p_i_j``.
    """

    panel: Panel
    windows: tuple[Window, ...]


@dataclass(frozen=True)
class Spells:
    """Times to an event: ``site_id``, ``cause``, ``lower``, ``upper`` (days), ``people``."""

    measure: SurvivalMeasure


@dataclass(frozen=True)
class Events:
    """Sessions and people with something, for several measures at once: they share the sessions.

    Columns for each measure, its ``column`` at the end: ``units_``, ``seen_``, ``hit_``, ``events_``
    (sessions, and what was found in them), ``people_``, ``people_seen_``, ``people_hit_``.
    """

    measures: tuple[EventsMeasure, ...]
    dimensions: tuple[str, ...] = PEOPLE_DIMENSIONS[:-1]


@dataclass(frozen=True)
class TallyOf:
    """Rows counted by what they say."""

    measure: TallyMeasure


@dataclass(frozen=True)
class Flow:
    """People at each step from referral to follow-up, by group."""

    measure: FlowMeasure


Query = Cells | Moments | Spells | Events | TallyOf | Flow
FLOW_STEPS = (
    "referred",
    "screened",
    "eligible",
    "consented",
    "treated",
    "completed",
    "followed_due",
    "followed",
)
# What is counted for each events measure, first by session and then by person.
COUNTED = ("units", "seen", "hit", "events")
COUNTED_PEOPLE = {"people": "units", "people_seen": "seen", "people_hit": "hit"}
CAUSES = ("loss", "death", "other_treatment", "withdrawal", "retreatment", "censored")


class Engine(Protocol):
    """Answers queries about one release."""

    name: str

    def run(self, query: Query) -> Rows:
        """The answer as rows; column names as the query says."""
        ...

    def columns(self, query: Query) -> Columns:
        """The same answer by column, which is quicker where it has thousands of groups."""
        ...


def columns_of(rows: Rows) -> Columns:
    """Rows turned into columns; none for an answer without rows."""
    names = list(rows[0]) if rows else []
    return {name: _column([row[name] for row in rows]) for name in names}


def rows_of(columns: Columns) -> Rows:
    """Columns turned into rows."""
    values = (column.tolist() for column in columns.values())
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def _column(values: list[Any]) -> Any:
    if any(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)
    return np.array([np.nan if value is None else value for value in values])


def level_codes(values: Any) -> tuple[list[str], Ints]:
    """The levels of a column in order, as text, and each row's place among them."""
    import pyarrow as pa

    # Arrow finds the levels of thousands of names many times as fast as a loop here.
    met = pa.array(values).dictionary_encode(null_encoding="encode")
    found = [str(value) for value in met.dictionary.to_pylist()]
    levels = sorted(found)
    order = np.array([levels.index(value) for value in found], np.int64)
    return levels, order[np.asarray(met.indices, np.int64)]


def band_labels(bands: tuple[float, ...]) -> list[str]:
    """Labels of half-open bands: ``<30``, ``30-<45``, ``45+``."""
    marks = [f"{band:g}" for band in bands]
    inner = [f"{low}-<{high}" for low, high in itertools.pairwise(marks)]
    return [f"<{marks[0]}", *inner, f"{marks[-1]}+"]


def severity_cuts(definitions: Definitions, panel: Panel) -> tuple[float, ...]:
    """Limits between bands of baseline severity, in points of the panel."""
    low, high = definitions.scales.scale(panel.scale).clusters[panel.cluster]
    return tuple(low + share * (high - low) for share in definitions.strata.severity.bands)
