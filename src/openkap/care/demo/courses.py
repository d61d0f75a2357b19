"""Courses of invented people: planned through the planning act, past sessions by a short way that is written down.

A past session is one call here instead of some forty acts on the tablet: the rows are the same, stored whole in
one transaction under every constraint and trigger of the database (consent in force, dose checked by two, order
before dose), and one event of the audit says that the record was brought in by the generator.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from openkap.care.accounts.models import Signature
from openkap.care.accounts.signing import fingerprint
from openkap.care.audit.actions import record
from openkap.care.demo.people import Clinic
from openkap.care.enrolment.models import Answer
from openkap.care.ids import new_uid
from openkap.care.moment import clock_at
from openkap.care.patients.models import Patient
from openkap.care.treatment.closing_actions import Event, record_adverse_event
from openkap.care.treatment.drug_actions import Received, receive
from openkap.care.treatment.models import (
    Clearance,
    Course,
    Discharge,
    DoseCheck,
    DoseEvent,
    Entry,
    Lot,
    Prescription,
    Session,
    SessionSigned,
    Value,
    Visit,
)
from openkap.care.treatment.plan import TherapyChoice
from openkap.care.treatment.planning_actions import Wanted, add_chair, cancel_session, plan_course
from openkap.care.treatment.therapy_actions import Written, miss_visit, write_note

PATTERN = "six-in-two-weeks"
LASTS = timedelta(minutes=40)
# minutes after the start -> what ketamine usually does to pressure and pulse there (demo numbers only)
VITALS = ((0, 0, 0), (10, 9, 4), (20, 15, 7), (30, 18, 9), (40, 20, 9), (55, 12, 6), (85, 5, 2), (120, 1, 0))
EVENTS = ("nausea", "headache", "dizziness", "anxiety")


@dataclass(frozen=True, slots=True)
class Slot:
    """A chair with its hour and its people: one course at a time runs in it."""

    chair: str
    hour: int
    nurse: str
    therapist: str


def furnish(clinic: Clinic, moment: datetime) -> tuple[list[Slot], Lot]:
    """Three chairs, two courses a day in each, and vials in the cupboard."""
    by = clinic.by("cora")
    chairs = [add_chair(by=by, name=name) for name in ("Chair 1, window", "Chair 2", "Chair 3, quiet room")]
    people = (("ben", "tess"), ("nia", "theo"), ("omar", "yara"))
    slots = [
        Slot(chair.uid, hour, nurse, therapist)
        for hour in (8, 13)
        for chair, (nurse, therapist) in zip(chairs, people, strict=True)
    ]
    entry = receive(
        by=clinic.by("ben"),
        received=Received(_product(), "SYN-2025-07", (moment + timedelta(days=900)).date(), Decimal(60_000)),
    )
    return slots, entry.lot


def _product() -> str:
    from openkap.protocol.read import load_protocol

    return load_protocol("iv-racemic").dosing.products[0].id


def plan(clinic: Clinic, patient: Patient, slot: Slot, first: datetime, *, visits: int = 4) -> Course:
    """Plan a course in a slot: Ada orders it, Cora would do the same."""
    wanted = Wanted(
        protocol="iv-racemic",
        pattern=PATTERN,
        first=first,
        chair=slot.chair,
        prescriber=clinic.people["ada"].uid,
        nurse=clinic.people[slot.nurse].uid,
        therapist=clinic.people[slot.therapist].uid,
        therapy=TherapyChoice(clinic.dice.choice(["PE", "CPT"]), visits, 60),
    )
    return plan_course(by=clinic.by("ada"), uid=patient.uid, wanted=wanted)


def miss(clinic: Clinic, session: Session) -> None:
    """The patient did not come: given up the day before, with the reason."""
    with clock_at(session.starts_at - timedelta(hours=3)):
        cancel_session(
            by=clinic.by("cora"),
            patient=session.patient.uid,
            uid=session.uid,
            reason=clinic.dice.choice(["had a fever", "no escort home", "did not come, could not be reached"]),
        )


def bring_in(clinic: Clinic, session: Session, slot: Slot, lot: Lot) -> None:
    """The whole record of a past session, as if it had been written that day."""
    start = session.starts_at + timedelta(minutes=25)
    nurse, ada = clinic.people[slot.nurse], clinic.people["ada"]
    weight = Answer.objects.filter(patient=session.patient, element="body_weight").order_by("-id")[0]
    kilograms = Decimal(str(weight.value).split()[0])
    dose = (kilograms / 2).quantize(Decimal("0.1"))
    with clock_at(start):
        stamp = _stamps(nurse, start)
        told = f'{{"brought_in":"synthetic","dose_mg":"{dose}"}}'
        order = Prescription.objects.create(
            **_stamps(ada, start - timedelta(minutes=20))(session),
            patient=session.patient,
            proposal=told,
            fingerprint=fingerprint(told),
            step="",
            basis="actual body weight",
            dose_mg=dose,
            over_min=40,
            is_changed=False,
            signature=_signature(clinic, "ada", f"I order {dose} mg over 40 min", session, told),
        )
        DoseCheck.objects.create(
            **stamp(session, -10),
            prescription=order,
            lot=lot,
            draw=f"{dose} mg from {lot.name}",
            drawn_ug=int(dose * 1000),
            second=ada,
            signature=_signature(clinic, "ada", f"I checked {dose} mg, lot {lot.lot_number}", session, told),
        )
        Clearance.objects.create(**stamp(session, -5), snapshot="[]", fingerprint=fingerprint("[]"))
        DoseEvent.objects.create(**stamp(session), patient=session.patient, kind="start")
        DoseEvent.objects.create(
            **stamp(session, 40), patient=session.patient, kind="stop", given_ug=int(dose * 1000)
        )
        _vitals(clinic.dice, session, stamp)
        Discharge.objects.create(
            **stamp(session, 125),
            snapshot="{}",
            fingerprint=fingerprint("{}"),
            may_leave=True,
            escort="as named in the record",
        )
    with clock_at(start + timedelta(minutes=130)):
        _sign(clinic, session, slot, dose)


def _stamps(person: Any, start: datetime) -> Any:
    def stamp(session: Session, minutes: int = 0) -> dict[str, Any]:
        at = start + timedelta(minutes=minutes)
        return {
            "session": session,
            "client_id": new_uid(),
            "observed_at": at,
            "entered_at": at,
            "entered_by": person,
        }

    return stamp


def _signature(clinic: Clinic, key: str, meaning: str, session: Session, content: str) -> Signature:
    person = clinic.people[key]
    return Signature.objects.create(
        staff=person,
        name=person.name,
        roles=clinic.by(key).role_words,
        clinic=clinic.troupe.clinic,
        meaning=meaning,
        entity="session",
        entity_uid=session.uid,
        fingerprint=fingerprint(content),
        signed_at=session.starts_at,
    )


def _vitals(dice: Random, session: Session, stamp: Any) -> None:
    upper, lower, pulse = dice.randrange(112, 132), dice.randrange(68, 82), dice.randrange(60, 82)
    rows = []
    for minutes, rise, faster in VITALS:
        entry = Entry.objects.create(**stamp(session, minutes), kind=Entry.Kind.VITALS)
        readings = (
            ("sbp", upper + rise + dice.randrange(-3, 4), "mm[Hg]"),
            ("dbp", lower + rise // 2 + dice.randrange(-3, 4), "mm[Hg]"),
            ("heart_rate", pulse + faster + dice.randrange(-3, 4), "/min"),
            ("spo2", dice.randrange(96, 100), "%"),
        )
        rows += [
            Value(entry=entry, element=name, value=f"{number} {unit}", number=number, unit=unit)
            for name, number, unit in readings
        ]
    Value.objects.bulk_create(rows)


def _sign(clinic: Clinic, session: Session, slot: Slot, dose: Decimal) -> None:
    told = f'{{"brought_in":"synthetic","session":"{session.uid}","dose_mg":"{dose}"}}'
    row = SessionSigned.objects.create(
        session=session,
        record=told,
        fingerprint=fingerprint(told),
        signature=_signature(clinic, "ada", "This record of the session is complete and true.", session, told),
        signed_at=session.ends_at,
    )
    Session.objects.filter(pk=session.pk).update(state=Session.State.LEFT, locked_at=session.ends_at)
    record(
        "session.brought_in",
        by=clinic.by(slot.nurse),
        entity="session",
        uid=session.uid,
        patient=session.patient.uid,
        detail={"fingerprint": row.fingerprint, "dose_mg": str(dose)},
    )


def adverse_event(clinic: Clinic, session: Session, slot: Slot) -> None:
    """Something untoward, mild and over the same day."""
    from openkap.protocol.session_words import adverse_event_words

    words = adverse_event_words()
    terms = [term for group in words.groups for term in group.terms]
    usual = [term for term in terms if term in EVENTS] or terms[:3]
    onset = session.starts_at + timedelta(minutes=60)
    with clock_at(session.ends_at):
        record_adverse_event(
            by=clinic.by(slot.nurse),
            patient=session.patient.uid,
            uid=session.uid,
            event=Event(
                term=clinic.dice.choice(usual),
                onset_at=onset,
                ended_at=onset + timedelta(minutes=clinic.dice.randrange(20, 100)),
                grade=clinic.dice.choice([1, 1, 2]),
                relation=words.relations[0],
                action_taken=words.actions[0],
                outcome=words.outcomes[0],
                words="Told the nurse; resting helped.",
            ),
        )


def therapy(clinic: Clinic, course: Course, slot: Slot, until: datetime) -> None:
    """Notes on the visits so far; now and then one did not take place."""
    for visit in Visit.objects.filter(course=course, starts_at__lt=until, state="planned").order_by("starts_at"):
        with clock_at(visit.starts_at + timedelta(minutes=visit.minutes + 10)):
            if clinic.dice.random() < 0.06:
                miss_visit(
                    by=clinic.by(slot.therapist), patient=course.patient.uid, uid=visit.uid, reason="was ill"
                )
            else:
                write_note(
                    by=clinic.by(slot.therapist),
                    patient=course.patient.uid,
                    uid=visit.uid,
                    written=Written(text=_NOTES[visit.kind], minutes=visit.minutes, ticks={}),
                )


_NOTES = {
    "preparation": "Intention in the patient's words; grounding practised; escort and evening planned.",
    "dosing_day": "Present throughout; little said; asked for music twice.",
    "integration": "Images of the session told in order; link to the index trauma named by the patient.",
    "trauma_focused": "Next step of the therapy as planned; homework looked at together.",
}
