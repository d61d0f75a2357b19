"""DuckDB, Spark on a real cluster, and plain Python give the same answer to every measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from generated import Trouble, assert_same, every_query, write

from openkap.registry.definition import read_definitions
from openkap.registry.engine import DuckEngine, SparkEngine
from openkap.registry.query import Cells, Events, Flow, Moments, Spells, TallyOf
from openkap.registry.reference import ReferenceEngine

DEFINITIONS = read_definitions()
QUERIES = every_query(DEFINITIONS)
# Every shape of query once: the cluster is slow on tiny tables.
ONE_OF_EACH = [
    *(query for query in QUERIES if isinstance(query, Spells | TallyOf | Flow | Moments | Events)),
    next(query for query in QUERIES if isinstance(query, Cells)),
]
# Names are apart, so several registries stand in one release without touching.
SIDE_BY_SIDE = 5
APART = 1_000_000


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(8))
def test_duckdb_agrees_with_plain_python_on_hundreds_of_registries(batch: int, tmp_path: Path) -> None:
    for number, first in enumerate(range(batch * 30, batch * 30 + 30, SIDE_BY_SIDE)):
        seeds = range(first, first + SIDE_BY_SIDE)
        registries = [Trouble(seed, offset=(seed + 1) * APART).build() for seed in seeds]
        dataset = write(tmp_path / str(first), *registries)
        duck, plain = DuckEngine(dataset, DEFINITIONS, threads=1), ReferenceEngine(dataset, DEFINITIONS)
        # Half of the queries each, so that each query meets a hundred and twenty registries.
        for query in QUERIES[number % 2 :: 2]:
            assert_same(duck.run(query), plain.run(query))
        duck.connection.close()


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two hundred registries in one release: names apart, everything else as it is."""
    many = [Trouble(seed, offset=(seed + 1) * APART).build() for seed in range(1000, 1200)]
    return write(tmp_path_factory.mktemp("together"), *many)


@pytest.mark.slow
def test_duckdb_agrees_with_plain_python_on_all_of_them_together(together: Any) -> None:
    duck, plain = DuckEngine(together, DEFINITIONS, threads=2), ReferenceEngine(together, DEFINITIONS)
    for query in QUERIES:
        assert_same(duck.run(query), plain.run(query))


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.xdist_group("spark")
def test_spark_on_a_cluster_agrees_with_plain_python(together: Any, spark: Any) -> None:
    engine, plain = SparkEngine(together, DEFINITIONS, spark), ReferenceEngine(together, DEFINITIONS)
    assert spark.sparkContext.master.startswith("spark://")
    for query in ONE_OF_EACH:
        assert_same(engine.run(query), plain.run(query))
    engine.close()


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.xdist_group("spark")
def test_a_step_of_spark_is_rows_without_a_past(tmp_path: Path, spark: Any) -> None:
    """Else each step holds the plans of all before it, and a chain of them fills the memory."""
    engine = SparkEngine(write(tmp_path, Trouble(0).build()), DEFINITIONS, spark)
    spells = next(query for query in QUERIES if isinstance(query, Spells) and query.measure.event == "loss")
    plan = spark.sql(engine._prepare(spells))._jdf.queryExecution().optimizedPlan().toString()
    engine.close()
    assert "LogicalRDD" in plan
    assert "Join" not in plan


def test_an_empty_registry_has_an_answer_from_every_engine(tmp_path: Path) -> None:
    dataset = write(tmp_path, Trouble(0).tables)
    for query in QUERIES:
        assert_same(DuckEngine(dataset, DEFINITIONS).run(query), [])
        assert_same(ReferenceEngine(dataset, DEFINITIONS).run(query), [])


def test_the_sql_is_the_same_text_for_both_engines() -> None:
    from datetime import date

    from openkap.registry.sql import compile_query

    text = " ".join(
        sql
        for query in QUERIES
        for plan in [compile_query(query, DEFINITIONS, date(2026, 6, 30))]
        for sql in [*plan.steps.values(), plan.final]
    ).lower()
    for spelling in ("epoch_us", "date_diff", "datediff", "unix_micros", "qualify", "::"):
        assert spelling not in text
