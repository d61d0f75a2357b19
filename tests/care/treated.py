"""Patients under way: a planned course, a session up to each of its states."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from enrolled import proof, soon_enrolled
from rehearsed import rehearsed

from openkap.care.demo.cast import PASSWORD
from openkap.care.treatment.dose import actions as dose_actions
from openkap.care.treatment.dose import delivery_actions
from openkap.care.treatment.drug import actions as drug_actions
from openkap.care.treatment.monitoring import session_actions
from openkap.care.treatment.planning import actions as planning_actions
from openkap.care.treatment.planning.plan import TherapyChoice
from openkap.care.treatment.release import actions as release_actions
from openkap.care.treatment.rows.stamps import Stamp

# A Monday a week after the tests' own Monday, so that there is time to prepare.
FIRST = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)
GATES = {
    "escort_confirmed": "yes",
    "not_driving_today_acknowledged": "yes",
    "hours_since_food": "4",
    "minutes_since_clear_liquid": "120",
    "urine_drug_screen": "no unexpected positive",
    "hours_since_alcohol": "72",
    "hours_since_cannabis": "1000",
    "sbp_predose": "122",
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
VITALS = {"sbp": "130", "dbp": "82", "heart_rate": "78", "spo2": "97", "respiratory_rate": "15", "moaas": "5"}
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


def chair(cast, name: str = "Chair 1"):
    from openkap.care.treatment.models import Chair

    found = Chair.objects.filter(clinic=cast.troupe.clinic, name=name).first()
    return found or planning_actions.add_chair(by=cast.actor("cora"), name=name)


def wanted(cast, *, first=FIRST, seat: str = "Chair 1", **changes):
    fields = {
        "protocol": "iv-racemic",
        "pattern": "six-in-two-weeks",
        "first": first,
        "chair": chair(cast, seat).uid,
        "prescriber": cast.staff("ada").uid,
        "nurse": cast.staff("ben").uid,
        "therapist": cast.staff("tess").uid,
        "therapy": TherapyChoice("PE", 8, 90),
    }
    return planning_actions.Wanted(**(fields | changes))


@rehearsed
def planned(cast, patient, **changes):
    """An eligible patient with a course of six sessions."""
    soon_enrolled(cast, patient, protocol=changes.get("protocol", "iv-racemic"))
    return planning_actions.plan_course(
        by=cast.actor("cora"), uid=patient.uid, wanted=wanted(cast, **changes)
    )


def first_session(course):
    return course.sessions.get(number=1)


def enter(cast, session, kind, values, by="ben", **more):
    return session_actions.enter(
        by=cast.actor(by), patient=session.patient.uid, uid=session.uid, kind=kind, values=values, **more
    )


@rehearsed
def arrived(cast, session, watch, **gates):
    """It is the day; the patient is here and every gate is answered."""
    watch.moment = session.starts_at
    session_actions.arrive(by=cast.actor("ben"), patient=session.patient.uid, uid=session.uid)
    enter(cast, session, "gate", GATES | gates)
    session.refresh_from_db()
    return session


def stocked(cast, mg: str = "1000"):
    received = drug_actions.Received("ketamine-10", "LOT7", date(2028, 1, 31), Decimal(mg))
    return drug_actions.receive(by=cast.actor("ben"), received=received).lot


def witness(cast, key: str = "ada", by: str = "ben"):
    return drug_actions.second_person(by=cast.actor(by), uid=cast.staff(key).uid, password=PASSWORD)


def ordered(cast, session, **changes):
    fields = {"step": "start", "basis": "actual body weight", "person": proof(cast, "ada")}
    return dose_actions.prescribe(
        by=cast.actor("ada"), patient=session.patient.uid, uid=session.uid, **(fields | changes)
    )


def checked(cast, session, mg: str = "35", **more):
    return dose_actions.check_dose(
        by=cast.actor("ben"),
        patient=session.patient.uid,
        uid=session.uid,
        lot=stocked(cast).uid,
        drawn_mg=Decimal(mg),
        witness=witness(cast),
        **more,
    )


@rehearsed
def cleared(cast, session, watch, mg: str = "35", **gates):
    """Everything up to the release."""
    arrived(cast, session, watch, **gates)
    ordered(cast, session)
    checked(cast, session, mg)
    release_actions.clear(by=cast.actor("ben"), patient=session.patient.uid, uid=session.uid)
    session.refresh_from_db()
    return session


def dose(cast, session, kind, **more):
    return delivery_actions.dose_event(
        by=cast.actor("ben"), patient=session.patient.uid, uid=session.uid, kind=kind, **more
    )


def started_by_raw_row(session):
    """A start that passes by the acts, as a script would write it."""
    from django.db import transaction

    from openkap.care.moment import now
    from openkap.care.treatment.models import DoseEvent

    with transaction.atomic():
        DoseEvent.objects.create(
            session=session,
            patient=session.patient,
            kind="start",
            client_id="raw",
            observed_at=now(),
            entered_at=now(),
            entered_by=session.nurse,
        )


@rehearsed
def dosing(cast, session, watch, mg: str = "35"):
    """The dose is running."""
    cleared(cast, session, watch, mg)
    dose(cast, session, "start")
    session.refresh_from_db()
    return session


@rehearsed
def recovering(cast, session, watch, mg: str = "35", given: str = "35"):
    """The dose is over; two hours of readings have been taken."""
    dosing(cast, session, watch, mg)
    begun = watch.moment
    for minute in (0, 10, 20, 30, 40):
        watch.moment = begun + timedelta(minutes=minute)
        enter(cast, session, "vitals", VITALS, stamp=Stamp(client_id=f"reading-{minute}"))
    dose(cast, session, "stop", given_mg=Decimal(given))
    for minute in (55, 70, 85, 100, 120):
        watch.moment = begun + timedelta(minutes=minute)
        enter(cast, session, "vitals", VITALS, stamp=Stamp(client_id=f"reading-{minute}"))
    session.refresh_from_db()
    return session


@rehearsed
def gone(cast, session, watch, **more):
    """The patient has left."""
    from openkap.care.treatment.session import closing_actions

    recovering(cast, session, watch, **more)
    enter(cast, session, "discharge", LEAVING)
    closing_actions.let_go(
        by=cast.actor("ben"), patient=session.patient.uid, uid=session.uid, escort="Robin Example"
    )
    session.refresh_from_db()
    return session


def valid_until(cast, who: str, day: date) -> None:
    """All that somebody holds ends on that day."""
    from openkap.care.accounts.models import Credential
    from openkap.care.ids import new_uid
    from openkap.care.moment import now

    held = list(Credential.objects.filter(staff=cast.staff(who), revoked_at=None))
    Credential.objects.filter(pk__in=[each.pk for each in held]).update(
        revoked_at=now(), revoked_because="wrong date"
    )
    for each in held:
        each.pk, each.uid, each.expires_on = None, new_uid(), day
        each.save()


def colleague(cast, name: str, *roles):
    """Somebody new who holds what Ada, Ben and Tess hold together."""
    from openkap.care.accounts.hiring import give_role
    from openkap.care.accounts.models import Credential, Staff
    from openkap.care.ids import new_uid
    from openkap.care.moment import now

    person = Staff.objects.create_user(f"{name.lower()}@example.org", None, name=name, created_at=now())
    for role in roles:
        give_role(by=cast.actor("sia"), person=person, role=role)
    for held in Credential.objects.filter(staff__in=[cast.staff(key) for key in ("ada", "ben", "tess")]):
        held.pk, held.uid, held.staff = None, new_uid(), person
        held.save()
    return person


def rows_under_way(cast, patient, prescriber: str, coordinator: str) -> dict[str, str]:
    """The public ids of one row of each kind for a patient at any clinic, made the first time."""
    from openkap.care.moment import now
    from openkap.care.treatment import models

    person = cast.staff(prescriber)
    if not patient.courses.exists():
        soon_enrolled(cast, patient, prescriber=prescriber, coordinator=coordinator)
        seat = models.Chair.objects.create(clinic=patient.clinic, name=f"Chair of {patient.uid}")
        course = models.Course.objects.create(
            patient=patient,
            protocol="iv-racemic",
            protocol_version="1.0.0",
            protocol_fingerprint="0" * 64,
            pattern="six-in-two-weeks",
            modality="PE",
            therapist=person,
            prescriber=person,
            planned_by=person,
            planned_at=now(),
        )
        session = models.Session.objects.create(
            course=course,
            patient=patient,
            number=1,
            chair=seat,
            prescriber=person,
            nurse=person,
            starts_at=FIRST,
            ends_at=FIRST + timedelta(hours=3),
        )
        models.Visit.objects.create(
            course=course,
            patient=patient,
            kind="preparation",
            number=1,
            therapist=person,
            starts_at=FIRST - timedelta(days=3),
            minutes=60,
        )
        models.Alert.objects.create(
            session=session,
            rule="VIT-03",
            action="pause",
            snapshot='{"rule": "VIT-03", "title": "Severe hypertension", "value": "185 mm[Hg]", "minute": 3}',
            at=now(),
            raised_at=now(),
        )
    session = patient.sessions.first()
    return {
        "assessment": patient.assessments.first().uid,
        "consent": patient.consents.first().uid,
        "course": patient.courses.first().uid,
        "visit": patient.visits.first().uid,
        "session": session.uid,
        "alert": session.alerts.first().uid,
    }
