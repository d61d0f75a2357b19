"""Asking ahead: the engine works on the next questions while statistics are made of the last answers.

A report knows its questions beforehand. One thread puts them to the engine in order, so no engine has to bear
two questions at once; DuckDB and Spark leave Python free while they work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from openkap.registry.query import Cells, Columns, Engine, Moments, Query, Rows


class AheadEngine:
    """An engine that has been asked already; a question that was not foreseen is asked behind the others."""

    def __init__(self, engine: Engine, queries: Iterable[Query], pool: ThreadPoolExecutor) -> None:
        self.name, self._engine, self._pool = engine.name, engine, pool
        self.foreseen: dict[Any, Future[Columns]] = {
            _mark(query): pool.submit(engine.columns, query) for query in queries
        }

    def run(self, query: Query) -> Rows:
        """The answer as rows; never foreseen."""
        return self._pool.submit(self._engine.run, query).result()

    def columns(self, query: Query) -> Columns:
        """The answer by column; each foreseen answer is given once and then let go."""
        asked = self.foreseen.pop(_mark(query), None) or self._pool.submit(self._engine.columns, query)
        return asked.result()


@contextmanager
def asked_ahead(engine: Engine, queries: Iterable[Query]) -> Iterator[AheadEngine]:
    """The engine with these questions under way; what is still waiting when the block ends is dropped."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="registry")
    try:
        yield AheadEngine(engine, queries, pool)
    finally:
        pool.shutdown(cancel_futures=True)


def _mark(query: Query) -> Any:
    if isinstance(query, Cells):
        return query.panel, query.windows, query.dimensions
    return (query.panel, query.windows) if isinstance(query, Moments) else (type(query), query.measure.id)
