"""What people do with the plan: each function one act, whole or not at all, and audited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.timezone import localdate, localtime

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.accounts.signing import fingerprint
from openkap.care.audit.actions import record
from openkap.care.columns import refuse_long
from openkap.care.enrolment.protocols import protocol_in_force
from openkap.care.moment import now
from openkap.care.patients.access import hold as hold_patient
from openkap.care.patients.access import patient_for
from openkap.care.patients.actions import set_status
from openkap.care.patients.models import Patient
from openkap.care.patients.out_of_care import refuse_out_of_care
from openkap.care.permissions import Permission, Role
from openkap.care.treatment.access import chairs_of, colleague_as, join_as
from openkap.care.treatment.models import Chair, Course, DueItem, MaintenancePlan, Session, Visit
from openkap.care.treatment.planning.conditions import Maintenance, missing_before_planning
from openkap.care.treatment.planning.conflicts import (
    FOREVER,
    Slot,
    hold,
    in_words,
    refuse_unseen,
    taken,
    unfit,
    whose_time,
)
from openkap.care.treatment.planning.diaries import Board, diary_of, hours_of, ways_out
from openkap.care.treatment.planning.placing import Hours
from openkap.care.treatment.planning.plan import (
    Plan,
    PlannedSession,
    PlannedVisit,
    TherapyChoice,
    make_plan,
    pattern_of,
    sessions_of,
    weekend_words,
)
from openkap.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person chooses of a course: everything else comes from the protocol."""

    protocol: str
    pattern: str
    first: datetime
    chair: str
    prescriber: str
    nurse: str
    therapist: str = ""
    therapy: TherapyChoice | None = None
    no_therapy_because: str = ""
    kind: str = Course.Kind.ACUTE
    maintenance: Maintenance | None = None


@dataclass(frozen=True)
class Draft:
    """A course as it would be, with what stands in its way and what should be looked at."""

    plan: Plan
    missing: tuple[InputError, ...]
    clashes: tuple[str, ...]
    warnings: tuple[str, ...]
    # Where the sessions would be free; nothing while they are.
    ways_out: tuple[str, ...]
    # Between which visits are put.
    hours: Hours
    # Of everything that was shown: what is made is what was seen.
    fingerprint: str

    @property
    def visits(self) -> tuple[tuple[str, PlannedVisit], ...]:
        """The visits with their names."""
        return tuple((_name(each), each) for each in self.plan.visits)

    @property
    def problems(self) -> tuple[str, ...]:
        """All that stands in the way, in words."""
        return (*(in_words(each) for each in self.missing), *self.clashes)


@dataclass(frozen=True, slots=True)
class _People:
    chair: Chair
    prescriber: Staff
    nurse: Staff
    therapist: Staff | None

    @property
    def parts(self) -> list[tuple[Staff, Role]]:
        named = [(self.prescriber, Role.PRESCRIBER), (self.nurse, Role.NURSE)]
        return named + ([(self.therapist, Role.THERAPIST)] if self.therapist else [])


def draft_course(*, by: Actor, uid: str, wanted: Wanted) -> Draft:
    """The plan as it would be, for looking at before it is made."""
    patient = patient_for(by, uid, Permission.PLAN_COURSE)
    return _draft(patient, wanted, _people(by, wanted))


