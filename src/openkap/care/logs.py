"""Log lines as JSON with the id of the request; never a name, a form value or an address of a patient."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime

from django.http import HttpRequest

request_id: ContextVar[str] = ContextVar("request_id", default="")


class JsonLines(logging.Formatter):
    """One JSON object a line; tracebacks name places in the code, not the values that were there."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if request_id.get():
            line["request"] = request_id.get()
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["traceback"] = _places(record)
        return json.dumps(line, ensure_ascii=False)


def _message(record: logging.LogRecord) -> str:
    """What happened, with the route in the place of the address: an address names a patient, or holds the
    token that is the key to their questions.
    """
    said, request = record.getMessage(), getattr(record, "request", None)
    if not isinstance(request, HttpRequest):
        return said
    found = request.resolver_match
    route = f"/{found.route}" if found else "an address that is not ours"
    # Django writes it so in its own lines.
    return said.replace(request.path.encode("unicode_escape").decode("ascii"), route)


def _places(record: logging.LogRecord) -> str:
    """File, line and function of each step, without the error's text, which may quote a person's data."""
    import traceback

    assert record.exc_info
    steps = traceback.extract_tb(record.exc_info[2])
    return " > ".join(f"{step.filename}:{step.lineno} {step.name}" for step in steps)
