"""Reads that are written with the ORM, compiled to SQL once, and asked with new values ever after.

Building the SQL of a query costs several times what running it does. ``@prepared`` keeps the compiled text::

    @prepared
    def _contacts(patient_id: int) -> QuerySet[Contact]:
        return Contact.objects.filter(patient_id=patient_id, ended_at__isnull=True)

    _contacts(patient.pk)   # a list of rows

The function runs once for each shape of its arguments, with marks in the place of the values; so it only
builds the query: everything that varies is an argument, and asking the clock inside is refused. Arguments are
whole numbers, words, moments, days, and lists of them for ``in``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, update_wrapper
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.query import (
    FlatValuesListIterable,
    ModelIterable,
    ValuesListIterable,
    get_related_populators,
)
from django.db.models.signals import post_init, pre_init

from openkap.care.moment import clock_at
from openkap.care.postgresql.base import DatabaseWrapper as PostgreSQL

Given = ParamSpec("Given")
Row = TypeVar("Row")
Stored = TypeVar("Stored", bound=Model)

# A list is filled up to one of these lengths with its last value: the same rows, and few shapes to keep.
LENGTHS = (1, 2, 4, 8, 16, 32, 64, 128)
# A longer list of values is asked for once and in no shape that comes again.
MOST_KEPT = LENGTHS[-1]

# Marks stand for the arguments while the query is compiled; no real value is like them.
_MARKS: dict[type, Callable[[int], Any]] = {
    int: lambda place: 1_903_170_000 + place,
    str: lambda place: f"\x02argument {place}\x03",
    datetime: lambda place: datetime(1903, 1, 7, 3, 11, tzinfo=UTC) + timedelta(seconds=place),
    date: lambda place: date(1703, 1, 7) + timedelta(days=place),
}


def prepared(build: Callable[Given, QuerySet[Any, Row]]) -> Callable[Given, list[Row]]:
    """The read that ``build`` describes, with its SQL kept."""
    return _Read(build)


def insert(rows: Sequence[Stored]) -> None:
    """Store new rows of one model, as ``bulk_create`` does, with the statement's text kept."""
    if not rows:
        return
    connection, model = connections[DEFAULT_DB_ALIAS], type(rows[0])
    sql, fields = _insertion(connection.vendor, model, len(rows))
    values = [
        field.get_db_prep_save(field.pre_save(row, add=True), connection) for row in rows for field in fields
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        keys = cursor.fetchall()
    for row, (key,) in zip(rows, keys, strict=True):
        row.pk = key
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


@lru_cache(maxsize=256)
def _insertion(vendor: str, model: type[Model], count: int) -> tuple[str, tuple[Any, ...]]:
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    table, key = model._meta.db_table, model._meta.pk
    fields = tuple(field for field in model._meta.concrete_fields if field is not key)
    columns = ", ".join(quote(str(field.column)) for field in fields)
    row = f"({', '.join(['%s'] * len(fields))})"
    rows = ", ".join([row] * count)
    # Names of our own models and marks for values, nothing that anybody typed.
    sql = f"INSERT INTO {quote(table)} ({columns}) VALUES {rows} RETURNING {quote(str(key.column))}"  # noqa: S608
    return sql, fields


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where an argument goes; ``within`` as the words that a text contains."""

    place: int
    within: bool = False

    def value(self, connection: BaseDatabaseWrapper, values: list[Any]) -> Any:
        value = values[self.place]
        return f"%{connection.ops.prep_for_like_query(value)}%" if self.within else value


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One shape of a read: its text, for each parameter its value or the argument that gives it, and how its
    rows become values or objects.
    """

    sql: str
    parameters: tuple[Any, ...]
    # (column, functions of the field, expression)
    converters: tuple[tuple[int, Sequence[Callable[..., Any]], Any], ...]
    width: int
    made: Callable[[Iterable[Any]], list[Any]]


class _Read(Generic[Given, Row]):
    """A read and its compiled shapes."""

    def __init__(self, build: Callable[Given, QuerySet[Any, Row]]) -> None:
        self._build = build
        self._shapes: dict[tuple[Any, ...], _Compiled | None] = {}
        update_wrapper(self, build)

    def __call__(self, *given: Given.args, **named: Given.kwargs) -> list[Row]:
        if named:
            raise TypeError("a prepared read takes its arguments by place")
        if any(isinstance(each, (list, tuple)) and len(each) > MOST_KEPT for each in given):
            return list(self._build(*given, **named))
        connection = connections[DEFAULT_DB_ALIAS]
        filled = tuple(_filled(each) if isinstance(each, (list, tuple)) else each for each in given)
        shape = (connection.vendor, *map(_shape, filled))
        if shape not in self._shapes:
            self._shapes[shape] = self._compile(connection, filled)
        found = self._shapes[shape]
        return [] if found is None else _rows(connection, found, filled)

    def _compile(self, connection: BaseDatabaseWrapper, given: tuple[Any, ...]) -> _Compiled | None:
        marks = _marked(given)
        with clock_at(_no_clock):
            queryset = self._build(*marks)  # type: ignore[call-arg]
        compiler = queryset.query.get_compiler(connection=connection)
        try:
            sql, found = compiler.as_sql()
        except EmptyResultSet:
            if any(isinstance(each, (list, tuple)) and not each for each in given):
                return None
            # A mark outside a small column's range would make a read that is silent for ever.
            raise TypeError(f"{self._build.__qualname__}: this query can have no rows") from None
        flat = list(enumerate(_flat(marks)))
        slots = {_stored(connection, mark): _Slot(place) for place, mark in flat}
        slots |= {f"%{mark}%": _Slot(place, within=True) for place, mark in flat if isinstance(mark, str)}
        parameters = tuple(slots.get(each, each) if _may_be(each) else each for each in found)
        missing = {place for place, _ in flat} - {each.place for each in parameters if type(each) is _Slot}
        if missing:
            raise TypeError(f"{self._build.__qualname__}: arguments {sorted(missing)} are not in the query")
        columns = [each[0] for each in compiler.select[: compiler.col_count]]
        converters = compiler.get_converters(columns).items()
        return _Compiled(
            sql,
            parameters,
            tuple((place, functions, expression) for place, (functions, expression) in converters),
            compiler.col_count if compiler.has_extra_select else 0,
            _maker(queryset, compiler),
        )


def _rows(connection: BaseDatabaseWrapper, found: _Compiled, given: tuple[Any, ...]) -> list[Any]:
    values = [_stored(connection, value) for value in _flat(given)]
    bound = [each.value(connection, values) if type(each) is _Slot else each for each in found.parameters]
    rows = _fetched(connection, found.sql, bound)
    if found.width:
        rows = [row[: found.width] for row in rows]
    if found.converters:
        rows = [_converted(row, found.converters, connection) for row in rows]
    return found.made(rows)


def _fetched(connection: BaseDatabaseWrapper, sql: str, bound: list[Any]) -> Iterable[Any]:
    if isinstance(connection, PostgreSQL):
        return connection.fetched(sql, bound)
    with connection.cursor() as cursor:
        cursor.execute(sql, bound)
        rows: Iterable[Any] = cursor.fetchall()
        return rows


def _converted(row: Any, converters: Any, connection: BaseDatabaseWrapper) -> tuple[Any, ...]:
    values = list(row)
    for place, functions, expression in converters:
        for function in functions:
            values[place] = function(values[place], expression, connection)
    return tuple(values)


def _maker(queryset: Any, compiler: Any) -> Callable[[Iterable[Any]], list[Any]]:
    """How rows become what the queryset promises: as its own iterables do it, with their preparation kept."""
    kind = queryset._iterable_class
    if kind is FlatValuesListIterable:
        return lambda rows: [row[0] for row in rows]
    if kind is ValuesListIterable:
        return lambda rows: list(map(tuple, rows))
    if kind is not ModelIterable or queryset._prefetch_related_lookups:
        raise TypeError("a prepared read gives rows of a model, or values_list")
    info, select = compiler.klass_info, compiler.select
    first, last = info["select_fields"][0], info["select_fields"][-1] + 1
    names = [each[0].target.attname for each in select[first:last]]
    # The type stubs know the signature of a later Django.
    populators = get_related_populators(info, select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]
    annotations = tuple((compiler.annotation_col_map or {}).items())
    model = _Stored.of(info["model"])
    _make_quickly(populators)

    def make(rows: Iterable[Any]) -> list[Any]:
        made = []
        for row in rows:
            each = model.from_db(DEFAULT_DB_ALIAS, names, row[first:last])
            for populator in populators:
                populator.populate(row, each)
            for name, place in annotations:
                setattr(each, name, row[place])
            made.append(each)
        return made

    return make


class _Stored:
    """Makes rows of a model as ``from_db`` does, without the checks that values from people need.

    A chart or a session is a few dozen rows; half of the time to make one went into looking for what nobody
    has: listeners, default values, arguments by name.
    """

    def __init__(self, model: type[Model]) -> None:
        self.model = model

    @classmethod
    def of(cls, model: type[Model]) -> Any:
        """The quick way for a model that makes its rows as all do, else the model itself."""
        plain = (
            model.__init__ is Model.__init__
            and model.from_db.__func__ is Model.from_db.__func__  # type: ignore[attr-defined]
            and not any(signal.has_listeners(model) for signal in (pre_init, post_init))
        )
        return cls(model) if plain else model

    def from_db(self, alias: str, names: Sequence[str], values: Sequence[Any]) -> Model:
        row = self.model.__new__(self.model)
        row._state = state = ModelState()
        state.adding, state.db = False, alias
        row.__dict__.update(zip(names, values, strict=True))
        return row


def _make_quickly(populators: Sequence[Any]) -> None:
    """The rows beside a row, as ``select_related`` reads them, too."""
    for populator in populators:
        populator.model_cls = _Stored.of(populator.model_cls)
        _make_quickly(populator.related_populators)


def _filled(values: list[Any] | tuple[Any, ...]) -> list[Any]:
    length = next(length for length in (0, *LENGTHS) if length >= len(values))
    return [*values, *([values[-1]] * (length - len(values)) if values else ())]


def _shape(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(map(_shape, value))
    if type(value) not in _MARKS:
        raise TypeError(f"a prepared read takes no {type(value).__name__}")
    return type(value)


def _marked(given: tuple[Any, ...]) -> list[Any]:
    places = iter(range(10_000))
    return [
        [_MARKS[type(each)](next(places)) for each in value]
        if isinstance(value, (list, tuple))
        else _MARKS[type(value)](next(places))
        for value in given
    ]


def _flat(given: Any) -> Iterator[Any]:
    for value in given:
        if isinstance(value, (list, tuple)):
            yield from value
        else:
            yield value


def _stored(connection: BaseDatabaseWrapper, value: Any) -> Any:
    """The value as this database's driver takes it."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, date):
        return connection.ops.adapt_datefield_value(value)
    return value


def _may_be(value: Any) -> bool:
    return isinstance(value, (int, str, date)) and not isinstance(value, bool)


def _no_clock() -> NoReturn:
    raise TypeError("a prepared read must not ask the time: it would keep the answer; hand the moment in")