def _draft(patient: Patient, wanted: Wanted, people: _People) -> Draft:
    protocol = protocol_in_force(wanted.protocol)
    if wanted.first <= now():
        raise InputError(
            "the first session would be in the past",
            value=f"{localtime(wanted.first):%d %b %Y %H:%M}",
            remedy="choose a later time",
            where="first",
        )
    sessions = sessions_of(protocol, pattern_of(protocol, wanted.pattern), wanted.first)
    board = _board(patient, sessions, people)
    diary = (
        diary_of(board.taken, board.hours, people.therapist, patient.pk)
        if wanted.therapy and people.therapist
        else None
    )
    plan = make_plan(protocol, sessions, wanted.therapy, diary, now=now())
    last = localdate(plan.sessions[-1].starts_at)
    missing = missing_before_planning(patient, protocol, wanted.kind, wanted.maintenance, last)
    missing += _without_therapy(wanted) + _unfit(plan, people, last)
    clashes = board.taken.conflicts_of(_slots(plan, people, patient))
    warnings = weekend_words((f"Session {each.number}", each.starts_at) for each in plan.sessions)
    warnings += board.hours.outside((_name(each), each.starts_at, each.ends_at) for each in plan.visits)
    ways = ways_out(_slots(Plan(sessions, (), ()), people, patient), board, people.nurse)
    seen = fingerprint(repr((plan.sessions, plan.visits, wanted)))
    return Draft(plan, tuple(missing), tuple(clashes), tuple(warnings), tuple(ways), board.hours, seen)


def _board(patient: Patient, sessions: tuple[PlannedSession, ...], people: _People) -> Board:
    """Everything from now on that chairs, people and patient of the plan have already."""
    chairs = list(Chair.objects.filter(clinic_id=patient.clinic_id, is_active=True).order_by("name"))
    staff = [each for each in (people.nurse, people.therapist) if each]
    held = taken(now(), FOREVER, chairs=chairs, people=staff, patients=[patient.pk])
    own = [(each.starts_at, each.ends_at) for each in sessions]
    return Board(held, hours_of(patient.clinic_id, now(), own), tuple(chairs))


def _without_therapy(wanted: Wanted) -> list[InputError]:
    if wanted.therapy is not None or wanted.no_therapy_because.strip():
        return []
    return [
        InputError(
            "there is no therapy plan",
            limit="a trauma-focused therapy with a therapist, or a recorded reason",
            remedy="choose a therapy, or write why there is none",
            where="modality",
        )
    ]


def _unfit(plan: Plan, people: _People, last: date) -> list[InputError]:
    """Each person on the last day on which they are needed."""
    needed = [(people.prescriber, Role.PRESCRIBER, last), (people.nurse, Role.NURSE, last)]
    if people.therapist and plan.visits:
        seen_last = max(localdate(each.starts_at) for each in plan.visits)
        needed.append((people.therapist, Role.THERAPIST, seen_last))
    return unfit(needed)


@transaction.atomic
def plan_course(*, by: Actor, uid: str, wanted: Wanted, seen: str | None = None) -> Course:
    """Make the dated plan of a course; whatever stands in the way refuses it.

    ``seen`` is the fingerprint of the dates that were on the screen: other dates are shown first.
    """
    patient = patient_for(by, uid, Permission.PLAN_COURSE, seen="")
    refuse_out_of_care(hold_patient(patient))
    protocol, people = protocol_in_force(wanted.protocol), _people(by, wanted)
    hold((people.chair,), [each for each in (people.nurse, people.therapist) if each])
    draft = _draft(patient, wanted, people)
    if draft.missing:
        raise draft.missing[0]
    if draft.clashes:
        free = "; ".join(draft.ways_out)
        remedy = "choose another time, chair or person" + (f": {free}" if free else "")
        raise InputError("; ".join(draft.clashes), remedy=remedy, where="first")
    refuse_unseen(draft.fingerprint, seen)
    course = Course.objects.create(
        patient=patient,
        kind=wanted.kind,
        protocol=protocol.id,
        protocol_version=protocol.version,
        protocol_fingerprint=protocol.fingerprint,
        pattern=wanted.pattern,
        modality=wanted.therapy.modality if wanted.therapy else "",
        therapist=people.therapist if wanted.therapy else None,
        no_therapy_because="" if wanted.therapy else wanted.no_therapy_because.strip(),
        prescriber=people.prescriber,
        planned_by_id=by.staff_id,
        planned_at=now(),
    )
    _write_down(by, course, wanted.maintenance)
    _store(course, draft.plan, people)
    join_as(by, patient, people.parts)
    status = Patient.Status.MAINTENANCE if wanted.kind == "maintenance" else Patient.Status.IN_COURSE
    set_status(by=by, patient=patient, status=status)
    detail: dict[str, Any] = {
        "protocol": protocol.id,
        "pattern": wanted.pattern,
        "sessions": len(draft.plan.sessions),
    }
    if wanted.therapy and wanted.therapy.dosing_day:
        detail["dosing_day"] = wanted.therapy.dosing_day
    if not wanted.therapy:
        detail["without_therapy"] = True
    record(
        "course.planned",
        by=by,
        entity="course",
        uid=course.uid,
        patient=uid,
        reason=course.no_therapy_because,
        detail=detail,
    )
    return course


