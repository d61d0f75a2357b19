"""Vital signs over time to alerts and the next reading due; and may this patient leave, and if not, why.

Time is minutes from the start of the dose (infusion, injection, first spray). Nothing here reads a clock:
the moment is an argument, so that a live page, a replay and a test get the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from openkap.core.quantity import Quantity
from openkap.protocol.assess import Missing, Reason, missing_facts, reason_of
from openkap.protocol.condition import Compare, CompareFacts, Finding, limit_of, tests_of
from openkap.protocol.elements import Dictionary, Value, dictionary
from openkap.protocol.facts import CLOCK_TOLERANCE_S, Fact, Facts
from openkap.protocol.model import Protocol
from openkap.protocol.rules import ACTIONS_OF, Action, Rule, Stage
from openkap.protocol.windows import windows

OF_THE_MOMENT = frozenset({"vital signs", "sedation", "recovery"})
MEASURES_OF_DUE_READING = ("sbp", "dbp", "heart_rate")
NOT_LONGER = timedelta(0)
HOLDING = frozenset({Action.EMERGENCY, Action.STOP_DOSE, Action.PAUSE})


@dataclass(frozen=True)
class Reading:
    """What was observed at one moment: element name to value (``Quantity``, yes/no or choice)."""

    at: datetime
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule that a reading fired: what was seen, what to do, who must act."""

    at: datetime
    minute: float
    rule: Rule
    reason: Reason

    @property
    def action(self) -> Action:
        """What the rule asks for."""
        return self.rule.action

    def as_dict(self, protocol: Protocol) -> dict[str, Any]:
        """The alert as data."""
        return {
            "at": self.at.isoformat(),
            "minute": round(self.minute, 1),
            "who": self.rule.who,
            **self.reason.as_dict(protocol),
        }


@dataclass(frozen=True)
class Due:
    """A reading due at ``at``; ``why`` is the schedule or the rule that asks for a repeat."""

    at: datetime
    minute: float
    why: str
    late_min: float = 0.0
    overdue: bool = False


@dataclass(frozen=True)
class Watch:
    """The state of the watch at one moment."""

    alerts: tuple[Alert, ...]
    next_due: Due | None
    done: bool


@dataclass(frozen=True, slots=True)
class Unmet:
    """A condition for leaving that does not hold yet, in words: how far, or what is not known."""

    rule: Rule
    said: str
    is_known: bool


@dataclass(frozen=True)
class Discharge:
    """May the patient leave; if not, what is not yet met."""

    may_leave: bool
    unmet: tuple[Unmet, ...]
    warnings: tuple[Unmet, ...]
    missing: tuple[Missing, ...]

    def as_dict(self) -> dict[str, Any]:
        """The answer as data."""
        return {
            "may_leave": self.may_leave,
            "unmet": [
                {"rule": each.rule.id, "title": each.rule.title, "said": each.said} for each in self.unmet
            ],
            "warnings": [
                {"rule": each.rule.id, "title": each.rule.title, "said": each.said} for each in self.warnings
            ],
            "missing": [each.as_dict() for each in self.missing],
        }


def watch(
    protocol: Protocol,
    readings: Sequence[Reading],
    *,
    started_at: datetime,
    now: datetime,
    baseline: Reading | None = None,
    elements: Dictionary | None = None,
    longer: timedelta = NOT_LONGER,
    since: datetime | None = None,
) -> Watch:
    """Alerts of every reading so far, or of those ``since`` a moment, and the reading due next.

    ``baseline`` is what was read before the dose (by default the last value of each measure at or before the
    start). A rule whose facts were not measured stays silent here: what is due asks for them. ``longer`` is
    by how much the infusion runs (or ran) longer than the protocol's usual one: see ``due_minutes``.

    What a reading raises rests on it and on those before it. So after one more reading, whoever keeps the
    alerts asks for those ``since`` that reading; what is due is the same as without it.
    """
    elements = elements or dictionary()
    ordered = _until(readings, now)
    if baseline is None:
        baseline = _before_dose(ordered, started_at)
    first = None if since is None else _first_that_matters(ordered, since)
    alerts = [
        alert
        for index, reading in enumerate(ordered)
        if first is None or reading.at >= first
        for alert in _alerts(protocol, ordered[: index + 1], reading, baseline, started_at, elements)
    ]
    due = next_due(protocol, ordered, started_at=started_at, now=now, alerts=alerts, longer=longer)
    if due is not None and due.late_min > 0:
        alerts += _late(protocol, due, started_at, now, elements)
    return Watch(tuple(alerts), due, done=due is None)


