"""What comes back from the screening and consent pages, as values the actions understand."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django.http import QueryDict
from django.utils import timezone

from openkap.care.typed import day_typed
from openkap.protocol.elements import Element


def given_answer(data: QueryDict, element: Element) -> Any:
    """The answer as the dictionary reads it; ``None`` when taken back, ``""`` when nothing was given."""
    if "take_back" in data:
        return None
    if element.kind == "findings":
        chosen = [value for value in data.getlist("value") if value]
        return "none" if "none" in chosen else chosen or ""
    if element.none and "none" in data:
        return "none"
    value = data.get("value", "").strip()
    if element.kind == "event":
        return data.get("on", "").strip() or ("" if value == "date" else value)
    if element.kind == "quantity" and value and not _has_unit(value) and element.unit:
        return value if element.unit.startswith("{") else f"{value} {element.unit}"
    return value


def _has_unit(value: str) -> bool:
    return not value.lstrip("+-").replace(".", "", 1).replace(",", "").strip().isdigit()


def given_moment(text: str, *, where: str) -> datetime | None:
    """A day from a date field as a moment at noon of the clinic, today as now; ``None`` when empty."""
    from openkap.care.moment import now, today

    if not text.strip():
        return None
    day = day_typed(text, where=where)
    if day == today():
        return now()
    return timezone.make_aware(datetime.combine(day, time(12)))
