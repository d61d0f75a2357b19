"""Asking ahead: the engine works on the next questions while statistics are made of the last answers.

A report knows its questions beforehand. One thread puts them to the engine in order, so no engine has to bear
two questions at once; DuckDB and Spark leave Python free while they work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from openkap.registry.query import (
    Cells,
    Columns,
    Engine,
    Events,
    Moments,
    Query,
    Rows,
    TallyOf,
    columns_of,
    rows_of,
)


class AheadEngine:
    """An engine that has been asked already; a question that was not foreseen is asked behind the others."""

    def __init__(self, engine: Engine, queries: Iterable[Query], pool: ThreadPoolExecutor) -> None:
        self.name, self._engine, self._pool = engine.name, engine, pool
        self._foreseen: dict[Any, Future[Any]] = {mark(query): self._ask(query) for query in queries}

    def run(self, query: Query) -> Rows:
        """The answer as rows."""
        answer = self._answer(query)
        return answer if isinstance(query, TallyOf) else rows_of(answer)

    def columns(self, query: Query) -> Columns:
        """The answer by column."""
        answer = self._answer(query)
        return columns_of(answer) if isinstance(query, TallyOf) else answer

    def _ask(self, query: Query) -> Future[Any]:
        # A tally is small and holds names and numbers that may be missing: it stays in rows.
        ask = self._engine.run if isinstance(query, TallyOf) else self._engine.columns
        return self._pool.submit(ask, query)

    def _answer(self, query: Query) -> Any:
        return (self._foreseen.pop(mark(query), None) or self._ask(query)).result()


@contextmanager
def asked_ahead(engine: Engine, queries: Iterable[Query]) -> Iterator[AheadEngine]:
    """The engine with these questions under way; what is still waiting when the block ends is dropped."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="registry")
    try:
        yield AheadEngine(engine, queries, pool)
    finally:
        pool.shutdown(cancel_futures=True)


def mark(query: Query) -> Any:
    """What tells one question of a report from another."""
    if isinstance(query, Cells):
        return query.panel, query.windows, query.dimensions
    if isinstance(query, Moments):
        return query.panel, query.windows
    if isinstance(query, Events):
        return tuple(each.id for each in query.measures)
    return type(query), query.measure.id