def _first_that_matters(ordered: Sequence[Reading], since: datetime) -> datetime | None:
    """From when on readings are looked at: a repeat that a rule asked for is still open where no full
    reading came after its alert, so the last full one is looked at as well.
    """
    full = _full(ordered)
    return min(since, full[-1]) if full else None


def _full(readings: Sequence[Reading]) -> list[datetime]:
    return [each.at for each in readings if all(name in each.values for name in MEASURES_OF_DUE_READING)]


def _until(readings: Sequence[Reading], now: datetime) -> list[Reading]:
    """Readings so far, in order; a device whose clock runs a little ahead of ours is still heard."""
    latest = now + timedelta(seconds=CLOCK_TOLERANCE_S)
    return sorted((each for each in readings if each.at <= latest), key=lambda each: each.at)


def _before_dose(ordered: Sequence[Reading], started_at: datetime) -> Reading | None:
    """The last value of each measure up to the start: pressure and pulse may stand in different readings."""
    before = [each for each in ordered if each.at <= started_at]
    values = {name: value for each in before for name, value in each.values.items()}
    return Reading(before[-1].at, values) if before else None


def next_due(
    protocol: Protocol,
    readings: Sequence[Reading],
    *,
    started_at: datetime,
    now: datetime,
    alerts: Sequence[Alert] = (),
    longer: timedelta = NOT_LONGER,
) -> Due | None:
    """The earliest reading still due: a repeat that a rule asked for, or the schedule's next minute.

    A reading counts for a scheduled minute when it was taken after the one before it and not more than half
    the gap early. ``None`` when the schedule is done.
    """
    full = _full(readings)
    waiting: list[tuple[datetime, str]] = []
    minutes = due_minutes(protocol, longer)
    first = minutes[0] - windows().minutes("before_first")
    for before, minute in zip((first, *minutes), minutes, strict=False):
        early = started_at + timedelta(minutes=(before + minute) / 2)
        if not any(at >= early for at in full):
            waiting.append((started_at + timedelta(minutes=minute), f"schedule, minute {minute}"))
            break
    for alert in alerts:
        repeat = alert.rule.repeat_after
        if repeat is not None and not any(at > alert.at for at in full):
            due_at = alert.at + timedelta(minutes=repeat.number("min"))
            waiting.append((due_at, f"repeat asked for by {alert.rule.id}"))
    if not waiting:
        return None
    at, why = min(waiting)
    late = max(0.0, (now - at).total_seconds() / 60)
    limit = Quantity.parse(protocol.vitals.late_after).number("min")
    return Due(at, (at - started_at).total_seconds() / 60, why, late, late > limit)


def due_minutes(protocol: Protocol, longer: timedelta = NOT_LONGER) -> tuple[int, ...]:
    """The minutes of the schedule for an infusion that runs ``longer`` than the protocol's usual one.

    The schedule assumes the usual infusion. A slower one, or one that was paused, goes on with the same gap
    until its end, and everything after the end moves by as much.
    """
    minutes = protocol.vitals.minutes
    over = protocol.dosing.step(protocol.dosing.start).over
    extra = round(longer.total_seconds() / 60)
    if over is None or extra <= 0:
        return minutes
    usual = round(Quantity.parse(over).number("min"))
    during = [minute for minute in minutes if minute <= usual]
    gap = during[-1] - during[-2] if len(during) > 1 else usual
    more = range(during[-1] + gap, usual + extra + 1, gap)
    after = [minute + extra for minute in minutes if minute > usual]
    return tuple(sorted({*during, *more, usual + extra, *after}))


