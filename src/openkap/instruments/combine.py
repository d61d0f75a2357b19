"""The arithmetic of scales: items to points, points to a value, exactly.

One function evaluates a scale from the points of its items; the score, its least and most possible value
with answers missing, and the range declared in content all come from it, so they cannot disagree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from openkap.instruments.model import Instrument, Rescale, Scale

Points = Mapping[str, Fraction]


def value_of(instrument: Instrument, name: str, points: Points) -> Fraction:
    """The value of a scale when every one of its items has points; ``KeyError`` otherwise."""
    scale = instrument.scale(name)
    if scale.items:
        parts = [points[item] for item in scale.items]
    else:
        parts = [value_of(instrument, part, points) for part in scale.scales]
    return finish(scale, parts)


def finish(scale: Scale, parts: list[Fraction]) -> Fraction:
    """The parts of a scale combined as it says, and brought to its range."""
    if scale.combine == "max":
        value = max(parts)
    else:
        value = sum(parts, Fraction(0))
        if scale.combine == "mean":
            value /= len(parts)
    return value if scale.rescale is None else _rescaled(value, scale.rescale)


def extremes(instrument: Instrument, name: str, points: Points | None = None) -> tuple[Fraction, Fraction]:
    """Least and most value of a scale over every way to answer the items without points."""
    given = points or {}
    ranges = {item.id: item.range for item in instrument.items_by_id.values()}
    least = {item: given.get(item, Fraction(low)) for item, (low, _) in ranges.items()}
    most = {item: given.get(item, Fraction(high)) for item, (_, high) in ranges.items()}
    return value_of(instrument, name, least), value_of(instrument, name, most)


def _rescaled(value: Fraction, rescale: Rescale) -> Fraction:
    (low, high), (start, end) = rescale.source, rescale.target
    moved = start + (value - low) * Fraction(end - start, high - low)
    # Half is rounded up, as the manuals' tables do; Python's round would go to the even neighbour.
    return Fraction(math.floor(moved + Fraction(1, 2))) if rescale.round else moved
