from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real standalone Spark cluster on loopback: one master, two workers of one core each."""
    if shutil.which("java") is None:
        if os.environ.get("CI"):
            pytest.fail("Java is missing where CI is set")
        pytest.skip("no Java on this machine")
    pytest.importorskip("pyspark")
    from openkap.registry.cluster import loopback_cluster

    with pytest.MonkeyPatch.context() as patch:
        # Half of the processor's time was the better compiler, whose work pays only after minutes.
        patch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        with loopback_cluster(tmp_path_factory.mktemp("spark")) as url:
            yield url


@pytest.fixture(scope="session")
def spark(cluster: str) -> Iterator[Any]:
    """One Spark session on the cluster for every test."""
    from openkap.registry.engine import spark_session

    # Tiny tables: planning and compiling cost more than the work, so both are kept down.
    session = spark_session(
        cluster,
        spark__executor__memory="700m",
        spark__driver__host="127.0.0.1",
        spark__sql__shuffle__partitions="2",
        spark__sql__adaptive__enabled="false",
        spark__sql__codegen__wholeStage="false",
        spark__sql__codegen__factoryMode="NO_CODEGEN",
    )
    try:
        yield session
    finally:
        session.stop()
