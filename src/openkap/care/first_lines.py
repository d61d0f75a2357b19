"""Lists that show the first so many lines and say so: whoever is further down stands nowhere else.

``@first_lines(50, "referrals")`` above the builder of a query gives a read that is prepared, brings one row
more than fits, and counts only when there are more. Its answer is the rows, and ``rest`` the line that leads
to all. Within ``whole_lists()`` nothing is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar

from django.db.models import Count, QuerySet, Value
from django.urls import reverse

from openkap.care.contributions import Task
from openkap.care.prepared import prepared

Given = ParamSpec("Given")
Row = TypeVar("Row")

_whole: ContextVar[bool] = ContextVar("whole lists", default=False)


@contextmanager
def whole_lists(wanted: bool = True) -> Iterator[None]:
    """Within the block lists are read to their end."""
    token = _whole.set(wanted)
    try:
        yield
    finally:
        _whole.reset(token)


@dataclass(frozen=True, slots=True)
class Lines(Generic[Row]):
    """The rows that are shown, and how many there are."""

    rows: list[Row]
    total: int
    what: str

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def rest(self, urgency: str = "soon") -> list[Task]:
        """One line in the place of those that are not shown; none where all are."""
        left = self.total - len(self.rows)
        if not left:
            return []
        note = f"{len(self.rows)} of {self.total} {self.what} shown"
        url = f"{reverse('home')}?all=1"
        return [Task(f"Show {left} more", url, urgency=urgency, note=note, stands_for=left)]


def first_lines(
    most: int, what: str
) -> Callable[[Callable[Given, QuerySet[Any, Row]]], Callable[Given, Lines[Row]]]:
    """A prepared read of at most so many rows that knows when there are more."""

    def decorate(build: Callable[Given, QuerySet[Any, Row]]) -> Callable[Given, Lines[Row]]:
        @prepared
        def first(*given: Given.args, **named: Given.kwargs) -> QuerySet[Any, Row]:
            return build(*given, **named)[: most + 1]

        @prepared
        def count(*given: Given.args, **named: Given.kwargs) -> QuerySet[Any, int]:
            rows = build(*given, **named).order_by()
            found = rows.model._default_manager.filter(pk__in=rows.values("pk")).values_list(Value(1))
            total: QuerySet[Any, int] = found.annotate(total=Count("pk")).values_list("total", flat=True)
            return total

        def read(*given: Given.args, **named: Given.kwargs) -> Lines[Row]:
            rows = first(*given, **named)
            if len(rows) <= most:
                return Lines(rows, len(rows), what)
            if _whole.get():
                rows = list(build(*given, **named))
                return Lines(rows, len(rows), what)
            return Lines(rows[:most], count(*given, **named)[0], what)

        return read

    return decorate
