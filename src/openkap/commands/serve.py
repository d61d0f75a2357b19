"""``openkap serve``: web pages and jobs on one machine; ``openkap jobs``: the jobs alone."""

from __future__ import annotations

import errno
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from openkap.commands.django_door import open_django
from openkap.commands.jobs_process import JobsProcess, sign_of_life
from openkap.commands.kept_jobs import JobsKeepDying, KeptJobs
from openkap.core.errors import InputError

log = logging.getLogger("openkap.jobs")

# How long a connection may stay silent before it is taken all the same.
SILENT_S = 60
# How long a port may stay taken by a server that is just ending.
PORT_WAIT_S = 5
TABLES_WAIT_S = 2
THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
@click.option("--workers", default=2, show_default=True, help="Processes that answer.")
@click.option("--threads", default=2, show_default=True, help="Threads in each.")
@click.option("--demo", is_flag=True, help="A clinic of invented people in var/demo, one click to log in.")
@click.option("--no-jobs", is_flag=True, help="Pages only; run openkap jobs elsewhere.")
def serve(host: str, port: int, workers: int, threads: int, demo: bool, no_jobs: bool) -> None:
    """Serve the clinic: pages and jobs on this machine."""
    if demo:
        _prepare_demo(host, port)
    wait_for_port(host, port)
    os.environ.setdefault("OPENKAP_JOBS_EXPECTED", "no" if no_jobs else "yes")
    with _loading():
        open_django()
    from django.conf import settings

    if settings.DEMO and not demo and host not in THIS_MACHINE:
        raise InputError(
            "a demo installation logs in anybody",
            value=host,
            remedy="serve it on 127.0.0.1, or turn the demo off",
        )
    prepare_database()
    if demo:
        from openkap.care.demo.fill import fill_if_empty

        if made := fill_if_empty():
            click.echo(f"filled one synthetic clinic: {made} patients")
    jobs = None if no_jobs else KeptJobs(JobsProcess)

    def when_ready(server: Any) -> None:
        _wait_for_words(server.LISTENERS)
        click.echo(f"OpenKAP on {address(host, port)}/ (stop with Ctrl-C)")

    options = {"bind": f"{host}:{port}", "workers": workers, "threads": threads, "when_ready": when_ready}
    try:
        _gunicorn(options, jobs).run()
    finally:
        if jobs is not None:
            jobs.stop()


@click.command()
@click.option("--once", is_flag=True, help="Run each job once and end: for cron or a timer.")
def jobs(once: bool) -> None:
    """Run the jobs: send, remind, escalate, expire; claims rows, so several may run."""
    open_django()
    from django.db import close_old_connections

    from openkap.care.jobs import Schedule

    parent = os.getppid()
    wait_for_tables(once=once)
    schedule = Schedule(worker=f"{os.uname().nodename}:{os.getpid()}", last={}, sign=sign_of_life())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        schedule.run_due()
        if once and schedule.failed:
            sys.exit(1)
        # A server that was killed takes its jobs along.
        if once or os.getppid() != parent:
            return
        close_old_connections()
        time.sleep(1)


def wait_for_tables(*, once: bool) -> None:
    """Until a server has brought the tables to this version; who runs once is told instead."""
    from django.db import DatabaseError, connection

    told = False
    while True:
        try:
            if not _has_to_migrate():
                return
            why = "the database has not the tables of this version"
        except DatabaseError:
            if once:
                raise
            connection.close()
            why = "the database cannot be reached"
        if once:
            raise InputError(why, remedy="start openkap serve, which brings them up to date")
        if not told:
            log.warning("%s: the jobs wait", why)
            told = True
        time.sleep(TABLES_WAIT_S)


def _has_to_migrate() -> bool:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def wait_for_port(host: str, port: int, seconds: float = PORT_WAIT_S) -> None:
    """Refuse a port that somebody holds before anything is done; a server that is ending gets its time."""
    until = time.monotonic() + seconds
    while True:
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind(place)
        except socket.gaierror:
            raise InputError("no such address", value=host, remedy="choose one of this machine") from None
        except OSError as taken:
            if taken.errno == errno.EADDRINUSE and time.monotonic() < until:
                time.sleep(0.2)
                continue
            raise InputError(
                f"cannot listen here: {taken.strerror}",
                value=f"{host}:{port}",
                remedy="stop what listens there, or choose another one with --port",
            ) from None
        return


def prepare_database() -> None:
    """Bring the tables to this version; a no-op that costs little when they are."""
    from django.core.management import call_command

    from openkap.care.one_migration import alone

    with alone(click.echo):
        if _has_to_migrate():
            call_command("migrate", verbosity=0)


@contextmanager
def _loading() -> Iterator[None]:
    """Nothing that is loaded goes away again: looking for what might would take a tenth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _wait_for_words(listeners: list[Any]) -> None:
    """Take a connection when something is said on it: a browser opens spare ones, and each held a thread.

    Linux does it; elsewhere a spare connection holds a thread for the server's five seconds.
    """
    if hasattr(socket, "TCP_DEFER_ACCEPT"):
        for listener in listeners:
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, SILENT_S)


def address(host: str, port: int) -> str:
    """Where to open it: this machine by its name, as no browser makes a passkey for a number."""
    named = "localhost" if host in THIS_MACHINE else host
    return f"http://{named}:{port}"


def _prepare_demo(host: str, port: int) -> None:
    if host not in THIS_MACHINE:
        raise InputError(
            "the demo logs in anybody", value=host, limit="127.0.0.1", remedy="serve it on this machine only"
        )
    os.environ["OPENKAP_DEMO"] = "yes"
    os.environ.setdefault("OPENKAP_VAR", str(Path("var") / "demo"))
    os.environ.setdefault("OPENKAP_BASE_URL", address(host, port))


def _gunicorn(options: dict[str, Any], jobs: KeptJobs | None) -> Any:
    from gunicorn.app.base import BaseApplication
    from gunicorn.arbiter import Arbiter
    from gunicorn.errors import HaltServer

    class Master(Arbiter):  # type: ignore[misc]
        """Looks after the jobs as it does after the workers, about once a second, in no thread of its own."""

        def manage_workers(self) -> None:
            # The jobs start once pages can be served: nobody waits for them.
            super().manage_workers()
            if jobs is None:
                return
            try:
                jobs.look()
            except JobsKeepDying as why:
                raise HaltServer(str(why), 1) from None

    class Clinic(BaseApplication):  # type: ignore[misc]
        """The clinic in gunicorn: loaded once and shared by the workers."""

        def load_config(self) -> None:
            for name, value in {
                "preload_app": True,
                "worker_class": "gthread",
                # A tablet that asks every two seconds keeps its connection.
                "keepalive": 15,
                "timeout": 60,
                **options,
            }.items():
                self.cfg.set(name, value)
            self.cfg.set("loglevel", "warning")

        def run(self) -> None:
            Master(self).run()

        def load(self) -> Any:
            from django.db import connections
            from django.urls import get_resolver

            with _loading():
                from openkap.care.wsgi import application

                # Every page, once for all workers: else each loads them while its first visitor waits.
                get_resolver().check()
            # The parent's connection must not be shared with the workers it forks.
            connections.close_all()
            # What is loaded by now stays: collecting it again would copy its pages into every worker.
            gc.collect()
            gc.freeze()
            return application

    return Clinic()
