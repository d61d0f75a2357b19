"""The jobs process beside the pages, kept alive: an alarming answer is only escalated while it runs."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Callable
from typing import Protocol

log = logging.getLogger("openkap.jobs")

# Seconds until the next start, after each death in a row.
WAITS = (1, 2, 5, 10, 30)
MOST_DEATHS = 5
WITHIN_S = 600
# Without a sign of life for so long they hang; the health page calls them gone after the same time. Above
# what one piece of work may take: a mail server that does not answer holds messages up for three minutes.
HANG_S = 300


class JobsKeepDying(Exception):
    """The jobs died too often: the server ends, so that whoever keeps it running hears of it."""


class Process(Protocol):
    """What is needed of a ``subprocess.Popen``."""

    def poll(self) -> int | None:
        """Its exit code, ``None`` while it runs."""

    def gave_sign(self) -> bool:
        """Whether it gave a sign of life since it was asked last."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it, whatever it waits for."""

    def wait(self, timeout: float) -> int:
        """Wait until it has ended."""


class KeptJobs:
    """Starts the jobs, and again when they end or hang. ``look`` is called about once a second."""

    def __init__(self, start: Callable[[], Process], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._start = start
        self._clock = clock
        self._process: Process | None = None
        self._deaths: list[float] = []
        self._seen = 0.0
        self._next = clock()
        self._is_stopped = False

    def look(self) -> None:
        """Start what should run and does not. Raises ``JobsKeepDying`` when that is of no use."""
        if self._process is not None:
            if self._process.poll() is None and not self._hangs(self._process):
                return
            self._bury(self._process)
        if self._is_stopped or self._clock() < self._next:
            return
        try:
            self._process = self._start()
            self._seen = self._clock()
        except OSError as refused:
            self._died(f"the jobs could not be started: {refused}")

    def stop(self) -> None:
        """End the jobs with the server."""
        self._is_stopped = True
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)

    def _hangs(self, process: Process) -> bool:
        if process.gave_sign():
            self._seen = self._clock()
        return self._clock() - self._seen > HANG_S

    def _bury(self, process: Process) -> None:
        what = "the jobs ended"
        if process.poll() is None:
            what = f"the jobs gave no sign of life for {HANG_S} s and were ended"
            process.kill()
        process.wait(10)
        self._process = None
        self._died(what)

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
