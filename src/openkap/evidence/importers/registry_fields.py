"""Values of a registry record: all text, all optional, read without trusting their shape."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from openkap.evidence.study import (
    Cluster,
)

_CLUSTERS: dict[str, Cluster] = {
    "intrusi": "intrusion",
    "re-experienc": "intrusion",
    "avoidance": "avoidance",
    "negative": "negative_cognition_mood",
    "arousal": "arousal",
}


_LONGEST, _LARGEST_POWER = 40, 15


def cluster_of(text: str) -> Cluster:
    """The symptom cluster a text speaks of; the total unless it speaks of a cluster or subscale."""
    low = text.casefold()
    if "cluster" in low or "subscale" in low or "subscore" in low:
        for word, cluster in _CLUSTERS.items():
            if word in low:
                return cluster
    return "total"


def confidence_of(kind: str) -> float | None:
    """The level of a confidence interval named by a dispersion type, or ``None``."""
    match = re.search(r"(\d{2}(?:\.\d+)?)\s*%?\s*CONFIDENCE|CONFIDENCE (?:INTERVAL )?(\d{2,3})", kind)
    if match is None:
        return None
    # The API writes 97.5% as CONFIDENCE_975.
    digits = match.group(1) or f"{match.group(2)[:2]}.{match.group(2)[2:]}"
    return float(digits) / 100


def word_of(value: Any) -> str:
    """A code word in one spelling: upper case, spaces for underscores."""
    return str(value or "").replace("_", " ").upper().strip()


def decimal_of(value: Any) -> Decimal | None:
    """A number written as text; thousands commas allowed, anything else is not a number.

    Longer texts and large powers of ten are no clinical value, and turning them into integers takes for ever.
    """
    text = str(value).strip() if value is not None else ""
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    if len(text) > _LONGEST:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= _LARGEST_POWER else None


def count_of(value: Any) -> int | None:
    """A whole number that is not negative, or ``None``."""
    number = decimal_of(value)
    return int(number) if number is not None and number == int(number) and number >= 0 else None


def list_of(value: Any) -> list[Any]:
    """The list, or an empty one for anything else."""
    return value if isinstance(value, list) else []


def dig(value: Any, *keys: str) -> Any:
    """The value below a path of keys, or ``None`` where the path ends."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
