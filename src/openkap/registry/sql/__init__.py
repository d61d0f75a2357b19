"""Queries as portable SQL: one text that DuckDB and Spark both read as it stands.

The text keeps to what both engines share; the few things they spell differently (days and microseconds
between two times) are functions that each engine defines under one name. A plan is a chain of named
steps; a step's name holds the hash of its text, so that queries which share a step share its result.

``add_`` puts a step into the plan and gives its name; ``ask_`` gives the text of a last question.
"""

from __future__ import annotations

from datetime import date

from openkap.registry.definition import Definitions
from openkap.registry.query import Cells, Events, Flow, Moments, Query, Spells, TallyOf
from openkap.registry.sql.flow import ask_flow, ask_tally
from openkap.registry.sql.outcomes import ask_cells, ask_moments
from openkap.registry.sql.plan import Ground, Plan
from openkap.registry.sql.sessions import ask_events
from openkap.registry.sql.spells import ask_spells


def compile_query(
    query: Query, definitions: Definitions, as_of: date, corrected: frozenset[str] | None = None
) -> Plan:
    """The portable SQL of a query, over views named after the tables of the schema.

    ``corrected`` names the tables in which a row replaces another; elsewhere the search for replaced rows
    is left out. ``None`` leaves it in everywhere.
    """
    ground = Ground(definitions, f"DATE '{as_of.isoformat()}'", corrected, Plan())
    ground.plan.final = _final(ground, query)
    return ground.plan


def _final(ground: Ground, query: Query) -> str:
    match query:
        case Cells():
            return ask_cells(ground, query)
        case Moments():
            return ask_moments(ground, query)
        case Spells():
            return ask_spells(ground, query.measure)
        case Events():
            return ask_events(ground, query)
        case TallyOf():
            return ask_tally(ground, query)
        case Flow():
            return ask_flow(ground, query)
