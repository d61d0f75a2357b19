"""Charts as plain values: points with intervals along time, or rows with intervals. Drawing is in ``svg``.

Every series has a mark and a line of its own, so that nothing is told by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Mark = Literal["disc", "ring", "square", "triangle", "cross", "diamond", "none"]
Line = Literal["solid", "dashed", "dotted", "step", "none"]


@dataclass(frozen=True)
class Point:
    """A value at a place with its interval, and the wider range it might have been."""

    x: float
    y: float | None = None
    low: float | None = None
    high: float | None = None
    least: float | None = None
    most: float | None = None
    words: str = ""


@dataclass(frozen=True)
class Series:
    """Points that belong together. ``tone``: ours, theirs, other."""

    name: str
    points: tuple[Point, ...]
    mark: Mark = "disc"
    line: Line = "none"
    tone: str = "ours"


@dataclass(frozen=True)
class Band:
    """An area between two edges: ``spans`` of (x, low, high). Lone ones are drawn as bars."""

    name: str
    spans: tuple[tuple[float, float, float], ...]
    is_joined: bool = True


@dataclass(frozen=True)
class Axis:
    """From where to where, and the ticks with their words."""

    title: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class TimeChart:
    """Values along time."""

    title: str
    summary: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    bands: tuple[Band, ...] = ()
    level: float | None = None
    kind: str = "time"


@dataclass(frozen=True)
class Bar:
    """One labelled row: a value as a bar or a point with its interval, or words where it is hidden."""

    label: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    words: str = ""
    mark: Mark = "disc"
    is_head: bool = False


@dataclass(frozen=True)
class RowChart:
    """Values beside their labels."""

    title: str
    summary: str
    x: Axis
    rows: tuple[Bar, ...]
    is_bars: bool = False
    level: float | None = None
    kind: str = "rows"


AnyChart = TimeChart | RowChart


def percent_axis(title: str, high: float = 1.0) -> Axis:
    """Shares from nothing to ``high``, labelled in percent."""
    step = 0.25 if high > 0.5 else 0.1 if high > 0.2 else 0.05 if high > 0.1 else 0.02
    steps = int(high / step + 1.001)
    ticks = tuple((number * step, f"{100 * number * step:.0f} %") for number in range(steps))
    return Axis(title, 0.0, max(high, ticks[-1][0]), ticks)


def points_axis(title: str, values: list[float], step: int = 10) -> Axis:
    """Points around the values in whole steps, zero included."""
    low = min([0.0, *values])
    high = max([0.0, *values])
    first, last = int(low // step), int(-(-high // step))
    ticks = tuple((float(each * step), signed(each * step)) for each in range(first, last + 1))
    return Axis(title, float(first * step), float(last * step), ticks)


def signed(value: float, decimals: int = 0) -> str:
    """A change with its sign, minus as a minus."""
    text = f"{value:+.{decimals}f}"
    zero = text.lstrip("+-").strip("0.") == ""
    return text.lstrip("+-") if zero else text.replace("-", "\u2212")


def as_chart(data: dict[str, Any] | None) -> AnyChart | None:
    """A chart from its JSON."""
    if data is None:
        return None

    def axis(raw: dict[str, Any]) -> Axis:
        return Axis(raw["title"], raw["low"], raw["high"], tuple((at, words) for at, words in raw["ticks"]))

    if data["kind"] == "rows":
        rows = tuple(Bar(**row) for row in data["rows"])
        return RowChart(**{**data, "x": axis(data["x"]), "rows": rows})
    series = tuple(
        Series(**{**each, "points": tuple(Point(**point) for point in each["points"])})
        for each in data["series"]
    )
    bands = tuple(
        Band(each["name"], tuple(tuple(span) for span in each["spans"]), each["is_joined"])
        for each in data["bands"]
    )
    axes = {"x": axis(data["x"]), "y": axis(data["y"])}
    return TimeChart(**{**data, **axes, "series": series, "bands": bands})


@dataclass(frozen=True)
class Headline:
    """One number of the page, in the same size as the others beside it."""

    value: str
    label: str
    tone: str = "plain"
    # The term of statistics behind the label, for who wants it.
    exact: str = ""


@dataclass(frozen=True)
class Exhibit:
    """A chart with everything that must stand beside it."""

    id: str
    title: str
    headlines: tuple[Headline, ...]
    says: tuple[str, ...]
    words: dict[str, str]
    counts: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    chart: AnyChart | None = None
    hidden: str = ""
    # Links of the rows' studies, by the number of the row.
    sources: dict[int, tuple[str, ...]] = field(default_factory=dict)
    # What the numbers cannot say: before them, wherever they go.
    caution: str = ""
    # What a lead reads first (``plain``).
    plain: tuple[str, ...] = ()


def as_exhibit(data: dict[str, Any]) -> Exhibit:
    """An exhibit from its JSON."""
    return Exhibit(
        **{
            **data,
            "headlines": tuple(Headline(**each) for each in data["headlines"]),
            "says": tuple(data["says"]),
            "plain": tuple(data["plain"]),
            "columns": tuple(data["columns"]),
            "rows": tuple(tuple(row) for row in data["rows"]),
            "chart": as_chart(data["chart"]),
            "sources": {int(row): tuple(urls) for row, urls in data["sources"].items()},
        }
    )
