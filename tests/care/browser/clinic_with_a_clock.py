"""Run by the browser tests: ``openkap`` with a clock that a file moves on, so that hours pass in seconds."""

from __future__ import annotations

import os
import sys
from contextvars import ContextVar
from datetime import datetime, timedelta
from pathlib import Path

from openkap.__main__ import main
from openkap.care import moment
from openkap.core.clock import system_clock

AHEAD = Path(os.environ["OPENKAP_VAR"]) / "ahead_s"


def clock() -> datetime:
    """The wall's time and what the test has added to it."""
    return system_clock() + timedelta(seconds=float(AHEAD.read_text() or 0) if AHEAD.exists() else 0)


if __name__ == "__main__":
    moment._clock = ContextVar("clock", default=clock)
    sys.exit(main())
