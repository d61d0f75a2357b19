"""The engines: DuckDB beside the files, Spark on a machine or a cluster, and plain Python. Named here
only.
"""

from __future__ import annotations

import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from openkap.core.errors import InputError
from openkap.registry.dataset import Dataset
from openkap.registry.definition import Definitions, read_definitions
from openkap.registry.query import Columns, Engine, Query, Rows, columns_of, rows_of
from openkap.registry.reference import ReferenceEngine
from openkap.registry.schema import read_schema
from openkap.registry.sql import compile_query

if TYPE_CHECKING:
    import duckdb
    from pyspark.sql import SparkSession

MEMORY_LIMIT = "3GB"


def connect(
    url: str,
    dataset: Dataset,
    definitions: Definitions | None = None,
    *,
    threads: int | None = None,
) -> Engine:
    """The engine a URL names, over one release.

    Parameters
    ----------
    url : ``duckdb``, ``reference``, ``spark`` (this machine), ``spark://host:port`` (a standalone cluster;
        the release must be readable under the same path on every worker), or ``spark-local[n]``.
    threads : for DuckDB; all cores by default.

    Raises
    ------
    InputError
        for a URL that names none of them, or Spark without pyspark or Java.
    """
    definitions = definitions or read_definitions()
    if url == "duckdb":
        return DuckEngine(dataset, definitions, threads=threads)
    if url == "reference":
        return ReferenceEngine(dataset, definitions)
    if url == "spark" or url.startswith(("spark://", "spark-local[")):
        return SparkEngine(dataset, definitions, spark_session(url))
    raise InputError(
        "unknown engine",
        value=url,
        limit="duckdb, reference, spark, spark://host:port",
        remedy="choose one of these",
    )


class _SqlEngine:
    """What both SQL engines share: make each step once, ask the last question, return plain rows."""

    name = ""

    def __init__(self, dataset: Dataset, definitions: Definitions) -> None:
        self.dataset, self.definitions = dataset, definitions
        self._made: set[str] = set()
        self._corrected: frozenset[str] | None = None

    def run(self, query: Query) -> Rows:
        """The answer to a query; steps made for an earlier query are used again."""
        return self._rows(self._prepare(query))

    def columns(self, query: Query) -> Columns:
        """The same answer by column."""
        return columns_of(self.run(query))

    def _prepare(self, query: Query) -> str:
        plan = compile_query(query, self.definitions, self.dataset.as_of, self._corrected_tables())
        for name, sql in plan.steps.items():
            if name not in self._made:
                self._make(name, sql, keep=name not in plan.views)
                self._made.add(name)
        return plan.final

    def _corrected_tables(self) -> frozenset[str]:
        """Tables in which at least one row replaces another; looked up once."""
        if self._corrected is None:
            tables = [table.name for table in read_schema().tables if table.has_corrections]
            asked = " UNION ALL ".join(
                f"SELECT '{table}' AS name, COUNT(replaces) AS number FROM {table}" for table in tables
            )
            self._corrected = frozenset(row["name"] for row in self._rows(asked) if row["number"])
        return self._corrected

    def _make(self, name: str, sql: str, *, keep: bool) -> None:
        raise NotImplementedError

    def _rows(self, sql: str) -> Rows:
        raise NotImplementedError


