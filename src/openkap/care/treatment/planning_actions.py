"""What people do with the plan: each function one act, whole or not at all, and audited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.audit.actions import record
from openkap.care.enrolment.queries import screening_outcome
from openkap.care.moment import now
from openkap.care.patients.access import patient_for
from openkap.care.patients.actions import set_status
from openkap.care.patients.models import Patient
from openkap.care.permissions import Permission, Role
from openkap.care.treatment.access import chairs_of, colleague_as
from openkap.care.treatment.conflicts import Slot, conflicts_of, refuse_unfit
from openkap.care.treatment.models import Chair, Course, DueItem, Session, Visit
from openkap.care.treatment.plan import Plan, TherapyChoice, make_plan, pattern_of
from openkap.core.errors import InputError
from openkap.protocol.read import load_protocol

TREATED = ("eligible", "eligible_with_review_signed")


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


@dataclass(frozen=True)
class Draft:
    """A course as it would be, with what stands in its way."""

    plan: Plan
    conflicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _People:
    chair: Chair
    prescriber: Staff
    nurse: Staff
    therapist: Staff | None


def draft_course(*, by: Actor, wanted: Wanted) -> Draft:
    """The plan as it would be, for looking at before it is made."""
    protocol = load_protocol(wanted.protocol)
    people = _people(by, wanted)
    if wanted.first <= now():
        raise InputError(
            "the first session would be in the past",
            value=f"{wanted.first:%d %b %Y %H:%M}",
            remedy="choose a later time",
            where="first",
        )
    plan = make_plan(protocol, pattern_of(protocol, wanted.pattern), wanted.first, wanted.therapy, now=now())
    return Draft(plan, tuple(conflicts_of(_slots(plan, people))))


@transaction.atomic
def plan_course(*, by: Actor, uid: str, wanted: Wanted) -> Course:
    """Make the dated plan of a course. Conflicts refuse it; no course without therapy plan or a reason."""
    patient = patient_for(by, uid, Permission.PLAN_COURSE, seen="")
    Patient.objects.select_for_update().get(pk=patient.pk)
    if screening_outcome(patient) not in TREATED:
        raise InputError(
            "nobody has decided that this patient is eligible",
            remedy="decide on the screening first",
            where="pattern",
        )
    if Course.objects.filter(patient=patient, ended_at__isnull=True).exists():
        raise InputError("a course is running already", remedy="end it before planning another")
    if wanted.therapy is None and not wanted.no_therapy_because.strip():
        raise InputError(
            "there is no therapy plan",
            limit="a trauma-focused therapy with a therapist, or a recorded reason",
            remedy="choose a therapy, or write why there is none",
            where="modality",
        )
    protocol, people = load_protocol(wanted.protocol), _people(by, wanted)
    Chair.objects.select_for_update().get(pk=people.chair.pk)
    draft = draft_course(by=by, wanted=wanted)
    if draft.conflicts:
        raise InputError(
            "; ".join(draft.conflicts), remedy="choose another time, chair or person", where="first"
        )
    last = draft.plan.sessions[-1].starts_at.date()
    refuse_unfit(people.prescriber, Role.PRESCRIBER, last)
    refuse_unfit(people.nurse, Role.NURSE, last)
    if people.therapist:
        refuse_unfit(people.therapist, Role.THERAPIST, last)
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
    _store(course, draft.plan, people)
    status = Patient.Status.MAINTENANCE if wanted.kind == "maintenance" else Patient.Status.IN_COURSE
    set_status(by=by, patient=patient, status=status)
    detail = {"protocol": protocol.id, "pattern": wanted.pattern, "sessions": len(draft.plan.sessions)}
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


def _people(by: Actor, wanted: Wanted) -> _People:
    chair = chairs_of(by).filter(uid=wanted.chair).first()
    if chair is None:
        raise InputError("the chair is missing", remedy="choose one", where="chair")
    therapist = None
    if wanted.therapy is not None:
        therapist = colleague_as(by, wanted.therapist, "therapist", Role.THERAPIST, Role.PRESCRIBER)
    return _People(
        chair,
        colleague_as(by, wanted.prescriber, "prescriber", Role.PRESCRIBER),
        colleague_as(by, wanted.nurse, "nurse", Role.NURSE, Role.PRESCRIBER),
        therapist,
    )


def _slots(plan: Plan, people: _People) -> list[Slot]:
    slots = [
        Slot(each.starts_at, each.ends_at, f"Session {each.number}", (people.nurse,), people.chair)
        for each in plan.sessions
    ]
    if people.therapist:
        slots += [
            Slot(
                v.starts_at,
                v.ends_at,
                f"{v.kind.replace('_', ' ').capitalize()} {v.number}",
                (people.therapist,),
            )
            for v in plan.visits
        ]
    return slots


def _words(kind: str, number: int) -> str:
    return f"{kind.replace('_', ' ').capitalize()} {number}"


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
    if Chair.objects.filter(clinic_id=by.clinic_id, name=name.strip()).exists():
        raise InputError("there is a chair of this name", value=name, remedy="choose another", where="name")
    chair = Chair.objects.create(clinic_id=by.clinic_id, name=name.strip())
    record("chair.added", by=by, entity="chair", uid=chair.uid, detail={"name": chair.name})
    return chair
