"""Steps that many tests begin with: played once a process, afterwards only written down again.

An act asks the database ten times before it writes once, and most tests of the clinic begin with the same acts of the
same people at the same moment. What such a step wrote is kept beside the state it began in; in that state it is
written again, past the acts but through every rule of the database. Whatever else was written since the cast was put
back makes the state unknown, and the step is played; so it is in every test that changes the program
(``monkeypatch``, see ``cast``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import wraps
from typing import Any

from django.conf import UserSettingsHolder, settings
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from openkap.care.moment import now

READS = ("SELECT", "SAVEPOINT", "RELEASE")
PLAIN = (str, int, bool, type(None), Decimal, date, datetime, timedelta)


@dataclass(frozen=True)
class Step:
    """What a step wrote, what it gave back, and what the watch said then."""

    written: list[tuple[str, Any, bool]]
    gave: Any
    moment: datetime


KEPT: dict[Hashable, Step] = {}


class Stage:
    """What is known of the database since the cast was put back: the steps so far, or nothing."""

    def __init__(self) -> None:
        # Real transactions are for tests in which others write, too.
        self.steps: Hashable | None = ("cast",) if connection.in_atomic_block else None
        self.written: list[tuple[str, Any, bool]] = []
        self.known = 0
        self.playing = 0
        if self.steps:
            connection.execute_wrappers.append(self)

    def __call__(self, execute, sql, params, many, context):
        if not sql.lstrip().startswith(READS):
            self.written.append((sql, params, many))
            if not self.playing or sql.startswith("ROLLBACK"):
                self.leave()
        return execute(sql, params, many, context)

    def leave(self) -> None:
        """Something else was written, or the test is over."""
        self.steps = None
        if self in connection.execute_wrappers:
            connection.execute_wrappers.remove(self)

    def play(self, function: Callable, cast, given: tuple, named: dict[str, Any]) -> Any:
        """Play the step or write it again; returns what it gives."""
        name = self._name(function, given, named)
        if name in KEPT:
            return self._again(name, KEPT[name], given)
        begun = len(self.written)
        self.playing += 1
        try:
            gave = function(cast, *given, **named)
        except BaseException:
            self.leave()
            raise
        finally:
            self.playing -= 1
        if name and self.steps and (gave is None or isinstance(gave, Model)):
            KEPT[name] = Step(self.written[begun:], _place(gave, given), _moment(given))
            self.steps, self.known = name, len(self.written)
        elif not self.playing:
            self.leave()
        return gave

    def _name(self, function: Callable, given: tuple, named: dict[str, Any]) -> Hashable | None:
        """The step and all that it depends on; ``None`` where that cannot be known."""
        if self.steps is None or self.known != len(self.written):
            return None
        values = [*given, *named.values()]
        if not all(map(_is_plain, values)):
            return None
        what = (
            function.__qualname__,
            tuple(map(_said, given)),
            tuple((k, _said(named[k])) for k in sorted(named)),
        )
        return (self.steps, what, now(), timezone.get_current_timezone_name(), _overridden())

    def _again(self, name: Hashable, step: Step, given: tuple) -> Any:
        self.playing += 1
        with connection.cursor() as cursor:
            for sql, params, many in step.written:
                (cursor.executemany if many else cursor.execute)(sql, params)
        self.playing -= 1
        self.steps, self.known = name, len(self.written)
        for each in given:
            if isinstance(each, Model):
                each.refresh_from_db()
            elif hasattr(each, "moment"):
                each.moment = step.moment
        if isinstance(step.gave, int):
            return given[step.gave]
        return step.gave and step.gave[0]._base_manager.get(pk=step.gave[1])


def rehearsed(function: Callable) -> Callable:
    """A step ``(cast, ...)`` that is played once in a state; a cast without a stage plays it each time."""

    @wraps(function)
    def step(cast, *given, **named):
        stage = getattr(cast, "stage", None)
        return stage.play(function, cast, given, named) if stage else function(cast, *given, **named)

    return step


def _place(gave: Model | None, given: tuple) -> Any:
    """Which of the arguments it is, or where it stands."""
    for number, each in enumerate(given):
        if each is gave and gave is not None:
            return number
    return gave and (type(gave), gave.pk)


def _moment(given: tuple) -> datetime:
    return next((each.moment for each in given if hasattr(each, "moment")), now())


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return isinstance(value, (*PLAIN, Model)) or hasattr(value, "moment") or is_dataclass(value)


def _said(value: Any) -> Hashable:
    if isinstance(value, Model):
        return (value._meta.label, value.pk)
    return "watch" if hasattr(value, "moment") else repr(value)


def _overridden() -> str:
    """The settings that the test has changed."""
    found: dict[str, Any] = {}
    holder = settings._wrapped
    while isinstance(holder, UserSettingsHolder):
        found = {name: value for name, value in vars(holder).items() if name.isupper()} | found
        holder = holder.default_settings
    return repr(sorted(found.items()))
