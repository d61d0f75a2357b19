"""When patients are asked what, how long a link lives, who is called: read from content."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from openkap.core.content import SHIPPED, Document, Schema, Tally, content_files, read_document
from openkap.core.errors import DomainError
from openkap.core.quantity import Quantity
from openkap.core.source import Grade
from openkap.instruments.load import instrument
from openkap.instruments.model import Instrument, Item
from openkap.protocol.read import read_sources

FOLDER = "follow_up"
CURRENT = "follow-up-1.0.0.yaml"
ON_REQUEST = "on_request"


def _span(given: Any) -> Any:
    """``24 h`` or ``-7 d`` as a length of time."""
    return timedelta(seconds=float(Quantity.parse(given).number("s"))) if isinstance(given, str) else given


Span = Annotated[timedelta, BeforeValidator(_span)]


class Sourced(Schema):
    """Anything with a number in it."""

    sources: tuple[str, ...] = Field(min_length=1)
    grade: Grade


class Occasion(Sourced):
    """A point of care at which forms are answered: ``due`` after its anchor, open for a while."""

    id: str
    title: str
    instruments: tuple[str, ...] = Field(min_length=1)
    anchor: Literal["course_start", "session_planned", "session_done", "course_end"] | None = None
    due: Span = timedelta(0)
    open_for: Span


class Reminder(Sourced):
    """One reminder, after this share of the open time."""

    after_share: float = Field(gt=0, lt=1)


class Paging(Sourced):
    """How long each circle of people has before the next one is called, and how often it repeats."""

    waits: tuple[Span, ...] = Field(min_length=1)
    repeat: Span

    def wait(self, level: int) -> timedelta:
        """The time the people of this level have to answer."""
        return self.waits[level] if level < len(self.waits) else self.repeat


class Thoughts(Sourced):
    """The safety rules that are about thoughts alone; every other one is graver."""

    rules: tuple[str, ...] = Field(min_length=1)


class Relapse(Sourced):
    """How many readings in a row make a relapse, and how soon the second is asked for."""

    instrument: str
    readings: int = Field(ge=1)
    confirm_within: Span


class FollowUp(Schema):
    """The whole of it."""

    title: str
    version: str
    occasions: tuple[Occasion, ...]
    reminder: Reminder
    paging: Paging
    thoughts: Thoughts
    relapse: Relapse
    answer_words: dict[str, tuple[str, ...]]

    def occasion(self, name: str) -> Occasion:
        """The occasion of that id; ``KeyError`` when there is none."""
        return {each.id: each for each in self.occasions}[name]

    def words_for(self, item: Item) -> dict[int, str]:
        """Our neutral words for each possible answer of an item; the bare number where we have none."""
        words = self.answer_words.get(f"{item.answers[0]}-{item.answers[-1]}", ())
        if len(words) != len(item.answers):
            return {answer: str(answer) for answer in item.answers}
        return dict(zip(item.answers, words, strict=True))

    def sourced(self) -> tuple[Sourced, ...]:
        """Every part that carries numbers."""
        return (*self.occasions, self.reminder, self.paging, self.thoughts, self.relapse)


@lru_cache(maxsize=1)
def follow_up() -> FollowUp:
    """The follow-up in force."""
    return _read(read_document(SHIPPED / FOLDER / CURRENT))


@lru_cache(maxsize=64)
def form_of(name: str) -> Instrument:
    """An instrument, read once a process."""
    return instrument(name)


def _read(document: Document, root: Path = SHIPPED) -> FollowUp:
    read = document.parse(FollowUp)
    known = read_sources(root)
    for part in read.sourced():
        for name in part.sources:
            if name not in known:
                raise document.error("no such source", value=name, remedy="add it to content/sources")
    for occasion in read.occasions:
        for name in occasion.instruments:
            if instrument(name, root=root).depth != "items":
                raise document.error(
                    "this form cannot be filled here: its items are not known",
                    value=name,
                    remedy="name an instrument of depth items",
                )
    return read


def tally(root: Path) -> list[Tally]:
    """Counts and refusals of the follow-up content below ``root``."""
    found = Tally("follow-up")
    if not root.joinpath(FOLDER).is_dir():
        return []
    for path in content_files(FOLDER, root=root):
        try:
            read = _read(read_document(path), root)
        except DomainError as error:
            found.errors.append(error)
            continue
        for part in read.sourced():
            found.add(part.grade.value)
    return [found]


def title_of(occasion: str) -> str:
    """The occasion in words; one that a later version of the content dropped keeps its id."""
    return {each.id: each.title for each in follow_up().occasions}.get(occasion, occasion.replace("_", " "))
