"""A real standalone Spark cluster on this machine, for tests and measurements."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_LIMIT_S = 240


@contextmanager
def loopback_cluster(work: Path, *, workers: int = 2, memory: str = "1g") -> Iterator[str]:
    """One master and workers of one core: the cluster's URL while the block runs; then all is ended.

    Parameters
    ----------
    work : an empty folder for logs and scratch files.
    memory : what each worker may give to executors, as Spark writes it.
    """
    import pyspark

    home = Path(pyspark.__file__).parent
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_NO_DAEMONIZE": "1",
        "SPARK_WORKER_DIR": str(work),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_DAEMON_MEMORY": "256m",
    }
    started: list[subprocess.Popen[bytes]] = []

    def launch(kind: str, *arguments: str, output: Path) -> None:
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind}"]
        command += ["--host", "127.0.0.1", "--webui-port", str(_free_port()), *arguments]
        with output.open("wb") as file:
            # Spark's own launcher with words from here alone.
            started.append(subprocess.Popen(command, env=environment, stdout=file, stderr=file))  # noqa: S603

    log, port = work / "master.log", _free_port()
    url = f"spark://127.0.0.1:{port}"
    try:
        launch("master.Master", "--port", str(port), output=log)
        for number in range(workers):
            worker = ("worker.Worker", "--cores", "1", "--memory", memory, url)
            launch(*worker, output=work / f"worker{number}.log")
        _wait_for_workers(log, workers)
        yield url
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_workers(log: Path, number: int) -> None:
    limit = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit:
        if log.exists() and log.read_text(errors="replace").count("Registering worker") >= number:
            return
        time.sleep(0.1)
    raise RuntimeError(f"the workers did not register: {log.read_text(errors='replace')[-2000:]}")
