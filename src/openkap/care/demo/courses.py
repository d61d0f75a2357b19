"""Courses of invented people: planned through the planning act, past sessions by a short way, told here.

The past sessions of a course are one call instead of some forty acts on the tablet for each: the rows are the
same, stored together under every constraint and trigger of the database (consent in force, dose checked by
two, nothing after the lock), and an event of the audit names each record with its fingerprint. So are notes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from django.db.models import F

from openkap.care.accounts.models import Signature, Staff
from openkap.care.accounts.signing import fingerprint
from openkap.care.audit.actions import record
from openkap.care.demo.people import Clinic
from openkap.care.enrolment.assessment import canonical
from openkap.care.enrolment.models import Answer
from openkap.care.ids import new_uid
from openkap.care.moment import clock_at
from openkap.care.patients.models import Contact, Patient
from openkap.care.treatment.course.due_actions import TICKED
from openkap.care.treatment.course.ending_actions import cancel_session
from openkap.care.treatment.drug.actions import Received, receive
from openkap.care.treatment.models import (
    Clearance,
    Course,
    Discharge,
    DoseCheck,
    DoseEvent,
    DueItem,
    Entry,
    Lot,
    Note,
    Prescription,
    Session,
    SessionSigned,
    Value,
    Visit,
)
from openkap.care.treatment.monitoring.adverse_actions import Event, record_adverse_event
from openkap.care.treatment.planning.actions import Wanted, add_chair, plan_course
from openkap.care.treatment.planning.plan import TherapyChoice
from openkap.care.treatment.session.record import records_of
from openkap.protocol.session_words import fidelity

PATTERN = "six-in-two-weeks"
LASTS = timedelta(minutes=40)
# minutes after the start -> what ketamine usually does to pressure and pulse there (demo numbers only)
VITALS = ((0, 0, 0), (20, 15, 7), (40, 20, 9), (70, 8, 4), (120, 1, 0))
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
            reason=clinic.dice.choice(
                ["had a fever", "no escort home", "did not come, could not be reached"]
            ),
        )


def bring_in(clinic: Clinic, sessions: list[Session], slot: Slot, lot: Lot) -> None:
    """The whole records of a course's past sessions, as if they had been written on their days."""
    if not sessions:
        return
    patient = sessions[0].patient
    weight = Answer.objects.filter(patient=patient, element="body_weight").order_by("-id")[0]
    dose = (Decimal(str(weight.value).split()[0]) / 2).quantize(Decimal("0.1"))
    past = [_Past(session, clinic.people[slot.nurse], clinic.people["ada"], dose) for session in sessions]
    ordered = _signed(clinic, past, f"I order {dose} mg over 40 min")
    checked = _signed(clinic, past, f"I checked {dose} mg, lot {lot.lot_number}")
    orders = Prescription.objects.bulk_create(
        Prescription(
            **each.stamp(-20, by=each.prescriber),
            patient=patient,
            proposal=each.told,
            fingerprint=fingerprint(each.told),
            step="",
            basis="actual body weight",
            dose_mg=dose,
            over_min=40,
            is_changed=False,
            signature=signature,
        )
        for each, signature in zip(past, ordered, strict=True)
    )
    DoseCheck.objects.bulk_create(
        DoseCheck(
            **each.stamp(-10),
            prescription=order,
            lot=lot,
            draw=f"{dose} mg from {lot.name}",
            drawn_ug=int(dose * 1000),
            second=each.prescriber,
            signature=signature,
        )
        for each, order, signature in zip(past, orders, checked, strict=True)
    )
    Clearance.objects.bulk_create(
        Clearance(**each.stamp(-5), snapshot="[]", fingerprint=fingerprint("[]")) for each in past
    )
    DoseEvent.objects.bulk_create(
        DoseEvent(**each.stamp(minutes), patient=patient, kind=kind, given_ug=given)
        for each in past
        for minutes, kind, given in ((0, "start", None), (40, "stop", int(dose * 1000)))
    )
    _vitals(clinic.dice, past)
    escort = Contact.objects.filter(patient=patient, kind=Contact.Kind.ESCORT).first()
    Discharge.objects.bulk_create(
        Discharge(
            **each.stamp(125),
            snapshot="{}",
            fingerprint=fingerprint("{}"),
            may_leave=True,
            escort=escort.name if escort else "a friend whom the record does not name",
        )
        for each in past
    )
    for each in past:
        each.session.state, each.session.locked_at = Session.State.LEFT, each.session.ends_at
    records = [canonical(told) for told in records_of([each.session for each in past])]
    closed = _signed(clinic, past, "This record of the session is complete and true.", records)
    SessionSigned.objects.bulk_create(
        SessionSigned(
            session=each.session,
            record=told,
            fingerprint=fingerprint(told),
            signature=signature,
            signed_at=each.session.ends_at,
        )
        for each, told, signature in zip(past, records, closed, strict=True)
    )
    Session.objects.bulk_update(sessions, ["state", "locked_at"])
    with clock_at(sessions[-1].ends_at):
        record(
            "session.brought_in",
            by=clinic.by(slot.nurse),
            entity="course",
            uid=sessions[0].course.uid,
            patient=patient.uid,
            detail={"records": {each.session.uid: fingerprint(each.told) for each in past}},
        )


@dataclass(frozen=True, slots=True)
class _Past:
    """A session of the past and whose hands were on it."""

    session: Session
    nurse: Staff
    prescriber: Staff
    dose: Decimal

    @property
    def told(self) -> str:
        return f'{{"brought_in":"synthetic","session":"{self.session.uid}","dose_mg":"{self.dose}"}}'

    def stamp(self, minutes: int, *, by: Staff | None = None) -> dict[str, Any]:
        at = self.session.starts_at + timedelta(minutes=25 + minutes)
        return {
            "session": self.session,
            "client_id": new_uid(),
            "observed_at": at,
            "entered_at": at,
            "entered_by": by or self.nurse,
        }


