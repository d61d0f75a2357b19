"""The arithmetic of scales: points of items to values, exactly.

One function evaluates a scale from its parts. The score, its least and most possible value with answers
missing, and the range declared in content all come from it, so they cannot disagree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from openkap.instruments.model import Instrument, Rescale, Scale

# Points are whole until a mean stands in for a missing item; whole numbers add many times faster.
Number = int | Fraction
Points = Mapping[str, Number]


def combined(scale: Scale, parts: Sequence[Number]) -> Fraction:
    """The parts of a scale combined as it says, and brought to its range."""
    value = Fraction(max(parts) if scale.combine == "max" else sum(parts))
    if scale.combine == "mean":
        value /= len(parts)
    return value if scale.rescale is None else _rescaled(value, scale.rescale)


def bounds(instrument: Instrument, points: Points | None = None) -> dict[str, tuple[Fraction, Fraction]]:
    """Least and most value of each scale over every way to answer the items without points."""
    given = points or {}
    ranges = {name: item.range for name, item in instrument.items_by_id.items()}
    least = _values(instrument, {name: given.get(name, low) for name, (low, _) in ranges.items()})
    most = _values(instrument, {name: given.get(name, high) for name, (_, high) in ranges.items()})
    return {name: (least[name], most[name]) for name in least}


def _values(instrument: Instrument, points: Points) -> dict[str, Fraction]:
    """Every scale when every item has points; a scale stands after the scales it is made of."""
    values: dict[str, Fraction] = {}
    for scale in instrument.scales:
        known, names = (points, scale.items) if scale.items else (values, scale.scales)
        values[scale.id] = combined(scale, [known[name] for name in names])
    return values


def _rescaled(value: Fraction, rescale: Rescale) -> Fraction:
    (low, high), (start, end) = rescale.source, rescale.target
    moved = start + (value - low) * Fraction(end - start, high - low)
    # Half is rounded up, as the manuals' tables do; Python's round would go to the even neighbour.
    return Fraction(math.floor(moved + Fraction(1, 2))) if rescale.round else moved
