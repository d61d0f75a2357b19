"""A full morning: one chair under the drug, one recovering, one about to begin; set anew when it is stale.

The next sessions of people in a course are moved to the present hour; everything goes through the acts of the
pages, each at its own minute.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q

from openkap.care.accounts.actor import Actor, actor_for
from openkap.care.accounts.models import Staff
from openkap.care.moment import clock_at, now
from openkap.care.outcomes.models import SafetySignal
from openkap.care.treatment.course.due_actions import tick
from openkap.care.treatment.dose import actions as dose_actions
from openkap.care.treatment.dose import delivery_actions
from openkap.care.treatment.drug.actions import Witness
from openkap.care.treatment.models import DoseCheck, DoseEvent, DueItem, Entry, Lot, Session, Visit
from openkap.care.treatment.monitoring import session_actions
from openkap.care.treatment.planning.moving_actions import move_session, move_visit
from openkap.care.treatment.release import actions as release_actions
from openkap.care.treatment.rows.acts import BEFORE, State
from openkap.care.treatment.session import closing_actions
from openkap.core.errors import InputError

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
# Minutes since the dose began, a chair each; before zero: released, and about to begin.
MORNING = (96, 27, -5)
STALE, RESTED = 4 * HOUR, 12 * HOUR
# So many hours are tried when the therapist is taken.
LATER = 6
READINGS = {0: 126, 10: 133, 20: 141, 30: 147, 40: 150, 55: 144, 70: 138, 85: 131, 100: 127, 120: 124}
GATES = {
    "escort_confirmed": "yes",
    "not_driving_today_acknowledged": "yes",
    "hours_since_food": "9",
    "minutes_since_clear_liquid": "150",
    "urine_drug_screen": "no unexpected positive",
    "hours_since_alcohol": "72",
    "hours_since_cannabis": "1000",
    "sbp_predose": "124",
    "dbp_predose": "78",
    "heart_rate_predose": "70",
    "respiratory_rate_predose": "14",
    "spo2_predose_room_air": "98",
    "cssrs_since_last_contact_intent_or_plan": "no",
    "new_symptoms_or_medicines_since_last_visit": "no",
    "urinary_symptoms_new": "no",
    "prescriber_on_site_and_emergency_kit_checked": "yes",
    "psychological_preparation_done": "yes",
    "usual_antihypertensive_taken": "yes",
}
LEAVING = {
    "spo2_room_air": "97",
    "aldrete_total": "10",
    "dissociation": "resolved_or_at_own_baseline",
    "respiratory_depression": "resolved_or_absent",
    "walks_unaided_no_significant_dizziness": "yes",
    "tolerates_oral_fluid_and_minimal_nausea": "yes",
    "escort_present": "yes",
    "no_new_suicidal_intent": "yes",
    "next_contact_booked": "yes",
    "driving_instruction_given": "yes",
    "uk_readiness_to_leave_checklist": "yes",
}


def renew_morning() -> int:
    """End what is left of an earlier morning and begin a new one; returns how many chairs are taken."""
    in_chair = Session.objects.filter(state__in=(*BEFORE, State.DOSING, State.RECOVERY))
    if in_chair.filter(starts_at__gt=now() - STALE).exists():
        return 0
    for session in in_chair.select_related("patient", "nurse"):
        _try(_end, session)
    candidates = _to_come()
    taken: set[int] = set()
    for minutes in MORNING:
        for session in candidates:
            if session.nurse_id not in taken and _try(_begin, session, minutes):
                taken.add(session.nurse_id)
                break
    return len(taken)


def _to_come() -> list[Session]:
    """The next session of whoever has rested since the last or had none yet, and gave no alarming answer."""
    last = Max("course__sessions__starts_at", filter=Q(course__sessions__state=State.LEFT))
    rows = (
        Session.objects.filter(state=State.PLANNED)
        .alias(last=last)
        .filter(Q(last=None) | Q(last__lt=now() - RESTED))
        .select_related("patient", "course", "nurse", "prescriber")
        .exclude(Exists(SafetySignal.objects.filter(patient=OuterRef("patient"), closed_at=None)))
        .order_by(F("last").asc(nulls_last=True), "starts_at", "pk")
    )
    found: dict[int, Session] = {}
    for session in rows:
        found.setdefault(session.course_id, session)
    return list(found.values())


def _try(act: Callable[..., None], *given: object) -> bool:
    """Whether the acts were taken: somebody may have done otherwise with this session."""
    try:
        with transaction.atomic():
            act(*given)
    except InputError:
        return False
    return True


def _begin(session: Session, minutes: int) -> None:
    begun = now() - minutes * MINUTE
    planner = actor_for(Staff.objects.get(email="cora@example.org"))
    _prepare(session, planner, begun)
    with clock_at(begun - 3 * HOUR):
        move_session(
            by=planner,
            patient=session.patient.uid,
            uid=session.uid,
            starts_at=begun - 30 * MINUTE,
            version=session.version,
            reason="A place came free.",
        )
    nurse, prescriber = actor_for(session.nurse), actor_for(session.prescriber)
    patient, uid = session.patient.uid, session.uid
    with clock_at(begun - 30 * MINUTE):
        session_actions.arrive(by=nurse, patient=patient, uid=uid)
        session_actions.enter(by=nurse, kind="gate", values=GATES, patient=patient, uid=uid)
    with clock_at(begun - 20 * MINUTE):
        order = dose_actions.prescribe(
            by=prescriber,
            step="",
            basis="actual body weight",
            person=session.prescriber,
            patient=patient,
            uid=uid,
        )
    with clock_at(begun - 12 * MINUTE):
        dose_actions.check_dose(
            by=nurse,
            lot=Lot.objects.latest("pk").uid,
            drawn_mg=order.dose_mg,
            witness=Witness(prescriber, session.prescriber),
            patient=patient,
            uid=uid,
        )
    with clock_at(begun - 6 * MINUTE):
        release_actions.clear(by=nurse, patient=patient, uid=uid)
    if minutes >= 0:
        with clock_at(begun):
            delivery_actions.dose_event(by=nurse, kind="start", patient=patient, uid=uid)
        _go_on(session, nurse, begun, 0, minutes)


def _prepare(session: Session, planner: Actor, begun: datetime) -> None:
    """Tests and preparation visits come before the first dose."""
    with clock_at(begun - timedelta(days=1)):
        due = DueItem.objects.filter(course=session.course_id, done_at=None, due_at__lt=session.starts_at)
        if uids := list(due.values_list("uid", flat=True)):
            tick(
                by=planner,
                patient=session.patient.uid,
                course=session.course.uid,
                items=uids,
                done_on=None,
                note="in the record (synthetic)",
            )
    late = Visit.objects.filter(
        course=session.course_id, kind=Visit.Kind.PREPARATION, state=Visit.State.PLANNED, starts_at__gte=begun
    )
    for days, visit in enumerate(late.order_by("-starts_at"), start=2):
        with clock_at(begun - timedelta(days=10)):
            free = any(
                _try(_see_earlier, planner, visit, begun - timedelta(days=days) + hours * HOUR)
                for hours in range(LATER)
            )
        if not free:
            raise InputError("no hour is free to prepare", remedy="take the next session")


def _see_earlier(planner: Actor, visit: Visit, starts_at: datetime) -> None:
    move_visit(
        by=planner, patient=visit.patient.uid, uid=visit.uid, starts_at=starts_at, version=visit.version
    )


def _go_on(session: Session, by: Actor, begun: datetime, after: int, until: int) -> None:
    """Readings at the protocol's minutes, and the end of the dose."""
    patient, uid = session.patient.uid, session.uid
    for minute, what in sorted(chain(((each, "vitals") for each in READINGS), [(40, "stop")])):
        if not after <= minute <= until:
            continue
        with clock_at(begun + minute * MINUTE):
            if what == "stop":
                drawn = DoseCheck.objects.filter(session=session).latest("pk").drawn_ug
                delivery_actions.dose_event(
                    by=by, kind="stop", given_mg=Decimal(drawn) / 1000, patient=patient, uid=uid
                )
            else:
                session_actions.enter(by=by, kind="vitals", values=_reading(minute), patient=patient, uid=uid)


def _reading(minute: int) -> dict[str, str]:
    sbp = READINGS[minute]
    return {
        "sbp": str(sbp),
        "dbp": str(sbp - 50),
        "heart_rate": str(66 + (sbp - 120) // 2),
        "spo2": "97",
        "respiratory_rate": "15",
        "moaas": "4" if 10 <= minute <= 40 else "5",
    }


def _end(session: Session) -> None:
    nurse = actor_for(session.nurse)
    patient, uid = session.patient.uid, session.uid
    if session.state in BEFORE:
        session_actions.give_up(
            by=nurse, reason="The patient could not wait any longer.", patient=patient, uid=uid
        )
        return
    begun = DoseEvent.objects.filter(session=session, kind="start").latest("pk").observed_at
    last = int((Entry.objects.filter(session=session).latest("observed_at").observed_at - begun) / MINUTE)
    _go_on(session, nurse, begun, last + 1, 120)
    with clock_at(begun + 130 * MINUTE):
        session_actions.enter(by=nurse, kind="discharge", values=LEAVING, patient=patient, uid=uid)
        closing_actions.let_go(by=nurse, escort="Robin Example", patient=patient, uid=uid)
