"""What a rating scale is: items, the scales made of them, and what a score may mean.

An instrument is read from one content file and never changes afterwards. Labels of items are our own
short words; the official wording belongs to its owner and is imported by the clinic (``wording``). Every
part that carries a number names its sources and how strong they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from openkap.core.content import Schema
from openkap.core.source import Grade

# No scale has answers or items beyond four digits; a longer number is a slip, and would fill memory.
_WHOLE = re.compile(r"-?[0-9]{1,4}")
_DECIMAL = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4})?")
_SPAN = re.compile(r"([0-9]{1,4})-([0-9]{1,4})")


def _spans(given: Any) -> list[str]:
    """Names as a list; ``"1-5"`` and ``"1, 3, 6-8"`` are written out."""
    if not isinstance(given, str | list | tuple):
        raise ValueError("write names or numbers, such as 1-5 or [1, 3]")
    parts = given.split(",") if isinstance(given, str) else given
    names: list[str] = []
    for part in (str(each).strip() for each in parts):
        span = _SPAN.fullmatch(part)
        names += map(str, range(int(span[1]), int(span[2]) + 1)) if span else [part]
    return names


Names = Annotated[tuple[str, ...], BeforeValidator(_spans)]


def _whole(given: Any) -> Any:
    """A whole number in plain digits. The schema library alone would read the text 0-5 as minus five."""
    if isinstance(given, str) and _WHOLE.fullmatch(given) is None:
        raise ValueError("not a whole number in plain digits")
    return given


Whole = Annotated[int, BeforeValidator(_whole)]
Integers = Annotated[tuple[Whole, ...], BeforeValidator(_spans)]


def _limit(given: Any) -> Any:
    """A plain decimal number; 1_0 and 1e1 are refused."""
    if isinstance(given, str) and _DECIMAL.fullmatch(given) is None:
        raise ValueError("not a plain decimal number")
    return given


Limit = Annotated[Decimal, BeforeValidator(_limit)]


def _bounds(given: Any) -> tuple[int, int]:
    span = _SPAN.fullmatch(given.strip()) if isinstance(given, str) else None
    if span is None:
        raise ValueError("a range is written as two whole numbers, such as 0-80")
    return int(span[1]), int(span[2])


Bounds = Annotated[tuple[int, int], BeforeValidator(_bounds)]


class Sourced(Schema):
    """Anything with a number in it: where it was read, and how strong that is."""

    sources: tuple[str, ...] = Field(min_length=1)
    grade: Grade
    note: str | None = None


class Item(Schema):
    """One question: its number, our label, the whole numbers it may be answered with."""

    id: str
    label: str
    answers: Integers = Field(min_length=1)
    yes_no: bool = False
    loinc: str | None = None
    recode: dict[Whole, Whole] | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _recodes_every_answer(self) -> Self:
        if self.recode is not None and set(self.recode) != set(self.answers):
            raise ValueError("recode must name each possible answer once")
        return self

    def points(self, answer: int) -> int:
        """What an answer counts in a sum."""
        return answer if self.recode is None else self.recode[answer]

    @property
    def range(self) -> tuple[int, int]:
        """Least and most points."""
        points = self.answers if self.recode is None else tuple(self.recode.values())
        return min(points), max(points)


class Items(Sourced):
    """The items in their order, with the answers they share."""

    list: tuple[Item, ...]
    # answers of published forms that stand for a number, such as LOINC answer codes
    answer_codes: dict[str, Whole] = Field(default_factory=dict)
    # linkIds of published forms, each with the item it asks
    links: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("list"), dict):
            return data
        shared = {key: data[key] for key in ("answers", "yes_no", "recode") if key in data}
        items = [
            {**shared, **(each if isinstance(each, dict) else {"label": each}), "id": name}
            for name, each in data["list"].items()
        ]
        rest = {key: value for key, value in data.items() if key not in (*shared, "list")}
        return {**rest, "list": items}


class MissingRule(Sourced):
    """What the manual says of unanswered items: refuse the scale, or use the mean of the others.

    ``at_most`` counts within one scale, ``at_most_in_form`` over the whole form. Items that are all left
    out together, because they do not apply (work, for somebody without work), do not count as missing.
    """

    method: Literal["refuse", "mean_of_answered"]
    at_most: Whole = 0
    at_most_in_form: Whole | None = None
    left_out_together: Names = ()


class Rescale(Schema):
    """A linear change of range, such as raw 14-70 to 0-100."""

    source: Bounds = Field(alias="from")
    target: Bounds = Field(alias="to")
    round: bool = False

    @model_validator(mode="after")
    def _has_width(self) -> Self:
        if self.source[0] >= self.source[1] or self.target[0] >= self.target[1]:
            raise ValueError("both ranges run from a smaller to a larger number")
        return self


class Scale(Sourced):
    """A number made of items, or of other scales: sum, mean or largest."""

    id: str
    name: str
    combine: Literal["sum", "mean", "max"] = "sum"
    items: Names = ()
    scales: Names = ()
    range: Bounds
    rescale: Rescale | None = None
    missing: MissingRule | None = None

    @model_validator(mode="after")
    def _is_made_of_something(self) -> Self:
        if bool(self.items) == bool(self.scales):
            raise ValueError("a scale is made of items or of scales, one of the two")
        return self


class Bands(Sourced):
    """Named ranges of a scale, for display. A band is not a diagnosis."""

    id: str
    name: str
    scale: str = "total"
    rows: dict[str, str | None] = Field(min_length=1)

    @model_validator(mode="after")
    def _rows_are_ranges(self) -> Self:
        list(self.limits())
        return self

    def limits(self) -> Iterator[tuple[int, int, str | None]]:
        """Each band as least, most and label, in the order of the file."""
        for written, label in self.rows.items():
            least, most = _bounds(written)
            yield least, most, label


class Cutoff(Sourced):
    """A limit from which a scale counts as positive; ``who`` when it holds for some people only."""

    id: str
    name: str
    scale: str = "total"
    at_least: Whole | None = None
    above: Whole | None = None
    who: str | None = None

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        if (self.at_least is None) == (self.above is None):
            raise ValueError("a cut-off has at_least or above, one of the two")
        return self

    @property
    def limit(self) -> str:
        """The limit in words."""
        return f"{self.at_least} or more" if self.at_least is not None else f"above {self.above}"

    def is_met_by(self, value: Any) -> bool:
        """True when the value is on or beyond the limit."""
        return bool(value >= self.at_least if self.at_least is not None else value > self.above)


class Requirement(Schema):
    """So many of these items at or above a level; a level of its own for some items."""

    name: str
    items: Names
    from_answer: Whole = Field(alias="from")
    from_answer_of: dict[str, Whole] = Field(default_factory=dict, alias="from_for")
    at_least: Whole | None = None
    at_most: Whole | None = None

    @model_validator(mode="after")
    def _requires_something(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a requirement has at_least, at_most, or both")
        return self

    def level(self, item: str) -> int:
        """The answer from which this item counts."""
        return self.from_answer_of.get(item, self.from_answer)


class Rule(Sourced):
    """A rule over items, such as a provisional diagnosis: every requirement must hold.

    ``also`` names a rule that stands before this one and must hold too.
    """

    id: str
    name: str
    also: str | None = None
    requires: tuple[Requirement, ...] = Field(min_length=1)


class Skip(Sourced):
    """Items the form jumps over: when each answer in ``when`` was given, the others count as ``answer``."""

    when: dict[str, Whole] = Field(min_length=1)
    items: Names
    answer: Whole


class Safety(Sourced):
    """An answer that a person must see at once, whatever the total is."""

    id: str
    items: Names
    from_answer: Whole = Field(alias="from")
    say: str


ChangeKind = Literal["response", "remission", "reliable", "clinically_important", "relapse"]


class ChangeDefinition(Sourced):
    """When a change between two scores counts; every condition given must hold."""

    id: str
    of: ChangeKind
    name: str
    scale: str = "total"
    fall: Limit | None = None
    fall_percent: Limit | None = None
    rise: Limit | None = None
    end_at_most: Limit | None = None
    end_below: Limit | None = None
    end_above: Limit | None = None
    default: bool = False

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if not self.conditions:
            raise ValueError("a definition of change needs a limit")
        return self

    @property
    def conditions(self) -> dict[str, Decimal]:
        """The limits that are set, by name."""
        names = ("fall", "fall_percent", "rise", "end_at_most", "end_below", "end_above")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class Licence(Schema):
    """What the owner allows, as far as it was read. ``terms`` is null when nothing was found."""

    terms: str | None
    sources: tuple[str, ...] = ()


class Code(Schema):
    """A terminology code of the panel or of a total; ``weak`` when few public files agree."""

    of: str
    loinc: str
    sources: tuple[str, ...] = Field(min_length=1)
    note: str | None = None


class Schedule(Sourced):
    """When the reference course asks for this instrument."""

    when: tuple[str, ...]


class Instrument(Schema):
    """A rating scale, as its content file describes it."""

    id: str
    name: str
    short: str
    version: str
    kind: Literal["self_report", "clinician_interview", "clinician_rated", "staff_rated", "mixed", "bundle"]
    measures: str
    recall: str | None = None
    # items: every item is known; total: only the total is entered; outline: nothing can be scored yet
    depth: Literal["items", "total", "outline"]
    better: Literal["lower", "higher"] = "lower"
    licence: Licence
    sources: tuple[str, ...] = Field(min_length=1)
    items: Items | None = None
    main: str | None = None
    scales: tuple[Scale, ...] = ()
    missing: MissingRule | None = None
    skips: tuple[Skip, ...] = ()
    bands: tuple[Bands, ...] = ()
    cutoffs: tuple[Cutoff, ...] = ()
    rules: tuple[Rule, ...] = ()
    safety: tuple[Safety, ...] = ()
    change: tuple[ChangeDefinition, ...] = ()
    codes: tuple[Code, ...] = ()
    schedule: Schedule | None = None
    notes: tuple[str, ...] = ()
    fingerprint: str = ""

    def item(self, name: str) -> Item:
        """The item of that number; ``KeyError`` when there is none."""
        return self.items_by_id[name]

    def scale(self, name: str) -> Scale:
        """The scale of that name; ``KeyError`` when there is none."""
        return {each.id: each for each in self.scales}[name]

    @property
    def items_by_id(self) -> dict[str, Item]:
        """Items by number, in their order."""
        return {each.id: each for each in self.items.list} if self.items else {}

    def sourced(self) -> Iterator[Sourced]:
        """Every part that carries numbers."""
        blocks = (self.items, self.missing, self.schedule)
        yield from (block for block in blocks if block is not None)
        yield from (scale.missing for scale in self.scales if scale.missing is not None)
        for group in (
            self.scales,
            self.skips,
            self.bands,
            self.cutoffs,
            self.rules,
            self.safety,
            self.change,
        ):
            yield from group
