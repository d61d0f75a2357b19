"""A practice run: the same page and the same rules on a simulated patient, and a debrief afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.timezone import localtime

from openkap.care.accounts.access import require
from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Credential
from openkap.care.accounts.requirements import practice_requirements
from openkap.care.audit.actions import record
from openkap.care.enrolment.assessment import canonical
from openkap.care.live.access import practice_for
from openkap.care.live.acts import DOSE, SINCE, moment_of, not_negative
from openkap.care.live.models import Practice, PracticeEntry
from openkap.care.live.practice_log import CORRECTING, Standing, standing
from openkap.care.live.scenario import Expected, Scenario, scenario_of
from openkap.care.moment import now, today
from openkap.care.permissions import Permission
from openkap.care.treatment.dose.delivered import Given, Ordered, given_so_far, with_the_rest
from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.protocol.dosing import draw
from openkap.protocol.elements import dictionary
from openkap.protocol.model import Protocol
from openkap.protocol.monitoring import Reading
from openkap.protocol.read import load_protocol

SPEEDS = (1, 4, 8)
FINISH = timedelta(minutes=1)
# A time typed in minutes may lie before the second in which the run began.
CLOCKS_APART = timedelta(minutes=1)
LARGEST_PAYLOAD = 20_000


@dataclass(frozen=True, slots=True)
class DoseAct:
    """What was done with the simulated pump."""

    uid: str
    client_id: str
    kind: str
    observed_at: datetime
    entered_at: datetime
    rate_ml_h: Decimal | None = None
    given_ug: int | None = None
    reason: str = ""
    was: datetime | None = None


@dataclass(frozen=True)
class Run:
    """A practice run with everything entered in it, on the clock of the practised session."""

    row: Practice
    scenario: Scenario
    protocol: Protocol
    # As they were entered, corrections among them; ``counting`` has what they come to.
    entries: tuple[PracticeEntry, ...]

    @cached_property
    def counting(self) -> tuple[Standing, ...]:
        """What counts: corrected as a correction says, without what was taken back."""
        return tuple(each for each in standing(self.entries) if each.counts)

    @property
    def begun(self) -> datetime:
        return self.row.begun_at

    def session_time(self, moment: datetime) -> datetime:
        """The practised session's clock at a moment of the room's."""
        end = self.row.ended_at or moment
        return self.begun + (min(moment, end) - self.begun) * self.row.speed

    def minute(self, moment: datetime) -> float:
        return (moment - self.begun).total_seconds() / 60

    @cached_property
    def ordered(self) -> Ordered:
        amount, over = Quantity.parse(self.scenario.dose.amount), Quantity.parse(self.scenario.dose.over)
        # The pump's rate for the protocol's own product, as the two-person check shows it.
        way = draw(self.protocol, self.protocol.dosing.products[0], amount, over).ways[0]
        return Ordered(amount.number("mg"), over.number("min"), way.rate.number("mL/h"), way.id)

    @cached_property
    def acts(self) -> list[DoseAct]:
        """Start at minute 0, then what was entered, each kind only where it is possible."""
        rate = Decimal(str(self.ordered.rate_ml_h))
        made = [DoseAct("start", "start", "start", self.begun, self.begun, rate)]
        for entry in self.counting:
            if entry.act in DOSE and entry.act != "start" and _fits(made[-1].kind, entry.act):
                given, changed = entry.payload.get("given_mg"), entry.payload.get("rate_ml_h")
                made.append(
                    DoseAct(
                        entry.id,
                        entry.id,
                        entry.act,
                        entry.observed_at,
                        entry.entered_at,
                        Decimal(str(changed)) if changed else None,
                        int(Decimal(str(given)) * 1000) if given else None,
                        entry.reason,
                        entry.was,
                    )
                )
        return made

    def given(self, moment: datetime) -> Given:
        return given_so_far(self.ordered, self.acts, moment)

    def delivered(self, moment: datetime) -> Given:
        """What the simulated pump really does: it also stands still when the scenario says so."""
        stands = [event for event in self.scenario.events if event.pump]
        acts = list(self.acts)
        for event in stands:
            begin = self.begun + timedelta(minutes=float(event.at))
            if begin <= moment:
                acts.append(DoseAct("", "", "pause", begin, begin))
        acts.sort(key=lambda act: act.observed_at)
        return with_the_rest(self.ordered, given_so_far(self.ordered, acts, moment))

    @cached_property
    def readings(self) -> list[Reading]:
        elements = dictionary()
        return [
            Reading(
                entry.observed_at,
                {
                    name: elements[name].parse(_with_unit(name, value))
                    for name, value in entry.payload.get("values", {}).items()
                },
            )
            for entry in self.counting
            if entry.act == "vitals"
        ]

    @cached_property
    def baseline(self) -> Reading:
        who = self.scenario.person
        said = {"sbp": who.sbp, "dbp": who.dbp, "heart_rate": who.heart_rate}
        values = {name: dictionary()[name].parse(_with_unit(name, value)) for name, value in said.items()}
        return Reading(self.begun - timedelta(minutes=5), values)


def _with_unit(name: str, value: Any) -> str:
    unit = dictionary()[name].unit
    return f"{value} {unit}" if unit and not unit.startswith("{") else f"{value}"


def _fits(last: str, act: str) -> bool:
    if last == "stop":
        return False
    return (act == "resume") == (last == "pause") if act in {"pause", "resume", "rate"} else True


def run_of(by: Actor, uid: str) -> Run:
    """One's own run."""
    row = practice_for(by, uid)
    scenario, _ = scenario_of(row.scenario)
    return Run(row, scenario, load_protocol(scenario.protocol), tuple(row.entries.order_by("id")))


