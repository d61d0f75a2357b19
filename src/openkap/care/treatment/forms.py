"""What comes back from the pages of treatment, as values the actions understand; refusals name the field."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypedDict

from django.http import QueryDict

from openkap.care.moment import now
from openkap.care.permissions import Role
from openkap.care.treatment.access import TAKE
from openkap.care.treatment.course.therapy_actions import Written
from openkap.care.treatment.drug.actions import Received
from openkap.care.treatment.monitoring.adverse_actions import Event
from openkap.care.treatment.planning import handover_actions
from openkap.care.treatment.planning.actions import Wanted
from openkap.care.treatment.planning.conditions import Maintenance
from openkap.care.treatment.planning.moving import Later
from openkap.care.treatment.planning.plan import TherapyChoice
from openkap.care.treatment.rows.stamps import Stamp
from openkap.care.typed import amount_typed, count_typed, day_typed, moment_typed
from openkap.core.errors import InputError


def moment_given(data: QueryDict, name: str) -> datetime | None:
    """A moment that may be left out."""
    return moment_typed(data.get(name, ""), where=name)


def needed_moment(data: QueryDict, name: str) -> datetime:
    """As ``moment_given``, and not empty."""
    found = moment_given(data, name)
    if found is None:
        raise InputError("the time is missing", remedy="enter day and time", where=name)
    return found


def number_given(data: QueryDict, name: str) -> Decimal | None:
    """An amount that may be left out."""
    return amount_typed(data.get(name, ""), where=name)


def needed_number(data: QueryDict, name: str) -> Decimal:
    """As ``number_given``, and not empty."""
    found = number_given(data, name)
    if found is None:
        raise InputError("the number is missing", remedy="enter it", where=name)
    return found


def whole(data: QueryDict, name: str) -> int:
    """A whole number."""
    return count_typed(data.get(name, ""), where=name)


class Place(TypedDict):
    """When, where and with which nurse."""

    starts_at: datetime
    chair: str
    nurse: str


def place_given(data: QueryDict) -> Place:
    """The fields of a session that moves, or of one in the place of another."""
    return {
        "starts_at": needed_moment(data, "starts_at"),
        "chair": data.get("chair", ""),
        "nurse": data.get("nurse", ""),
    }


def later_given(data: QueryDict) -> str:
    """What becomes of the later sessions; they stay unless somebody says otherwise."""
    found = data.get("later", "")
    return found if found in Later.values else Later.STAY


def version_given(data: QueryDict) -> int:
    """The version that was on the screen; none at all is older than any."""
    try:
        return whole(data, "version")
    except InputError:
        return 0


def day_given(data: QueryDict, name: str) -> date:
    """A day from a date field."""
    return day_typed(data.get(name, ""), where=name)


def stamp_given(data: QueryDict) -> Stamp:
    """What the client says about an entry."""
    return Stamp(
        client_id=data.get("client_id", "").strip(),
        observed_at=moment_given(data, "observed_at"),
        device=data.get("device", ""),
        device_now=moment_given(data, "device_now"),
        corrects=data.get("corrects", ""),
        reason=data.get("reason", ""),
    )


def wanted_given(data: QueryDict) -> Wanted:
    """The planning form."""
    protocol, _, pattern = data.get("pattern", "").partition("/")
    if not pattern:
        raise InputError("the course is missing", remedy="choose one", where="pattern")
    therapy = None
    if data.get("modality"):
        therapy = TherapyChoice(
            data.get("modality", ""),
            whole(data, "visits"),
            whole(data, "minutes"),
            timedelta(days=whole(data, "every")),
            data.get("dosing_day", ""),
        )
    return Wanted(
        protocol=protocol,
        pattern=pattern,
        first=needed_moment(data, "first"),
        chair=data.get("chair", ""),
        prescriber=data.get("prescriber", ""),
        nurse=data.get("nurse", ""),
        therapist=data.get("therapist", ""),
        therapy=therapy,
        no_therapy_because=data.get("no_therapy_because", ""),
        kind="maintenance" if data.get("kind") == "maintenance" else "acute",
        maintenance=maintenance_given(data) if data.get("kind") == "maintenance" else None,
    )


def maintenance_given(data: QueryDict) -> Maintenance:
    """What is written down before maintenance; what is missing is said with the plan."""
    ends_on = day_given(data, "ends_on") if data.get("ends_on") else None
    return Maintenance(data.get("response", ""), data.get("plan", ""), ends_on)


def handover_given(data: QueryDict) -> handover_actions.Wanted:
    """The form that changes who; the person replaced comes as ``nurse:`` and the public id."""
    part, _, before = data.get("before", "").partition(":")
    if part not in {each.value for each in TAKE} or not before:
        raise InputError("who is replaced is missing", remedy="choose one", where="before")
    return handover_actions.Wanted(Role(part), before, data.get("after", ""), data.get("only", ""))


def note_given(data: QueryDict) -> Written:
    """The note form; checklist items come as ``tick-0`` and so on."""
    ticks = {name.removeprefix("tick-"): value for name, value in data.items() if name.startswith("tick-")}
    return Written(
        text=data.get("text", ""),
        minutes=whole(data, "minutes"),
        ticks={key: str(value) for key, value in ticks.items() if value},
        modality=data.get("modality", ""),
        checklist=data.get("checklist", ""),
        corrects=data.get("corrects", ""),
        reason=data.get("reason", ""),
    )


def event_given(data: QueryDict) -> Event:
    """The adverse-event form."""
    return Event(
        term=data.get("term", ""),
        onset_at=moment_given(data, "onset_at") or now(),
        ended_at=moment_given(data, "ended_at"),
        grade=whole(data, "grade"),
        relation=data.get("relation", ""),
        action_taken=data.get("action_taken", ""),
        outcome=data.get("outcome", ""),
        is_serious=bool(data.get("serious_because")),
        serious_because=data.get("serious_because", ""),
        words=data.get("words", ""),
        treatment=data.get("treatment", ""),
        corrects=data.get("corrects", ""),
        reason=data.get("reason", ""),
    )


def received_given(data: QueryDict) -> Received:
    """The form for vials that came in."""
    return Received(
        product=data.get("product", ""),
        lot_number=data.get("lot_number", ""),
        expires_on=day_given(data, "expires_on"),
        amount_mg=needed_number(data, "amount_mg"),
        note=data.get("note", ""),
    )
