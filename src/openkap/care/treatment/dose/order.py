"""The order of what was done with the drug: which acts fit together, by the time they were observed.

Two tablets may each hold a part of the truth and send it in any order. What counts is a chain of acts that
one pump can have gone through; an act that no such chain has room for is in doubt until a person decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

# (pump before, act) -> pump after. What is not here cannot have happened.
PUMP_AFTER = {
    ("not started", "start"): "running",
    ("running", "pause"): "paused",
    ("running", "rate"): "running",
    ("running", "stop"): "stopped",
    ("paused", "resume"): "running",
    # The rate is set for when it goes on; a paused pump stays paused.
    ("paused", "rate"): "paused",
    ("paused", "stop"): "stopped",
}
WHY_NOT = {
    ("not started", "start"): "the session has no dose that could start then",
    ("not started", ""): "the dose had not started then",
    ("running", "start"): "the dose was started already",
    ("running", "resume"): "the dose was not paused then",
    ("paused", "start"): "the dose was started already",
    ("paused", "pause"): "the dose was paused already",
    ("stopped", ""): "the dose was stopped by then",
}
AFTER = {
    "start": "the start",
    "pause": "the pause",
    "resume": "the going on",
    "rate": "the new rate",
    "stop": "the stop",
}


@dataclass(frozen=True, slots=True)
class Done:
    """One act: when it was observed, and its place among the arrivals, which decides between equal times."""

    key: str
    kind: str
    at: datetime
    arrived: tuple[datetime, int]


def in_time(acts: Sequence[Done]) -> list[Done]:
    """As they were observed."""
    return sorted(acts, key=lambda act: (act.at, act.arrived))


def fits(acts: Sequence[Done]) -> bool:
    """Whether one pump can have gone through all of them."""
    pump: str | None = "not started"
    for act in in_time(acts):
        pump = PUMP_AFTER.get((pump, act.kind)) if pump else None
    return pump is not None


def that_fit(certain: Sequence[Done], doubtful: Sequence[Done]) -> set[str]:
    """The keys of as many doubtful acts as fit in with all certain ones; the earlier arrival first."""
    open_keys = {act.key for act in doubtful}
    # pump -> the doubtful acts taken so far on the best way there
    best: dict[str, tuple[Done, ...]] = {"not started": ()}
    for act in in_time([*certain, *doubtful]):
        ways: dict[str, list[tuple[Done, ...]]] = {}
        for pump, taken in best.items():
            after = PUMP_AFTER.get((pump, act.kind))
            if act.key in open_keys:
                ways.setdefault(pump, []).append(taken)
                taken = (*taken, act)
            if after is not None:
                ways.setdefault(after, []).append(taken)
        best = {pump: min(found, key=_worth) for pump, found in ways.items()}
    if not best:
        return set()
    return {act.key for act in min(best.values(), key=_worth)}


def _worth(taken: tuple[Done, ...]) -> tuple[int, list[tuple[datetime, int]]]:
    return (-len(taken), sorted(act.arrived for act in taken))


def why_not(certain: Sequence[Done], act: Done) -> str:
    """Why it does not fit, in words: what the pump did then, or what comes after it that could not follow."""
    pump = "not started"
    for each in in_time([*certain, act]):
        after = PUMP_AFTER.get((pump, each.kind))
        if after is None and each.key == act.key:
            return WHY_NOT.get((pump, act.kind)) or WHY_NOT.get((pump, "")) or f"the pump was {pump} then"
        if after is None:
            return f"{AFTER[each.kind]} that comes after it could not follow"
        pump = after
    return ""
