from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_workers(log: Path, number: int) -> None:
    limit = time.monotonic() + 240
    while time.monotonic() < limit:
        if log.exists() and log.read_text(errors="replace").count("Registering worker") >= number:
            return
        time.sleep(0.1)
    raise RuntimeError(f"the workers did not register: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real standalone Spark cluster on loopback: one master, two workers of one core each."""
    if shutil.which("java") is None:
        if os.environ.get("CI"):
            pytest.fail("Java is missing where CI is set")
        pytest.skip("no Java on this machine")
    pyspark = pytest.importorskip("pyspark")
    home = Path(pyspark.__file__).parent
    work = tmp_path_factory.mktemp("spark")
    port, url_port = _free_port(), _free_port()
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_NO_DAEMONIZE": "1",
        "SPARK_WORKER_DIR": str(work),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_DAEMON_MEMORY": "256m",
    }
    log = work / "master.log"
    started: list[subprocess.Popen[bytes]] = []

    def launch(kind: str, *arguments: str, output: Path) -> None:
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind}", *arguments]
        with output.open("wb") as file:
            started.append(subprocess.Popen(command, env=environment, stdout=file, stderr=file))

    try:
        launch(
            "master.Master",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--webui-port",
            str(url_port),
            output=log,
        )
        url = f"spark://127.0.0.1:{port}"
        for number in range(2):
            launch(
                "worker.Worker",
                "--host",
                "127.0.0.1",
                "--cores",
                "1",
                "--memory",
                "1g",
                "--webui-port",
                str(_free_port()),
                url,
                output=work / f"worker{number}.log",
            )
        _wait_for_workers(log, 2)
        yield url
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=20)


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
