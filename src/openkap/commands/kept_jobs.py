"""The jobs process beside the pages, kept alive: an alarming answer is only escalated while it runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

log = logging.getLogger("openkap.jobs")

# Seconds until the next start, after each death in a row.
WAITS = (1, 2, 5, 10, 30)
MOST_DEATHS = 5
WITHIN_S = 600


class JobsKeepDying(Exception):
    """The jobs died too often: the server ends, so that whoever keeps it running hears of it."""


class Process(Protocol):
    """What is needed of a ``subprocess.Popen``."""

    def poll(self) -> int | None:
        """Its exit code, ``None`` while it runs."""

    def terminate(self) -> None:
        """Ask it to end."""

    def wait(self, timeout: float) -> int:
        """Wait until it has ended."""


class KeptJobs:
    """Starts the jobs, and starts them again when they end. ``look`` is called about once a second."""

    def __init__(self, start: Callable[[], Process], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._start = start
        self._clock = clock
        self._process: Process | None = None
        self._deaths: list[float] = []
        self._next = clock()
        self._is_stopped = False

    def look(self) -> None:
        """Start what should run and does not. Raises ``JobsKeepDying`` when that is of no use."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            self._process = None
            self._died("the jobs ended")
        if self._is_stopped or self._clock() < self._next:
            return
        try:
            self._process = self._start()
        except OSError as refused:
            self._died(f"the jobs could not be started: {refused}")

    def stop(self) -> None:
        """End the jobs with the server."""
        self._is_stopped = True
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    def _died(self, what: str) -> None:
        if self._is_stopped:
            return
        moment = self._clock()
        self._deaths = [*(death for death in self._deaths if moment - death < WITHIN_S), moment]
        if len(self._deaths) >= MOST_DEATHS:
            log.critical("%s for the %s. time: the server ends", what, len(self._deaths))
            raise JobsKeepDying(what)
        wait = WAITS[min(len(self._deaths), len(WAITS)) - 1]
        self._next = moment + wait
        log.error("%s; they are started again in %s s", what, wait)
