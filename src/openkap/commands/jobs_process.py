"""The jobs as a process of their own, with a pipe on which they give a sign of life before each piece of
work.

A pipe, not the row that the health page reads: gunicorn's master forks, and must hold no connection to a
database.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence

# The number of the pipe's end that the jobs write to.
SIGN_VARIABLE = "OPENKAP_JOBS_SIGN"
COMMAND = (sys.executable, "-m", "openkap", "jobs")


class JobsProcess:
    """A running ``openkap jobs``, and whether it still moves."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._signs, writes = os.pipe()
        os.set_blocking(self._signs, False)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command, pass_fds=(writes,), env={**os.environ, SIGN_VARIABLE: str(writes)}
            )
        except OSError:
            os.close(self._signs)
            raise
        finally:
            os.close(writes)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code, ``None`` while it runs."""
        return self._process.poll()

    def gave_sign(self) -> bool:
        """Whether it gave a sign of life since it was asked last."""
        try:
            return bool(os.read(self._signs, 65536))
        except BlockingIOError:
            return False

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it, whatever it waits for."""
        self._process.kill()

    def wait(self, timeout: float) -> int:
        """Wait until it has ended, and let go of the pipe."""
        code = self._process.wait(timeout)
        os.close(self._signs)
        return code


def sign_of_life() -> Callable[[], None]:
    """What the jobs call before each piece of work; it does nothing where nobody watches them."""
    given = os.environ.pop(SIGN_VARIABLE, "")
    if not given:
        return lambda: None
    pipe = int(given)
    os.set_blocking(pipe, False)

    def sign() -> None:
        try:
            os.write(pipe, b".")
        except (BlockingIOError, BrokenPipeError):
            # Full: the server has not looked for a while. Broken: it is gone, and the jobs see that too.
            return

    return sign