def _alerts(
    protocol: Protocol,
    so_far: Sequence[Reading],
    reading: Reading,
    baseline: Reading | None,
    started_at: datetime,
    elements: Dictionary,
) -> list[Alert]:
    facts = session_facts(so_far, reading.at, started_at, baseline, elements, only=reading)
    return _fired(protocol, facts, reading.at, started_at, elements, skip=("missed_vital_sign_min",))


def _fired(
    protocol: Protocol,
    facts: Facts,
    at: datetime,
    started_at: datetime,
    elements: Dictionary,
    *,
    skip: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
) -> list[Alert]:
    minute = (at - started_at).total_seconds() / 60
    fired = []
    for rule in protocol.stage(Stage.IN_SESSION):
        names = rule.asks
        if not rule.is_active or names.intersection(skip) or (only and not names.intersection(only)):
            continue
        if not any(facts.value(name) is not None for name in names):
            # Nothing it asks was measured: it stays silent.
            continue
        outcome, finding = rule.outcome(facts)
        if outcome == "fires":
            fired.append(Alert(at, minute, rule, reason_of(rule, finding, facts, elements)))
    order = ACTIONS_OF[Stage.IN_SESSION]
    return sorted(fired, key=lambda alert: order.index(alert.action))


def _late(
    protocol: Protocol, due: Due, started_at: datetime, now: datetime, elements: Dictionary
) -> list[Alert]:
    element = elements["missed_vital_sign_min"]
    late = Quantity.of(f"{due.late_min:.1f}", "min")
    facts = Facts(now, {element.id: Fact(element, late, now, "worked out from the schedule")})
    return _fired(protocol, facts, now, started_at, elements, only=(element.id,))


def session_facts(
    readings: Sequence[Reading],
    now: datetime,
    started_at: datetime,
    baseline: Reading | None,
    elements: Dictionary,
    *,
    only: Reading | None = None,
    longer: timedelta = NOT_LONGER,
) -> Facts:
    """Readings as facts: the latest value of each (or one reading's), and what follows from the series.

    For leaving (without ``only``) a value counts when it was seen after the dose began, and what describes
    the patient of the moment not longer ago than ``counts_for_leaving`` (see ``windows``). The minimum stay
    assumes the usual infusion: what this one ran ``longer`` is added to the stay.
    """
    readings = _until(readings, now)
    known: dict[str, Fact] = {}

    def put(name: str, value: Value, at: datetime, origin: str) -> None:
        known[name] = Fact(elements[name], value, at, origin, confirmed=True)

    since = now - windows().span("counts_for_leaving")
    for reading in [only] if only else readings:
        for name, value in reading.values.items():
            is_old = reading.at <= started_at or (
                elements[name].group in OF_THE_MOMENT and reading.at < since
            )
            if only or not is_old:
                put(name, value, reading.at, "reading")
    if baseline is not None:
        for name in ("sbp", "dbp"):
            if name in baseline.values:
                put(f"{name}_baseline", baseline.values[name], baseline.at, "reading before the dose")
    minutes = max(0.0, (now - started_at - max(longer, NOT_LONGER)).total_seconds() / 60)
    # Down to the tenth: a minimum stay is over when it is over.
    put("minutes_since_dose_start", Quantity.of(f"{int(minutes * 10) / 10:.1f}", "min"), now, "clock")
    sustained = _sustained_heart_rate(readings, now)
    if sustained is not None:
        put("heart_rate_sustained_5min", sustained, now, f"lowest of {windows().minutes('sustained'):g} min")
    falling = _is_falling([each for each in readings if each.at > started_at])
    if falling is not None:
        put("bp_falling_on_two_readings", falling, now, "last two readings")
    return Facts(now, known)