class DuckEngine(_SqlEngine):
    """DuckDB over the Parquet files, in this process."""

    name = "duckdb"

    def __init__(self, dataset: Dataset, definitions: Definitions, *, threads: int | None = None) -> None:
        super().__init__(dataset, definitions)
        import duckdb

        settings: dict[str, Any] = {"memory_limit": MEMORY_LIMIT, "preserve_insertion_order": False}
        if threads:
            settings["threads"] = threads
        self.connection: duckdb.DuckDBPyConnection = duckdb.connect(config=settings)
        for definition in (
            "days_between(a, b) AS b - a",
            "micros_between(a, b) AS epoch_us(b) - epoch_us(a)",
            "utc_day(a) AS CAST(floor(epoch_us(a) / 86400000000) AS BIGINT)",
        ):
            self.connection.execute(f"CREATE MACRO {definition}")
        for table in read_schema().tables:
            files = dataset.files(table.name)
            if files:
                listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
                body = f"SELECT * FROM read_parquet([{listed}])"
            else:
                body = _empty(table.name, "TIMESTAMPTZ", "DOUBLE", "VARCHAR")
            self.connection.execute(f"CREATE VIEW {table.name} AS {body}")

    def _make(self, name: str, sql: str, *, keep: bool) -> None:
        self.connection.execute(f"CREATE TEMP {'TABLE' if keep else 'VIEW'} {name} AS {sql}")

    def columns(self, query: Query) -> Columns:
        """The same answer by column, as DuckDB holds it."""
        found = self.connection.execute(self._prepare(query)).fetchnumpy()
        return {name: _unmasked(column) for name, column in found.items()}

    def _rows(self, sql: str) -> Rows:
        return rows_of(self.connection.execute(sql).fetchnumpy())


def _unmasked(column: Any) -> Any:
    """NaN where DuckDB has a NULL number, ``None`` where it has a NULL name."""
    if not hasattr(column, "mask"):
        return column
    if column.dtype == object:
        return column.filled(None)
    return column.astype(float).filled(float("nan")) if column.mask.any() else column.data


def spark_session(url: str, **settings: str) -> SparkSession:
    """A Spark session for a URL; UTC, no console progress, adaptive plans for small answers."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise InputError(
            "pyspark is not installed", remedy="pip install 'openkap[spark]' (and a Java 17)", value=url
        ) from None
    master = "local[2]" if url == "spark" else url.replace("spark-local", "local")
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = (
        SparkSession.builder.appName("openkap registry")
        .master(master)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.ansi.enabled", "true")
    )
    for name, value in settings.items():
        builder = builder.config(name.replace("__", "."), value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


class SparkEngine(_SqlEngine):
    """Spark, in this process or on a cluster."""

    name = "spark"

    def __init__(self, dataset: Dataset, definitions: Definitions, session: SparkSession) -> None:
        super().__init__(dataset, definitions)
        self.session = session
        for definition in (
            "days_between(a DATE, b DATE) RETURNS INT RETURN datediff(b, a)",
            "micros_between(a TIMESTAMP, b TIMESTAMP) RETURNS BIGINT RETURN unix_micros(b) - unix_micros(a)",
            "utc_day(a TIMESTAMP) RETURNS BIGINT RETURN CAST(floor(unix_micros(a) / 86400000000) AS BIGINT)",
        ):
            session.sql(f"CREATE OR REPLACE TEMPORARY FUNCTION {definition}")
        for table in read_schema().tables:
            files = dataset.files(table.name)
            frame = (
                session.read.parquet(*files)
                if files
                else session.sql(_empty(table.name, "TIMESTAMP", "DOUBLE", "STRING"))
            )
            frame.createOrReplaceTempView(table.name)

    def _make(self, name: str, sql: str, *, keep: bool) -> None:
        frame = self.session.sql(sql)
        if keep:
            # A cached frame keeps the plans of all it was made from, and Spark writes every one of them out
            # wherever it is named: a chain of twelve filled the memory. A checkpoint is rows without a past.
            frame = frame.localCheckpoint()
        frame.createOrReplaceTempView(name)

    def _rows(self, sql: str) -> Rows:
        return [
            {name: _plain(value) for name, value in row.asDict().items()}
            for row in self.session.sql(sql).collect()
        ]

    def close(self) -> None:
        """Forget the steps; Spark gives back their memory, and the session stays."""
        for name in self._made:
            self.session.catalog.dropTempView(name)
        self._made.clear()


def _empty(table: str, timestamp: str, double: str, text: str) -> str:
    types = {
        "int64": "BIGINT",
        "int32": "INT",
        "float64": double,
        "string": text,
        "date": "DATE",
        "timestamp": timestamp,
    }
    columns = ", ".join(
        f"CAST(NULL AS {types[column.type]}) AS {column.name}"
        for column in read_schema().table(table).columns
    )
    return f"SELECT * FROM (SELECT {columns}) t WHERE 1 = 0"


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) else value
