"""What people do with the plan: each function one act, whole or not at all, and audited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.audit.actions import record
from openkap.care.conflict import Conflict
from openkap.care.enrolment.protocols import protocol_of
from openkap.care.enrolment.queries import screening_outcome
from openkap.care.moment import now
from openkap.care.patients.access import patient_for
from openkap.care.patients.actions import set_status
from openkap.care.patients.models import Patient
from openkap.care.permissions import Permission, Role
from openkap.care.treatment import plan as planning
from openkap.care.treatment.access import chairs_of, course_for, session_for, staff_with, visit_for
from openkap.care.treatment.conflicts import Slot, conflicts_of, refuse_unfit
from openkap.care.treatment.given_up import give_up_with_it
from openkap.care.treatment.models import Chair, Course, DueItem, Session, Visit
from openkap.care.treatment.plan import Plan, TherapyChoice, make_plan, pattern_of, window_of
from openkap.core.errors import InputError
from openkap.protocol.model import Protocol
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
        therapist = _one(by, wanted.therapist, "therapist", Role.THERAPIST, Role.PRESCRIBER)
    return _People(
        chair,
        _one(by, wanted.prescriber, "prescriber", Role.PRESCRIBER),
        nurse_given(by, wanted.nurse),
        therapist,
    )


def _one(by: Actor, uid: str, part: str, *roles: Role) -> Staff:
    found = staff_with(by, *roles).filter(uid=uid).first()
    if found is None:
        raise InputError(
            f"the {part} is missing",
            limit=f"somebody of this clinic who is {' or '.join(role.words for role in roles)}",
            remedy="choose one",
            where=part,
        )
    return found


def nurse_given(by: Actor, uid: str) -> Staff:
    """Somebody of this clinic who may nurse a session."""
    return _one(by, uid, "nurse", Role.NURSE, Role.PRESCRIBER)


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


# --- moving -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One date that moves."""

    what: str
    before: datetime
    after: datetime
    why: str = ""
    visit: int | None = None


@dataclass(frozen=True)
class Move:
    """A session moved, with everything that moves with it and what stands in the way."""

    session: Session
    starts_at: datetime
    ends_at: datetime
    chair: Chair
    nurse: Staff
    changes: tuple[Change, ...]
    due_items: int
    problems: tuple[str, ...]


def preview_move(
    *, by: Actor, session: Session, starts_at: datetime, chair: str = "", nurse: str = ""
) -> Move:
    """What would happen: the session, its visits (which stay in their window) and what is due with it."""
    protocol = protocol_of(session.course.protocol, session.course.protocol_version)
    shift = starts_at - session.starts_at
    seat = chairs_of(by).filter(uid=chair).first() if chair else session.chair
    person = nurse_given(by, nurse) if nurse else session.nurse
    if seat is None:
        raise InputError("the chair is missing", remedy="choose one", where="chair")
    ends_at = session.ends_at + shift
    others = list(
        Session.objects.filter(course=session.course)
        .exclude(pk=session.pk)
        .exclude(state__in=("cancelled", "aborted"))
    )
    changes = [Change(f"Session {session.number}", session.starts_at, starts_at)]
    changes += _visits_that_move(session, starts_at, shift, others, protocol)
    problems = _order_problems(session, starts_at, ends_at, others)
    moved = tuple(change.visit for change in changes if change.visit is not None)
    slots = [Slot(starts_at, ends_at, f"Session {session.number}", (person,), seat, session.pk, moved)]
    visits = {visit.pk: visit for visit in Visit.objects.filter(pk__in=moved).select_related("therapist")}
    for change in changes[1:]:
        visit = visits[change.visit or 0]
        ends = change.after + timedelta(minutes=visit.minutes)
        slots.append(Slot(change.after, ends, change.what, (visit.therapist,), None, session.pk, moved))
    problems += conflicts_of(slots)
    items = DueItem.objects.filter(session=session, done_at__isnull=True).count()
    return Move(session, starts_at, ends_at, seat, person, tuple(changes), items, tuple(problems))


