"""What the pages offer on which a course is planned or one of its dates is moved."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from openkap.care.accounts.actor import Actor
from openkap.care.enrolment.protocols import offered, protocol_in_force
from openkap.care.patients.models import Patient
from openkap.care.permissions import Role
from openkap.care.treatment.access import chairs_of, staff_with
from openkap.care.treatment.models import Session
from openkap.care.treatment.planning.conditions import decided_under
from openkap.care.treatment.planning.held import held_since, session_says
from openkap.care.treatment.planning.moving import Later, later_than
from openkap.care.treatment.planning.plan import default_minutes, default_visits
from openkap.protocol.dosing_day import dosing_day


def choices(by: Actor) -> dict[str, Any]:
    """What the planning form offers."""
    protocols = [protocol_in_force(name) for name, _ in offered()]
    return {
        "therapies": [
            (each, default_visits(each), default_minutes(each, protocols[0]))
            for each in protocols[0].therapy.trauma_focused
        ],
        "dosing_day": dosing_day(),
        "chairs": [(chair.uid, chair.name) for chair in chairs_of(by)],
        "prescribers": [(p.uid, p.name) for p in staff_with(by, Role.PRESCRIBER)],
        "nurses": _first(by, Role.NURSE),
        "therapists": _first(by, Role.THERAPIST),
    }


def patterns_for(patient: Patient) -> dict[str, Any]:
    """The courses with days, those of the protocol that was decided under first."""
    decided = decided_under(patient)
    names = sorted((name for name, _ in offered()), key=lambda name: name != decided)
    courses = [(p, c) for p in map(protocol_in_force, names) for c in p.courses if c.days]
    groups = groupby(courses, key=lambda each: each[0].id == decided)
    return {"patterns": [("decided" if own else "other", list(group)) for own, group in groups]}


def move_page(session: Session) -> dict[str, Any]:
    """The session that moves, and what can become of those after it."""
    after = later_than(session)
    return {
        "session": session,
        "held": session_says(session.state, held_since(session.patient_id)),
        "after": [each.number for each in after],
        "laters": Later.choices,
    }


def _first(by: Actor, role: Role) -> list[tuple[str, str]]:
    """Those whose part it is, then prescribers, who may stand in."""
    own = [(person.uid, person.name) for person in staff_with(by, role)]
    others = [(person.uid, person.name) for person in staff_with(by, Role.PRESCRIBER)]
    return own + [each for each in others if each not in own]