def _signed(
    clinic: Clinic, past: list[_Past], meaning: str, contents: list[str] | None = None
) -> list[Signature]:
    return Signature.objects.bulk_create(
        Signature(
            staff=each.prescriber,
            name=each.prescriber.name,
            roles=clinic.by("ada").role_words,
            clinic=clinic.troupe.clinic,
            meaning=meaning,
            entity="session",
            entity_uid=each.session.uid,
            fingerprint=fingerprint(content),
            signed_at=each.session.starts_at,
        )
        for each, content in zip(past, contents or [each.told for each in past], strict=True)
    )


def _vitals(dice: Random, past: list[_Past]) -> None:
    kind = Entry.Kind.VITALS
    entries = Entry.objects.bulk_create(
        Entry(**each.stamp(minutes), kind=kind) for each in past for minutes, _, _ in VITALS
    )
    befores = Entry.objects.bulk_create(Entry(**each.stamp(-20), kind=Entry.Kind.GATE) for each in past)
    rows, upper, lower, pulse = [], 0, 0, 0
    for number, entry in enumerate(entries):
        minutes, rise, faster = VITALS[number % len(VITALS)]
        if minutes == 0:
            upper, lower, pulse = dice.randrange(112, 132), dice.randrange(68, 82), dice.randrange(60, 82)
        readings = (
            ("sbp", upper + rise + dice.randrange(-3, 4), "mm[Hg]"),
            ("dbp", lower + rise // 2 + dice.randrange(-3, 4), "mm[Hg]"),
            ("heart_rate", pulse + faster + dice.randrange(-3, 4), "/min"),
            ("spo2", dice.randrange(96, 100), "%"),
        )
        rows += [
            Value(entry=entry, element=name, value=f"{value} {unit}", number=value, unit=unit)
            for name, value, unit in readings
        ]
        if minutes == 0:
            rows += _baseline(befores[number // len(VITALS)], upper, lower, pulse)
    Value.objects.bulk_create(rows)


def _baseline(entry: Entry, *values: int) -> list[Value]:
    """What was measured before the dose: later sessions learn from the rise over it."""
    return [
        Value(entry=entry, element=f"{name}_predose", value=f"{value} {unit}", number=value, unit=unit)
        for name, unit, value in zip(
            ("sbp", "dbp", "heart_rate"), ("mm[Hg]", "mm[Hg]", "/min"), values, strict=True
        )
    ]


def adverse_event(clinic: Clinic, session: Session, slot: Slot) -> None:
    """Something untoward, mild and over the same day."""
    from openkap.protocol.session_words import adverse_event_words

    words = adverse_event_words()
    terms = [term for group in words.groups for term in group.terms]
    usual = [term for term in terms if term in EVENTS] or terms[:3]
    onset = session.starts_at + timedelta(minutes=60)
    # Written down before the record was signed, as most are.
    with clock_at(session.ends_at - timedelta(minutes=1)):
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
    """Notes on the visits so far, stored together; some did not take place, the newest waits."""
    visits = [
        visit
        for visit in course.visits.order_by("starts_at")
        if visit.state == Visit.State.PLANNED and visit.starts_at < until - timedelta(hours=20)
    ]
    notes = []
    for visit in visits:
        if clinic.dice.random() < 0.06:
            visit.state, visit.state_because = Visit.State.MISSED, "was ill"
            continue
        visit.state = Visit.State.DONE
        checklist = fidelity().for_visit(visit.kind, course.modality)
        notes.append(
            Note(
                visit=visit,
                patient=course.patient,
                modality=course.modality,
                minutes=visit.minutes,
                text=_NOTES[visit.kind],
                fidelity=dict.fromkeys(checklist.items, "yes"),
                checklist=f"{checklist.title}, version {fidelity().version}",
                written_by=clinic.people[slot.therapist],
                written_at=visit.starts_at + timedelta(minutes=visit.minutes + 10),
            )
        )
    Visit.objects.bulk_update(visits, ["state", "state_because"])
    made = Note.objects.bulk_create(notes)
    if made:
        with clock_at(made[-1].written_at):
            record(
                "therapy.notes_brought_in",
                by=clinic.by(slot.therapist),
                entity="course",
                uid=course.uid,
                patient=course.patient.uid,
                detail={"notes": [note.uid for note in made]},
            )


_NOTES = {
    "preparation": "Intention in the patient's words; grounding practised; escort and evening planned.",
    "dosing_day": "Present throughout; little said; asked for music twice.",
    "integration": "Images of the session told in order; link to the index trauma named by the patient.",
    "trauma_focused": "Next step of the therapy as planned; homework looked at together.",
}


def tests(clinic: Clinic, course: Course, slot: Slot, until: datetime) -> None:
    """Tests and contacts were done on their days; now and then one of a running course was forgotten."""
    due = DueItem.objects.filter(course=course, kind__in=TICKED, due_at__lt=until)
    is_forgetful = clinic.dice.random() < 0.3
    is_running = course.sessions.filter(ends_at__gt=until - timedelta(days=1)).exists()
    forgotten = due.last() if is_forgetful and is_running else None
    due.exclude(pk=forgotten.pk if forgotten else 0).update(
        done_at=F("due_at"), done_by=clinic.people[slot.nurse], note="in the record (synthetic)"
    )