def _visits_that_move(
    session: Session, starts_at: datetime, shift: timedelta, others: list[Session], protocol: Protocol
) -> list[Change]:
    low, high = window_of(protocol, starts_at)
    busy = [each.starts_at.date() for each in others] + [starts_at.date()]
    made = []
    for visit in Visit.objects.filter(session=session, state=Visit.State.PLANNED):
        what = f"{visit.get_kind_display().capitalize()} {visit.number}"
        if visit.kind == Visit.Kind.DOSING_DAY:
            made.append(
                Change(what, visit.starts_at, visit.starts_at + shift, "same day as the dose", visit.pk)
            )
        elif not low <= visit.starts_at <= high:
            after = free_day(visit, planning.integration_days(protocol, starts_at, busy))
            hours = "{} to {} h".format(*protocol.therapy.integration.window_h)
            made.append(Change(what, visit.starts_at, after, f"stays {hours} after the dose", visit.pk))
    return made


def free_day(visit: Visit, days: list[datetime]) -> datetime:
    """The best day on which the therapist is free; the best one at all where none is."""
    for day in days:
        ends_at = day + timedelta(minutes=visit.minutes)
        if not conflicts_of([Slot(day, ends_at, "", (visit.therapist,), None, None, (visit.pk,))]):
            return day
    return days[0]


def _order_problems(
    session: Session, starts_at: datetime, ends_at: datetime, others: list[Session]
) -> list[str]:
    said = []
    if starts_at <= now():
        said.append("the new time is in the past")
    for other in others:
        # By time and not by number: a session in the place of another has the next free number.
        is_before = other.starts_at < session.starts_at
        if starts_at < other.ends_at if is_before else ends_at > other.starts_at:
            side = "after" if is_before else "before"
            said.append(f"it must stay {side} session {other.number} ({other.starts_at:%d %b %H:%M})")
    preparing = Visit.objects.filter(
        course=session.course,
        kind=Visit.Kind.PREPARATION,
        state=Visit.State.PLANNED,
        starts_at__gte=starts_at,
    )
    if session.number == 1 and preparing.exists():
        said.append("a preparation visit would come after the first dose")
    return said


@transaction.atomic
def move_session(
    *,
    by: Actor,
    patient: str,
    uid: str,
    starts_at: datetime,
    version: int,
    reason: str,
    chair: str = "",
    nurse: str = "",
) -> Move:
    """Move a session and what depends on it; refused when anything stands in the way."""
    session = session_for(by, patient, uid, Permission.PLAN_COURSE)
    Chair.objects.select_for_update().get(pk=session.chair_id)
    session = (
        Session.objects.select_for_update(of=("self",))
        .select_related("course", "chair", "nurse")
        .get(pk=session.pk)
    )
    if session.state != Session.State.PLANNED:
        raise InputError(
            "this session has begun or is over", value=session.get_state_display(), remedy="plan another"
        )
    if session.version != version:
        theirs = {"starts_at": session.starts_at, "chair": session.chair.name}
        raise Conflict(theirs=theirs, version=session.version)
    move = preview_move(by=by, session=session, starts_at=starts_at, chair=chair, nurse=nurse)
    if move.problems:
        raise InputError("; ".join(move.problems), remedy="choose another time", where="starts_at")
    refuse_unfit(move.nurse, Role.NURSE, starts_at.date())
    shift, before = starts_at - session.starts_at, session.starts_at
    session.starts_at, session.ends_at = move.starts_at, move.ends_at
    session.chair, session.nurse = move.chair, move.nurse
    session.version += 1
    session.save()
    for change in move.changes:
        if change.visit is not None:
            visit = Visit.objects.get(pk=change.visit)
            visit.starts_at, visit.version = change.after, visit.version + 1
            visit.save()
    for item in DueItem.objects.filter(session=session, done_at__isnull=True):
        DueItem.objects.filter(pk=item.pk).update(due_at=item.due_at + shift)
    detail = {
        "from": before.isoformat(),
        "to": starts_at.isoformat(),
        "with_it": [change.what for change in move.changes[1:]],
    }
    record("session.moved", by=by, entity="session", uid=uid, patient=patient, reason=reason, detail=detail)
    return move


