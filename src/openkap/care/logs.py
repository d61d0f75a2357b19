"""Log lines as JSON with the id of the request; never a name, a form value or an address of a patient."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="")


class JsonLines(logging.Formatter):
    """One JSON object a line; tracebacks name places in the code, not the values that were there."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            line["request"] = request_id.get()
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["traceback"] = _places(record)
        return json.dumps(line, ensure_ascii=False)


def _places(record: logging.LogRecord) -> str:
    """File, line and function of each step, without the error's text, which may quote a person's data."""
    import traceback

    assert record.exc_info
    steps = traceback.extract_tb(record.exc_info[2])
    return " > ".join(f"{step.filename}:{step.lineno} {step.name}" for step in steps)