def _sustained_heart_rate(readings: Sequence[Reading], now: datetime) -> Quantity | None:
    """The lowest rate of a window that spans the sustained time; unknown while it does not."""
    rates = [
        (reading.at, rate)
        for reading in readings
        if reading.at <= now and isinstance(rate := reading.values.get("heart_rate"), Quantity)
    ]
    reach = now - windows().span("sustained")
    before = [pair for pair in rates if pair[0] <= reach]
    if not before:
        return None
    return min((rate for at, rate in rates if at >= before[-1][0]), key=lambda rate: rate.value)


def _is_falling(readings: Sequence[Reading]) -> bool | None:
    """Neither pressure rose between the last two readings that hold both; unknown with fewer than two.

    The same moment sent twice is one reading; the later word counts.
    """
    pairs = {
        reading.at: (sbp, dbp)
        for reading in readings
        if isinstance(sbp := reading.values.get("sbp"), Quantity)
        and isinstance(dbp := reading.values.get("dbp"), Quantity)
    }
    if len(pairs) < 2:
        return None
    (sbp_before, dbp_before), (sbp, dbp) = list(pairs.values())[-2:]
    return sbp <= sbp_before and dbp <= dbp_before


def discharge(facts: Facts, protocol: Protocol, elements: Dictionary | None = None) -> Discharge:
    """May the patient leave? What is not known holds the patient, exactly as what is not met does.

    A rule of the session that would pause or stop a dose, or call an emergency, on these facts holds too.
    """
    elements = elements or dictionary()
    unmet: list[Unmet] = []
    warnings: list[Unmet] = []
    waiting: list[tuple[Rule, Finding]] = []
    for rule in protocol.stage(Stage.DISCHARGE):
        if not rule.is_active:
            continue
        outcome, finding = rule.outcome(facts)
        if outcome == "clear":
            continue
        if outcome == "missing":
            waiting.append((rule, finding))
            labels = ", ".join(elements[name].label.lower() for name in finding.missing)
            each = Unmet(rule, f"not known yet: {labels}", is_known=False)
        else:
            each = Unmet(rule, _how_far(rule, facts, elements), is_known=True)
        (warnings if rule.action is Action.WARN else unmet).append(each)
    # Nobody leaves on a reading that would stop a dose, whatever the discharge rules look at.
    for rule in protocol.stage(Stage.IN_SESSION):
        if rule.is_active and rule.action in HOLDING and rule.outcome(facts)[0] == "fires":
            unmet.append(Unmet(rule, f"the last reading still asks: {rule.action.words}", is_known=True))
    missing = missing_facts(waiting, facts, elements)
    return Discharge(not unmet, tuple(unmet), tuple(warnings), missing)


def _how_far(rule: Rule, facts: Facts, elements: Dictionary) -> str:
    """``not yet: systolic pressure must fall by 12 mm[Hg]`` for numbers; the rule's title for the rest."""
    said = []
    for test in tests_of(rule.condition):
        if not isinstance(test, Compare | CompareFacts):
            if facts.value(test.fact) is not True:
                said.append(f"{elements[test.fact].label.lower()}: not yet")
            continue
        value, limit = facts.value(test.fact), limit_of(test, facts)
        if not isinstance(value, Quantity) or limit is None:
            continue
        gap = limit.to(value.unit).value - value.value
        strict = test.operator in (">", "<")
        short = (
            gap > 0 or (gap == 0 and strict)
            if test.operator in (">", ">=")
            else gap < 0 or (gap == 0 and strict)
        )
        label = elements[test.fact].label.lower()
        if strict and short:
            side = "above" if test.operator == ">" else "below"
            said.append(f"{label} is {value.words}, must be {side} {limit.words}")
        elif test.operator != "=" and short:
            verb = "rise" if test.operator == ">=" else "fall"
            said.append(f"{label} must {verb} by {Quantity(abs(gap), value.unit).words}")
        elif test.operator == "=" and gap != 0:
            said.append(f"{label} is {value.words}, must be {limit.words}")
    return "not yet: " + ("; ".join(said) if said else rule.title.lower())
