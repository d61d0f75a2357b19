"""The items behind a total that is taken at the chair: each a value of its own, none missing, adding up."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.instruments.load import instrument
from openkap.protocol.elements import Value, dictionary

INSTRUMENT, TOTAL = "cadss-6", "cadss_6_total"


@lru_cache(maxsize=1)
def scale_items() -> dict[str, str]:
    """The element of each item of the short dissociation scale with the instrument's label, in its order."""
    items = instrument(INSTRUMENT).items
    assert items is not None
    return {f"cadss_6_item_{item.id}": item.label for item in items.list}


def stands_with(element: str) -> frozenset[str]:
    """What is crossed out with a value: an item takes its total along, and a total its items."""
    whole = {TOTAL, *scale_items()}
    return frozenset(whole) if element in whole else frozenset({element})


def with_total(values: Mapping[str, Value]) -> dict[str, Value]:
    """The values with the total of the items; refused where an item is missing or they do not add up."""
    given = {name: _score(values[name]) for name in scale_items() if name in values}
    if not given:
        return dict(values)
    if missing := [label for name, label in scale_items().items() if name not in given]:
        raise InputError(
            "an item of the short dissociation scale has no answer",
            value=", ".join(missing),
            limit=f"{len(scale_items())} items",
            remedy="answer every item, or enter the total alone",
            where=TOTAL,
        )
    total = sum(given.values(), Decimal(0))
    if TOTAL in values and _score(values[TOTAL]) != total:
        raise InputError(
            "the items do not add up to the total",
            value=f"items {total}, total {_score(values[TOTAL])}",
            remedy="answer the items again",
            where=TOTAL,
        )
    return {TOTAL: dictionary()[TOTAL].parse(f"{total}"), **values}


def _score(value: Value) -> Decimal:
    assert isinstance(value, Quantity)
    return value.value
