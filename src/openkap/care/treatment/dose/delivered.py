"""The dose as it was really given: start, pauses, rates and stop as milligrams per hour over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol as Shape

from openkap.care.treatment.models import DoseCheck, Prescription


class Act(Shape):
    """What is needed of a dose event."""

    @property
    def kind(self) -> str: ...
    @property
    def observed_at(self) -> datetime: ...
    @property
    def rate_ml_h(self) -> Decimal | None: ...
    @property
    def given_ug(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Ordered:
    """What was ordered: the whole dose, how long it takes, and the pump's rate for that."""

    dose_mg: float
    over_min: float | None
    rate_ml_h: float | None
    # How it was made up: the rate belongs to that.
    way: str = ""


def as_ordered(order: Prescription, check: DoseCheck | None) -> Ordered:
    """The order as it was drawn up and checked; before the check no rate is known."""
    rate = float(check.rate_ml_h) if check and check.rate_ml_h is not None else None
    over = float(order.over_min) if order.over_min else None
    return Ordered(float(order.dose_mg), over, rate, (check.way or "") if check else "")


@dataclass(frozen=True, slots=True)
class Given:
    """The dose so far. ``rates`` are (minute, mg/h); the last holds until ``until_min``."""

    rates: tuple[tuple[float, float], ...]
    until_min: float
    given_mg: float
    # not started, running, paused, complete, stopped
    pump: str
    rate_ml_h: float | None


def given_so_far(ordered: Ordered, acts: Sequence[Act], moment: datetime) -> Given:
    """Turn the acts into rates; a pump that has given the whole ordered dose is complete, not running.

    The rate in mg/h follows from the ordered dose and time, and from the pump's mL/h relative to the rate
    it was ordered with: how the drug was diluted does not matter.
    """
    begun = next((act.observed_at for act in acts if act.kind == "start"), None)
    if begun is None:
        return Given((), 0.0, 0.0, "not started", None)
    if not ordered.over_min:
        return Given(((0.0, 0.0),), 0.0, ordered.dose_mg, "complete", None)
    full_mg_h = ordered.dose_mg / ordered.over_min * 60
    until = max(0.0, (moment - begun).total_seconds() / 60)
    rates: list[tuple[float, float]] = []
    pump, ml_h, stopped_ug = "running", ordered.rate_ml_h, None
    for act in acts:
        minute = (act.observed_at - begun).total_seconds() / 60
        if minute > until:
            break
        if act.kind in {"start", "rate"} and act.rate_ml_h is not None:
            ml_h = float(act.rate_ml_h)
        # A new rate on a paused pump holds from when it goes on.
        pump = {"pause": "paused", "stop": "stopped", "rate": pump}.get(act.kind, "running")
        scale = ml_h / ordered.rate_ml_h if ml_h is not None and ordered.rate_ml_h else 1.0
        rates.append((minute, full_mg_h * scale if pump == "running" else 0.0))
        stopped_ug = act.given_ug if act.kind == "stop" else stopped_ug
    return _until_empty(ordered, rates, until, pump, ml_h, stopped_ug)


def _until_empty(
    ordered: Ordered,
    rates: list[tuple[float, float]],
    until: float,
    pump: str,
    ml_h: float | None,
    stopped_ug: int | None,
) -> Given:
    """Cut the rates where the ordered dose is used up; a stop that says how much was given is believed."""
    total, cut = 0.0, []
    for index, (minute, rate) in enumerate(rates):
        end = rates[index + 1][0] if index + 1 < len(rates) else until
        amount = rate * (end - minute) / 60
        cut.append((minute, rate))
        if total + amount >= ordered.dose_mg - 1e-9 and rate > 0:
            empty = minute + (ordered.dose_mg - total) / rate * 60
            cut.append((empty, 0.0))
            total = ordered.dose_mg
            if pump == "running":
                pump = "complete"
            break
        total += amount
    if stopped_ug is not None and total > 0:
        said = stopped_ug / 1000
        cut = [(minute, rate * said / total) for minute, rate in cut]
        total = said
    return Given(tuple(cut), until, total, pump, ml_h)


def with_the_rest(ordered: Ordered, given: Given) -> Given:
    """The dose as it will have been, if the pump goes on at its present rate until it is empty."""
    if given.pump != "running" or not given.rates or given.rates[-1][1] <= 0:
        return given
    left = ordered.dose_mg - given.given_mg
    end = given.until_min + left / given.rates[-1][1] * 60
    return Given(given.rates, end, ordered.dose_mg, given.pump, given.rate_ml_h)
