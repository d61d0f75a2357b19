"""Content files: read as text, typed by a schema, fingerprinted.

YAML is read as text only, so ``no`` stays a word and ``1.10`` keeps its zero; an unquoted ``null``, and
nothing else, means "not found". The tree is built from parse events without recursion: aliases, duplicate
keys, tags and deep nesting are refused, each with its line, so that neither a typing slip nor a hostile
file can change a number quietly.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from pathlib import Path
from types import EllipsisType
from typing import Any, Protocol, TypeVar, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from openkap.core.errors import ContentError, DomainError, InputError, quote
from openkap.core.source import Grade

# A reviewer cannot read more than this; the largest shipped file is a tenth of it.
LARGEST_FILE_BYTES = 4_000_000
DEEPEST_NESTING = 40
SHIPPED = Path(str(resources.files("openkap"))) / "content"

Place = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

# The parser in C where PyYAML was built with it; both give the same events.
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class Schema(BaseModel):
    """Base of every content schema: frozen, and no field that the schema does not name.

    A number is written in plain digits. The schema library alone would read the text ``0-5`` as minus five
    and ``1_0`` as ten: a slip would change a number without a word.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _numbers_in_plain_digits(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for name, pattern in _number_fields(cls).items():
                given = data.get(name)
                for each in given if isinstance(given, list | tuple) else [given]:
                    if isinstance(each, str) and pattern.fullmatch(each.strip()) is None:
                        raise ValueError(f"{name}: {quote(each)} is not a number in plain digits")
        return data


_WHOLE = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@lru_cache(maxsize=512)
def _number_fields(schema: type[BaseModel]) -> dict[str, re.Pattern[str]]:
    """The fields of a schema that hold numbers and nothing else, with what their text must look like."""
    fields = {}
    for name, field_ in schema.model_fields.items():
        if any(isinstance(each, BeforeValidator) for each in field_.metadata):
            continue  # this field reads its text by itself
        kinds = set(_plain_types(field_.annotation)) - {type(None), EllipsisType}
        if kinds == {int}:
            fields[field_.alias or name] = _WHOLE
        elif kinds and kinds <= {int, float, Decimal}:
            fields[field_.alias or name] = _DECIMAL
    return fields


def _plain_types(annotation: Any) -> Iterator[Any]:
    """The types an annotation comes down to: ``tuple[int, ...] | None`` to int, ellipsis, none."""
    inner = get_args(annotation)
    if not inner:
        yield EllipsisType if annotation is Ellipsis else annotation
    for each in inner:
        yield from _plain_types(each)


@dataclass(frozen=True, slots=True)
class Document:
    """A content file as it was read.

    ``data`` holds dicts, lists and text only; ``lines`` maps a place in it (a tuple of keys and
    positions) to its line; ``fingerprint`` is the SHA-256 of the file's bytes.
    """

    path: Path
    data: Any
    fingerprint: str
    lines: dict[Place, int] = field(repr=False, default_factory=dict)

    def where(self, place: Sequence[str | int] = ()) -> str:
        """``file:line`` of the nearest enclosing place that is known."""
        steps = tuple(place)
        while steps and steps not in self.lines:
            steps = steps[:-1]
        return f"{self.path}:{self.lines.get(steps, 1)}"

    def error(
        self,
        what: str,
        place: Sequence[str | int] = (),
        *,
        value: object = None,
        limit: str | None = None,
        remedy: str | None = None,
    ) -> ContentError:
        """A refusal that names this file and the line of ``place``."""
        return ContentError(what, value=value, limit=limit, remedy=remedy, where=self.where(place))

    def parse(self, schema: type[Model], place: Sequence[str | int] = ()) -> Model:
        """The data at ``place`` as ``schema``, or ``ContentError`` for the first field that fails."""
        data = self.data
        for step in place:
            data = data[step]
        try:
            return schema.model_validate(data)
        except ValidationError as failed:
            first = failed.errors(include_url=False)[0]
            inner = tuple(step for step in first["loc"] if isinstance(step, str | int))
            raise self.error(
                f"{'.'.join(map(str, inner)) or 'file'}: {_sentence(first['msg'])}",
                (*place, *inner),
                value=None if isinstance(first["input"], dict | list) else first["input"],
                remedy=_remedy(first["type"]),
            ) from None


class Graded(Protocol):
    """Content that says how strong the evidence behind it is."""

    @property
    def grade(self) -> Grade:
        """How strong it is."""


@dataclass
class Tally:
    """What a content check found of one kind: how many, by grade, and every refusal."""

    kind: str
    count: int = 0
    grades: dict[str, int] = field(default_factory=dict)
    errors: list[DomainError] = field(default_factory=list)

    def add(self, grade: str | None = None) -> None:
        """Count one valid thing, and its grade where it has one."""
        self.count += 1
        if grade:
            self.grades[grade] = self.grades.get(grade, 0) + 1

    @classmethod
    def of(cls, kind: str, read: Callable[[], Iterable[Graded]]) -> Tally:
        """Everything that one reading gives, by grade; a reading that is refused is one error."""
        found = cls(kind)
        try:
            for each in read():
                found.add(each.grade.value)
        except DomainError as refused:
            found.errors.append(refused)
        return found


def read_document(path: Path) -> Document:
    """Read one YAML file; ``ContentError`` or ``InputError`` names the place of anything refused."""
    try:
        size = size_of(path)
        if size > LARGEST_FILE_BYTES:
            raise InputError(
                "file too large to be content",
                value=f"{size} bytes",
                limit=f"{LARGEST_FILE_BYTES} bytes",
                remedy="split it into several files",
                where=str(path),
            )
        raw = path.read_bytes()
    except OSError as failed:
        raise InputError(
            f"cannot read the file: {failed.strerror}",
            remedy="check its name and rights",
            where=str(path),
        ) from None
    return parse_document(raw, path)


def size_of(path: Path) -> int:
    """Bytes of a regular file; a folder is refused, and a device, which may never end."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise InputError("not a file", remedy="name a file", where=str(path))
    return status.st_size


def parse_document(raw: bytes, path: Path) -> Document:
    """As ``read_document``, from bytes already in memory; ``path`` only names them in errors."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as failed:
        line = raw.count(b"\n", 0, failed.start) + 1
        raise InputError(
            "the file is not UTF-8 text",
            value=f"byte 0x{raw[failed.start]:02x} at offset {failed.start}",
            remedy="save it with UTF-8 encoding",
            where=f"{path}:{line}",
        ) from None
    builder = _Builder(path)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as failed:
        mark = failed.problem_mark or failed.context_mark
        raise ContentError(
            f"not readable as YAML: {failed.problem or failed.context}",
            remedy="check indentation, colons and quotes on this line",
            where=f"{path}:{mark.line + 1 if mark else 1}",
        ) from None
    except yaml.reader.ReaderError as failed:
        raise ContentError(
            f"a character that YAML does not allow: {failed.reason}",
            remedy="remove control characters",
            where=f"{path}:{text.count(chr(10), 0, failed.position) + 1}",
        ) from None
    return Document(path, builder.root, hashlib.sha256(raw).hexdigest(), builder.lines)


def content_files(*folders: str, root: Path = SHIPPED, suffix: str = ".yaml") -> Iterator[Path]:
    """Files of one kind below ``root/folders``, in name order."""
    yield from sorted(root.joinpath(*folders).rglob(f"*{suffix}"))


class _Builder:
    """Turns YAML events into dicts, lists and text, noting lines; no recursion, so no depth can hurt."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root: Any = None
        self.lines: dict[Place, int] = {}
        self._open: list[tuple[Any, Place]] = []
        self._keys: list[str | None] = []
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_tag(event)
            # The one word that is not text: an unquoted null, "not found", is None.
            not_found = event.value == "null" and event.implicit[0]
            self._add(None if not_found else event.value, event)
        elif isinstance(event, yaml.MappingStartEvent):
            self._refuse_tag(event)
            self._enter({}, event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._refuse_tag(event)
            self._enter([], event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._open.pop()
            self._keys.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise self._error(event, "aliases (*name) are not allowed", "write the value out")
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._error(event, "a second document in one file", "use one file for each")

    def _refuse_tag(self, event: Any) -> None:
        if event.tag not in (None, "!"):
            raise self._error(event, f"the tag {event.tag} is not allowed", "remove it")

    def _enter(self, node: Any, event: yaml.Event) -> None:
        if len(self._open) >= DEEPEST_NESTING:
            raise self._error(event, f"nested deeper than {DEEPEST_NESTING} levels", "flatten it")
        self._open.append((node, self._add(node, event)))
        self._keys.append(None)

    def _add(self, value: Any, event: yaml.Event) -> Place:
        line = _line(event)
        if not self._open:
            self.root = value
            self.lines[()] = line
            return ()
        parent, place = self._open[-1]
        if isinstance(parent, list):
            here: Place = (*place, len(parent))
            parent.append(value)
        elif self._keys[-1] is None:
            if not isinstance(value, str):
                raise self._error(event, "a key must be plain text", "give the key a name")
            if value in parent:
                raise self._error(event, f"the key {value!r} stands twice", "keep one of the two")
            self._keys[-1] = value
            return (*place, value)
        else:
            key = self._keys[-1]
            here = (*place, key)
            parent[key] = value
            self._keys[-1] = None
        self.lines[here] = line
        return here

    def _error(self, event: yaml.Event, what: str, remedy: str) -> ContentError:
        return ContentError(what, remedy=remedy, where=f"{self.path}:{_line(event)}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _sentence(message: str) -> str:
    """A schema message as part of a sentence of ours."""
    message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message[:1].lower() + message[1:]


def _remedy(kind: str) -> str:
    return {
        "missing": "add this field",
        "extra_forbidden": "remove it, or correct its spelling",
    }.get(kind, "correct the value on this line")