@transaction.atomic
def begin(*, by: Actor, scenario: str, speed: int) -> Practice:
    """Begin a run: the dose has just been started."""
    require(by, Permission.RECORD_SESSION)
    found, fingerprint = scenario_of(scenario)
    if speed not in SPEEDS:
        raise InputError("no such speed", value=speed, limit=", ".join(map(str, SPEEDS)), remedy="choose one")
    row = Practice.objects.create(
        clinic_id=by.clinic_id,
        staff_id=by.staff_id,
        scenario=found.id,
        version=found.version,
        fingerprint=fingerprint,
        seed=int(fingerprint[:6], 16),
        speed=speed,
        begun_at=now(),
    )
    record("practice.begun", by=by, entity="practice", uid=row.uid, detail={"scenario": found.id})
    return row


@transaction.atomic
def take(*, by: Actor, uid: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Take one entry of a run; the same id twice is one row."""
    row = practice_for(by, uid)
    name, act = str(entry.get("id", "")), str(entry.get("act", ""))
    payload = canonical(entry.get("payload") or {})
    try:
        if row.ended_at is not None:
            raise InputError("this run is over", remedy="begin another")
        if act not in SINCE or not 0 < len(name) <= 36 or (len(payload) > LARGEST_PAYLOAD and act != "photo"):
            raise InputError("this cannot be entered", value=act[:20], remedy="reload the page")
        observed = moment_of(str(entry.get("observed_at", "")), "observed_at")
        _refuse_before(row, observed)
        observed = max(observed, row.begun_at)
        _refuse_impossible(entry)
        if act in CORRECTING:
            _refuse_correction(row, entry.get("payload") or {}, act)
    except InputError as refused:
        told = {"id": name, "status": "refused", "what": refused.what, "remedy": refused.remedy or ""}
        return told | {"value": str(refused.value or ""), "limit": str(refused.limit or "")}
    PracticeEntry.objects.get_or_create(
        practice=row,
        client_id=name,
        defaults={
            "act": act,
            "payload": payload if act != "photo" else "{}",
            "observed_at": observed,
            "entered_at": now(),
        },
    )
    return {"id": name, "status": "saved", "uid": name}


def _refuse_correction(row: Practice, payload: Mapping[str, Any], act: str) -> None:
    """As on the real page: what is there, with a reason; what was done with the drug stays."""
    if not str(payload.get("reason", "")).strip():
        raise InputError("a correction needs its reason", remedy="write why")
    held = {each.id: each for each in standing(row.entries.order_by("id"))}
    old = held.get(str(payload.get("corrects", "")))
    if old is None or not old.counts:
        raise InputError("there is nothing to correct here", remedy="it may have been corrected already")
    if act == "take_back" and old.act in DOSE:
        raise InputError("what was done with the drug stays", remedy="correct its time, with the reason")


def _refuse_before(row: Practice, observed: datetime) -> None:
    """Nothing happens before the dose of a run: the simulated patient has no past."""
    if observed < row.begun_at - CLOCKS_APART:
        raise InputError(
            "this was before the run began",
            value=f"{localtime(observed):%d %b %Y %H:%M}",
            limit=f"{localtime(row.begun_at):%d %b %Y %H:%M}",
            remedy="correct the time",
        )


def _refuse_impossible(entry: Mapping[str, Any]) -> None:
    payload = entry.get("payload") or {}
    values = payload.get("values") or {} if isinstance(payload, dict) else None
    if not isinstance(values, dict):
        raise InputError("this cannot be entered", value=payload, remedy="reload the page")
    for name in ("rate_ml_h", "given_mg"):
        not_negative(str(payload.get(name) or ""), where=name)
    for name, value in values.items():
        dictionary().find(name).parse(_with_unit(name, value))


@transaction.atomic
def end(*, by: Actor, uid: str) -> Practice:
    """End the run and keep the debrief."""
    row = practice_for(by, uid)
    if row.ended_at is not None:
        return row
    run = run_of(by, uid)
    told = debrief_of(run)
    if told["has_passed"]:
        _count_as_training(by, run)
    Practice.objects.filter(pk=row.pk).update(
        ended_at=now(), has_passed=told["has_passed"], debrief=canonical(told)
    )
    record("practice.ended", by=by, entity="practice", uid=uid, detail={"passed": told["has_passed"]})
    row.refresh_from_db()
    return row


def _count_as_training(by: Actor, run: Run) -> None:
    """A pass counts towards what the site's file asks of practice, for as long as it says there."""
    for asked in practice_requirements(settings.SITE_FILE):
        if not asked.is_met_by(run.scenario.id):
            continue
        kind = asked.requirement.kind
        if Credential.objects.filter(staff_id=by.staff_id, kind=kind, issued_on=today()).exists():
            continue
        row = Credential.objects.create(
            staff_id=by.staff_id,
            kind=kind,
            issued_on=today(),
            expires_on=None if asked.days is None else today() + timedelta(days=asked.days),
            evidence=f"practice run {run.row.uid}: {run.scenario.title}, {run.scenario.version}"[:200],
            checked_by_id=by.staff_id,
            checked_at=now(),
        )
        record("credential.practised", by=by, entity="credential", uid=row.uid, detail={"run": run.row.uid})


def has_passed(by: Actor, scenario: str) -> bool:
    """Whether this person has passed a scenario in its present version: for training requirements."""
    _, fingerprint = scenario_of(scenario)
    return Practice.objects.filter(staff_id=by.staff_id, fingerprint=fingerprint, has_passed=True).exists()


def debrief_of(run: Run) -> dict[str, Any]:
    """What was done when, against the scenario's expectations and the protocol's schedule."""
    expected = [_met(run, each) for each in run.scenario.expects]
    schedule = _schedule(run)
    must = all(each["met"] for each in expected if each["must"])
    missed = [each for each in schedule if each["state"] == "missed"]
    events = [{"minute": float(each.at), "said": each.say} for each in run.scenario.events]
    done = [
        {
            "minute": round(run.minute(entry.observed_at), 1),
            "act": entry.act,
            "payload": json.loads(entry.payload),
        }
        for entry in run.entries
    ]
    done.sort(key=lambda each: each["minute"])
    return {
        "has_passed": must and not missed,
        "expected": expected,
        "schedule": schedule,
        "events": events,
        "done": done,
    }


def _met(run: Run, each: Expected) -> dict[str, Any]:
    first, last = float(each.after), float(each.after + each.within)
    found = [
        run.minute(entry.observed_at)
        for entry in run.counting
        if entry.act == each.act
        and first <= run.minute(entry.observed_at) <= last
        and (each.element is None or each.element in entry.payload.get("values", {}))
    ]
    return {
        "id": each.id,
        "what": each.what,
        "must": each.must == "yes",
        "from": first,
        "until": last,
        "met": bool(found),
        "minute": round(min(found), 1) if found else None,
    }


def _schedule(run: Run) -> list[dict[str, Any]]:
    """Each reading the protocol asked for: in time, late by how much, or missed."""
    late = Quantity.parse(run.protocol.vitals.late_after).number("min")
    minutes = [minute for minute in run.protocol.vitals.minutes if minute <= float(run.scenario.ends)]
    full = [run.minute(each.at) for each in run.readings if {"sbp", "dbp", "heart_rate"} <= set(each.values)]
    told = []
    for index, minute in enumerate(minutes):
        before = minutes[index - 1] if index else minute - 10
        after = minutes[index + 1] if index + 1 < len(minutes) else minute + 15
        found = [each for each in full if (before + minute) / 2 <= each < (minute + after) / 2]
        nearest = min(found, key=lambda each: abs(each - minute), default=None)
        state = "missed" if nearest is None else "in time" if nearest <= minute + late else "late"
        told.append(
            {"minute": minute, "taken": None if nearest is None else round(nearest, 1), "state": state}
        )
    return told