def _write_down(by: Actor, course: Course, told: Maintenance | None) -> None:
    if course.kind == Course.Kind.MAINTENANCE and told and told.ends_on:
        MaintenancePlan.objects.create(
            course=course,
            response=told.response.strip(),
            plan=told.plan.strip(),
            ends_on=told.ends_on,
            written_by_id=by.staff_id,
            written_at=now(),
        )


def _people(by: Actor, wanted: Wanted) -> _People:
    chair = chairs_of(by).filter(uid=wanted.chair).first()
    if chair is None:
        raise InputError("the chair is missing", remedy="choose one", where="chair")
    therapist = None
    if wanted.therapy is not None:
        therapist = colleague_as(by, wanted.therapist, Role.THERAPIST)
    return _People(
        chair,
        colleague_as(by, wanted.prescriber, Role.PRESCRIBER),
        colleague_as(by, wanted.nurse, Role.NURSE),
        therapist,
    )


def _name(visit: PlannedVisit) -> str:
    return f"{Visit.Kind(visit.kind).label.capitalize()} {visit.number}"


def _slots(plan: Plan, people: _People, patient: Patient) -> list[Slot]:
    slots = [
        Slot(
            each.starts_at,
            each.ends_at,
            f"Session {each.number}",
            (people.nurse,),
            people.chair,
            patient.pk,
        )
        for each in plan.sessions
    ]
    if people.therapist:
        slots += [
            Slot(
                each.starts_at,
                each.ends_at,
                _name(each),
                (people.therapist,),
                patient=whose_time(each.kind, patient.pk),
            )
            for each in plan.visits
        ]
    return slots


def _store(course: Course, plan: Plan, people: _People) -> None:
    sessions = {
        each.number: Session.objects.create(
            course=course,
            patient=course.patient,
            number=each.number,
            chair=people.chair,
            prescriber=people.prescriber,
            nurse=people.nurse,
            starts_at=each.starts_at,
            ends_at=each.ends_at,
        )
        for each in plan.sessions
    }
    if people.therapist:
        Visit.objects.bulk_create(
            Visit(
                course=course,
                patient=course.patient,
                session=sessions.get(each.session or 0),
                kind=each.kind,
                number=each.number,
                therapist=people.therapist,
                starts_at=each.starts_at,
                minutes=each.minutes,
            )
            for each in plan.visits
        )
    DueItem.objects.bulk_create(
        DueItem(
            course=course,
            patient=course.patient,
            session=sessions.get(each.session or 0),
            kind=each.kind,
            what=each.what[:120],
            when=each.when,
            due_at=each.due_at,
        )
        for each in plan.items
    )


@transaction.atomic
def add_chair(*, by: Actor, name: str) -> Chair:
    """Add a place for treatment to the clinic."""
    from openkap.care.accounts.access import require

    require(by, Permission.PLAN_COURSE)
    if not name.strip():
        raise InputError("the name is missing", remedy="name the chair", where="name")
    refuse_long(Chair, name=name)
    if Chair.objects.filter(clinic_id=by.clinic_id, name=name.strip()).exists():
        raise InputError("there is a chair of this name", value=name, remedy="choose another", where="name")
    chair = Chair.objects.create(clinic_id=by.clinic_id, name=name.strip())
    record("chair.added", by=by, entity="chair", uid=chair.uid, detail={"name": chair.name})
    return chair
