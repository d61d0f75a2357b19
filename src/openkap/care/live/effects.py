"""Sedation and dissociation as a course over the session: onset, worst, end, each with its reading."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from openkap.care.treatment.models import Entry
from openkap.care.treatment.rows import facts as reading
from openkap.core.quantity import Quantity
from openkap.protocol.elements import Value, dictionary

MOAAS, CADSS_6 = "moaas", "cadss_6_total"


@dataclass(frozen=True)
class Seen:
    """One set of readings and the entry that holds it."""

    at: datetime
    values: dict[str, Value]
    entry: Entry


def seen_of(rows: reading.Rows) -> list[Seen]:
    """The vital signs that count, in the order they were true."""
    return [
        Seen(
            entry.observed_at,
            {value.element: reading.parsed(value) for value in reading.values_of(entry)},
            entry,
        )
        for entry in rows.of(Entry.Kind.VITALS)
    ]


def clock(moment: datetime) -> str:
    """The time on the clinic's wall."""
    return f"{timezone.localtime(moment):%H:%M}"


def plain(value: Value) -> str:
    """A value without its unit."""
    return str(value).split(" ")[0]


def _scores(seen: list[Seen], name: str) -> list[tuple[Quantity, Seen]]:
    found = [(each.values.get(name), each) for each in seen]
    return [(value, each) for value, each in found if isinstance(value, Quantity)]


def sedation(seen: list[Seen], begun: datetime | None) -> tuple[str, list[Seen]]:
    """MOAA/S from the first reading below fully awake to the first one back there."""
    scores = [pair for pair in _scores(seen, MOAAS) if begun is not None and pair[1].at >= begun]
    if not scores:
        return "", []
    bounds = dictionary()[MOAAS].impossible
    assert bounds is not None
    awake = bounds.above
    lowest, worst = min(scores, key=lambda pair: pair[0].value)
    if lowest.value >= awake:
        return f"none: {plain(lowest)} at every one of {len(scores)} readings", [worst]
    onset = next(each for score, each in scores if score.value < awake)
    back = next((each for score, each in scores if each.at > worst.at and score.value >= awake), None)
    end = f"awake ({awake:f}) by {clock(back.at)}" if back else "not seen awake again"
    said = f"from {clock(onset.at)}, lowest {plain(lowest)} at {clock(worst.at)}, {end}"
    return said, [onset, worst, *([back] if back else [])]


def dissociation(seen: list[Seen], begun: datetime | None, late_after: str) -> tuple[str, list[Seen]]:
    """The short dissociation scale against the patient's own score before the dose.

    People start at different scores: without one from before the dose (or in time for minute 0) there is a
    worst score, and no onset or end.
    """
    scores = _scores(seen, CADSS_6)
    if begun is None or not scores:
        return "", []
    in_time = begun + timedelta(minutes=Quantity.parse(late_after).number("min"))
    before = [pair for pair in scores if pair[1].at <= in_time]
    after = [pair for pair in scores if pair[1].at > in_time]
    if not after:
        score, each = before[-1]
        return f"{plain(score)} before the dose at {clock(each.at)}, not asked afterwards", [each]
    highest, worst = max(after, key=lambda pair: pair[0].value)
    if not before:
        said = f"worst {plain(highest)} at {clock(worst.at)}; no score before the dose, so no onset and end"
        return said, [worst]
    own, base = before[-1]
    if highest.value <= own.value:
        return f"none above the patient's own {plain(own)} at {clock(base.at)}", [base, worst]
    onset = next(each for score, each in after if score.value > own.value)
    back = next((each for score, each in after if each.at > worst.at and score.value <= own.value), None)
    end = f"at the patient's own {plain(own)} by {clock(back.at)}" if back else "not seen resolved"
    said = f"from {clock(onset.at)}, worst {plain(highest)} at {clock(worst.at)}, {end}"
    return said, [base, onset, worst, *([back] if back else [])]