@transaction.atomic
def move_visit(*, by: Actor, patient: str, uid: str, starts_at: datetime, version: int) -> Visit:
    """Move a therapy visit; an integration visit stays in the window of its session."""
    found = visit_for(by, patient, uid, Permission.PLAN_COURSE)
    visit = (
        Visit.objects.select_for_update(of=("self",))
        .select_related("course", "session", "therapist")
        .get(pk=found.pk)
    )
    if visit.version != version:
        raise Conflict(theirs={"starts_at": visit.starts_at}, version=visit.version)
    if visit.state != Visit.State.PLANNED:
        raise InputError("this visit is over", value=visit.get_state_display(), remedy="plan another")
    _refuse_outside_window(visit, starts_at)
    ends_at = starts_at + timedelta(minutes=visit.minutes)
    slot = Slot(starts_at, ends_at, visit.get_kind_display(), (visit.therapist,), None, None, (visit.pk,))
    said = conflicts_of([slot])
    if said:
        raise InputError("; ".join(said), remedy="choose another time", where="starts_at")
    before, visit.starts_at, visit.version = visit.starts_at, starts_at, visit.version + 1
    visit.save()
    detail = {"from": before.isoformat(), "to": starts_at.isoformat(), "kind": visit.kind}
    record("visit.moved", by=by, entity="visit", uid=uid, patient=patient, detail=detail)
    return visit


def _refuse_outside_window(visit: Visit, starts_at: datetime) -> None:
    protocol = protocol_of(visit.course.protocol, visit.course.protocol_version)
    if visit.kind == Visit.Kind.INTEGRATION and visit.session:
        low, high = window_of(protocol, visit.session.starts_at)
        if not low <= starts_at <= high:
            hours = "{} to {} h".format(*protocol.therapy.integration.window_h)
            raise InputError(
                f"the visit would leave its window of {hours} after the dose",
                value=f"{starts_at:%d %b %H:%M}",
                limit=f"{low:%d %b %H:%M} to {high:%d %b %H:%M}",
                remedy="choose a time inside it",
                where="starts_at",
            )
    first = Session.objects.filter(course=visit.course).order_by("starts_at").first()
    if visit.kind == Visit.Kind.PREPARATION and first and starts_at >= first.starts_at:
        raise InputError(
            "preparation comes before the first dose",
            value=f"{starts_at:%d %b %H:%M}",
            limit=f"before {first.starts_at:%d %b %H:%M}",
            remedy="choose an earlier time",
            where="starts_at",
        )


@transaction.atomic
def cancel_session(*, by: Actor, patient: str, uid: str, reason: str) -> Session:
    """Give a planned session up, with a reason; its visits and what was due with it are given up too."""
    session = session_for(by, patient, uid, Permission.PLAN_COURSE)
    if session.state != Session.State.PLANNED:
        raise InputError("this session has begun or is over", remedy="use the session page")
    if not reason.strip():
        raise InputError("the reason is missing", remedy="write why", where="reason")
    Session.objects.filter(pk=session.pk).update(
        state=Session.State.CANCELLED, state_because=reason.strip(), version=session.version + 1
    )
    give_up_with_it(session, f"session {session.number} cancelled")
    record("session.cancelled", by=by, entity="session", uid=uid, patient=patient, reason=reason.strip())
    session.refresh_from_db()
    return session


@transaction.atomic
def end_course(*, by: Actor, patient: str, uid: str, rule: str, reason: str) -> Course:
    """End a course: complete, or by a rule; what is still planned of it is given up."""
    course = course_for(by, patient, uid, Permission.PRESCRIBE)
    if course.ended_at is not None:
        raise InputError("this course has ended already", remedy="nothing has to be done")
    if not reason.strip():
        raise InputError("the reason is missing", remedy="write why", where="reason")
    Course.objects.filter(pk=course.pk).update(
        ended_at=now(), ended_by_id=by.staff_id, ended_rule=rule[:20], ended_because=reason.strip()
    )
    words = f"course ended: {reason.strip()}"
    Session.objects.filter(course=course, state=Session.State.PLANNED).update(
        state=Session.State.CANCELLED, state_because=words
    )
    # Nothing is left to prepare for, and what was not given has nothing to be worked through. The integration
    # of a dose that was given stays, and so does trauma-focused therapy.
    pointless = Q(kind=Visit.Kind.PREPARATION) | Q(session__state=Session.State.CANCELLED)
    visits = Visit.objects.filter(pointless, course=course, state=Visit.State.PLANNED)
    visits.update(state=Visit.State.CANCELLED, state_because=words)
    set_status(by=by, patient=course.patient, status=Patient.Status.FOLLOW_UP, because=reason.strip())
    record(
        "course.ended",
        by=by,
        entity="course",
        uid=uid,
        patient=patient,
        reason=reason.strip(),
        detail={"rule": rule},
    )
    course.refresh_from_db()
    return course


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
