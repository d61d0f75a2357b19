"""Fills the demo clinic: about 120 invented people over eighteen months, at every stage. Seeded.

Everything goes through the acts of the pages, so that rights, constraints and audit hold, with three short
ways, each told where it stands: the elements of a consent in one sitting (``enrolling``), the records of past
sessions (``courses``), past measures (``measuring``). The same seed on the same day gives the same clinic;
the audit is written patient by patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from django.conf import settings
from django.db import transaction

from openkap.care.accounts.models import Clinic as ClinicRow
from openkap.care.demo import courses, enrolling, measuring
from openkap.care.demo.cast import hire
from openkap.care.demo.closings import close_some, maintain_one
from openkap.care.demo.courses import Slot
from openkap.care.demo.moments import stage_moments
from openkap.care.demo.morning import renew_morning
from openkap.care.demo.people import Clinic, open_clinic, refer
from openkap.care.demo.registry import ask_about_registry
from openkap.care.demo.trajectories import Person, invent
from openkap.care.ids import seeded_ids
from openkap.care.moment import clock_at, now
from openkap.care.patients.models import Patient
from openkap.care.treatment.course.ending_actions import end_course
from openkap.care.treatment.models import Course, Lot

SEED = 20261123
SPAN = timedelta(days=540)
DAY = timedelta(days=1)
RECENT = timedelta(days=16)
OPENS_AT = 8
# When each step usually happens after the referral; the screening must be fresh when it is decided on.
SCREENED, CONSENTED, DECIDED, PLANNED = 6 * DAY, 9 * DAY, 11 * DAY, 13 * DAY
# Every so many-th person takes another way.
NOT_ELIGIBLE, OVERRIDDEN, UNDECIDED, WITHDRAWS = 9, 17, 14, 31
OVERRIDE = "ALT raised for years, fatty liver, stable. Seen with hepatology: go on, repeat in a month."


def fill_if_empty() -> int:
    """Fill the database unless it has a clinic, and seat a morning; returns how many patients were made."""
    if ClinicRow.objects.exists():
        renew_morning()
        return 0
    return fill(Random(SEED), patients=settings.DEMO_PATIENTS)  # noqa: S311 - a seed, not a secret


@dataclass
class Journeys:
    """The clinic with its chairs: who sits where from when on."""

    clinic: Clinic
    slots: list[Slot]
    lot: Lot
    free: dict[Slot, datetime]
    today: datetime

    def seat(self, earliest: datetime) -> tuple[Slot, datetime]:
        """The slot that is free first, and the first course day in it on today's weekday."""
        slot = min(self.slots, key=lambda each: self.free[each])
        day = max(earliest, self.free[slot] + DAY)
        weekday = self.today.weekday() if self.today.weekday() < 5 else 0
        day += DAY * ((weekday - day.weekday()) % 7)
        return slot, day.replace(hour=slot.hour, minute=0, second=0, microsecond=0)


@transaction.atomic
def fill(dice: Random, *, patients: int) -> int:
    """Make the cast and their patients over the last eighteen months."""
    today, begin = now(), now() - SPAN
    with seeded_ids(dice):
        with clock_at(begin - 60 * DAY):
            clinic = open_clinic(hire(now()), dice)
            slots, lot = courses.furnish(clinic, now())
        journeys = Journeys(clinic, slots, lot, dict.fromkeys(slots, begin), today)
        for number in range(patients):
            # Whatever the hour at which the demo is made, people are referred, screened and consented by day.
            day = _referred(begin, number, patients).replace(hour=OPENS_AT, minute=0, second=0, microsecond=0)
            _journey(journeys, number, day + timedelta(minutes=dice.randrange(420)))
        ask_about_registry(clinic.by("cora"), dice, until=today)
        stage_moments(clinic)
        maintain_one(clinic, slots)
        close_some(clinic)
        renew_morning()
    return patients


def _referred(begin: datetime, number: int, patients: int) -> datetime:
    """Most over the whole span; the last fifth within the last days, so that every early stage is peopled."""
    early = patients - patients // 5
    if number < early:
        return begin + (SPAN - RECENT) * number / early
    return begin + SPAN - RECENT + (RECENT - DAY) * (number - early) / max(patients - early, 1)


def _journey(journeys: Journeys, number: int, referred: datetime) -> None:
    clinic, today = journeys.clinic, journeys.today
    slot, first = journeys.seat(referred + 24 * DAY)
    with clock_at(referred):
        patient = refer(clinic, nurse=slot.nurse, therapist=slot.therapist)
    if referred + SCREENED > today:
        return
    with clock_at(referred + SCREENED):
        changes = _changes(number)
        is_open = number % UNDECIDED == 5 or referred + CONSENTED > today
        screening = enrolling.screen(
            clinic, patient, leave_open=clinic.dice.randrange(3, 12) if is_open else 0, **changes
        )
    if is_open:
        return
    with clock_at(referred + CONSENTED):
        enrolling.share(clinic, patient)
        consent = enrolling.consent(clinic, patient, signed=referred + DECIDED < today)
    if referred + DECIDED >= today:
        return
    with clock_at(referred + DECIDED):
        outcome = enrolling.decide(
            clinic, patient, screening, reason=OVERRIDE if number % OVERRIDDEN == 3 else ""
        )
    if not outcome.startswith("eligible") or referred + PLANNED > today:
        return
    with clock_at(referred + PLANNED):
        course = courses.plan(clinic, patient, slot, first)
    journeys.free[slot] = max(visit.starts_at for visit in course.visits.all())
    person = invent(clinic.dice)
    _live(journeys, patient, course, slot, person)
    if number % WITHDRAWS == 11 and course.sessions.filter(state="left").count() > 2:
        with clock_at(min(course.sessions.order_by("starts_at")[3].starts_at, today)):
            enrolling.withdraw(clinic, patient, consent)


def _changes(number: int) -> dict[str, str]:
    if number % NOT_ELIGIBLE == 4:
        pressure = {"sbp_resting": "168 mm[Hg]", "dbp_resting": "104 mm[Hg]"}
        return pressure if number % 2 else {"aneurysmal_vascular_disease": "yes"}
    return {"alt": "150 U/L"} if number % OVERRIDDEN == 3 else {}


def _live(journeys: Journeys, patient: Patient, course: Course, slot: Slot, person: Person) -> None:
    """The course until today: sessions, missed ones, adverse events, therapy, its end, and every measure."""
    clinic, today = journeys.clinic, journeys.today
    held = []
    for session in course.sessions.select_related("course", "patient").order_by("starts_at"):
        if session.ends_at > today:
            break
        if clinic.dice.random() < 0.05:
            courses.miss(clinic, session)
        else:
            held.append(session)
    courses.bring_in(clinic, held, slot, journeys.lot)
    for session in held:
        if clinic.dice.random() < 0.1:
            courses.adverse_event(clinic, session, slot)
    courses.therapy(clinic, course, slot, today)
    courses.tests(clinic, course, slot, today)
    last = max(session.ends_at for session in course.sessions.all())
    if last + DAY < today:
        with clock_at(last + DAY):
            course = end_course(
                by=clinic.by("ada"),
                patient=patient.uid,
                uid=course.uid,
                rule="complete",
                reason="The course is complete.",
            )
    measuring.measure(clinic, patient, course, person)
