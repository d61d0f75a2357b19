"""Two people save the same thing: nobody's words are lost, and a page shows both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


class Conflict(Exception):
    """The row has moved on since the form was opened. ``theirs`` is what is stored now."""

    def __init__(self, *, theirs: dict[str, Any], version: int, who: str = "", when: Any = None) -> None:
        super().__init__("somebody else saved first")
        self.theirs, self.version, self.who, self.when = theirs, version, who, when


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """One field of the conflict page."""

    name: str
    label: str
    theirs: str
    yours: str

    @property
    def same(self) -> bool:
        return self.theirs.strip() == self.yours.strip()


def conflict_page(request: HttpRequest, form: Any, conflict: Conflict, **context: Any) -> HttpResponse:
    """Both versions field by field, and a form that saves on top of theirs."""
    rows = [
        ConflictRow(
            name=name,
            label=str(form.fields[name].label or name.replace("_", " ").capitalize()),
            theirs=_text(conflict.theirs[name]),
            yours=_text(form.data.get(name, "")),
        )
        for name in form.fields
        if name in conflict.theirs
    ]
    context |= {"rows": rows, "version": conflict.version, "who": conflict.who, "when": conflict.when}
    return render(request, "conflict.html", context, status=409)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
