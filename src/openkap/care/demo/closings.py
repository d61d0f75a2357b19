"""Where journeys end in the demo: records closed for every reason, and one person in maintenance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils.timezone import localdate

from openkap.care.demo import enrolling
from openkap.care.demo.courses import Slot
from openkap.care.demo.people import Clinic
from openkap.care.enrolment.models import Decision
from openkap.care.moment import clock_at, now
from openkap.care.outcomes.models import MaintenanceProposal
from openkap.care.patients.closing import Why, close_record
from openkap.care.patients.holds import holds_of
from openkap.care.patients.models import Patient
from openkap.care.treatment.planning.actions import Wanted, plan_course
from openkap.care.treatment.planning.conditions import Maintenance
from openkap.care.treatment.planning.plan import TherapyChoice
from openkap.core.errors import InputError

DAY = timedelta(days=1)
# Who has waited so long in screening does not wait any more; whose treatment is so long ago is done.
WAITED, FOLLOWED = 60 * DAY, 400 * DAY
SAID = {
    "declined": "Decided for prolonged exposure without ketamine.",
    "moved": "Moved to the coast; has the summary of what was found.",
    "transferred": "Goes on at the clinic near the new home; records sent with consent.",
    "not_eligible": "Told in person, with what else helps; back to the referrer.",
    "finished": "The last follow-up was talked through.",
    "died": "The general practice called: heart attack at home, not related to treatment.",
}
# Reasons that screening ends for, in turn, and those that follow-up ends for before it is simply finished.
UNDECIDED = ("declined", "moved")
AFTER = ("died", "transferred")
PATTERN = "three-before-exposure"


def close_some(clinic: Clinic) -> None:
    """Close who is not treated any more, each on a day of the past."""
    for patient in _not_eligible():
        _close(clinic, patient, "not_eligible", patient.created_at + 20 * DAY)
    for number, patient in enumerate(_undecided()):
        _close(clinic, patient, UNDECIDED[number % len(UNDECIDED)], patient.created_at + 45 * DAY)
    done = [each for each in _followed() if not holds_of(each)]
    for number, patient in enumerate(done[: len(done) // 2]):
        reason = AFTER[number] if number < len(AFTER) else "finished"
        _close(clinic, patient, reason, now() - (len(done) - number) * DAY)


def maintain_one(clinic: Clinic, slots: list[Slot]) -> None:
    """The first person for whom maintenance was decided begins it, in the first hour that is free."""
    for row in MaintenanceProposal.objects.filter(decision="plan").select_related("patient").order_by("pk"):
        patient = row.patient
        if patient.status != Patient.Status.FOLLOW_UP or holds_of(patient):
            continue
        enrolling.consent(clinic, patient, scope="maintenance")
        for wanted in _wanted(clinic, slots):
            try:
                plan_course(by=clinic.by("ada"), uid=patient.uid, wanted=wanted)
            except InputError:
                continue
            return


def _wanted(clinic: Clinic, slots: list[Slot]) -> Iterator[Wanted]:
    for ahead in range(10, 120):
        for slot in slots:
            first = (now() + ahead * DAY).replace(hour=slot.hour, minute=0, second=0, microsecond=0)
            yield Wanted(
                protocol=enrolling.PROTOCOL,
                pattern=PATTERN,
                first=first,
                chair=slot.chair,
                prescriber=clinic.people["ada"].uid,
                nurse=clinic.people[slot.nurse].uid,
                therapist=clinic.people[slot.therapist].uid,
                therapy=TherapyChoice("PE", 2, 60),
                kind="maintenance",
                maintenance=Maintenance(
                    response="Responded, and lost it after a bereavement.",
                    plan="Three doses a week apart, each before exposure; then decide together.",
                    ends_on=localdate(first + 180 * DAY),
                ),
            )


def _not_eligible() -> list[Patient]:
    told = Decision.objects.filter(outcome=Decision.Outcome.NOT_ELIGIBLE, decided_at__lt=now() - 21 * DAY)
    waiting = Patient.objects.filter(status=Patient.Status.SCREENING, pk__in=told.values("patient"))
    return list(waiting.order_by("pk"))


def _undecided() -> list[Patient]:
    waiting = Patient.objects.filter(status=Patient.Status.SCREENING, created_at__lt=now() - WAITED)
    return list(waiting.order_by("pk"))


def _followed() -> list[Patient]:
    """Those treated longest ago, for whom nothing waits to be decided."""
    waiting = MaintenanceProposal.objects.filter(decided_at__isnull=True)
    treated = Patient.objects.filter(
        status=Patient.Status.FOLLOW_UP, is_restricted=False, created_at__lt=now() - FOLLOWED
    )
    return list(treated.exclude(pk__in=waiting.values("patient")).order_by("pk"))


def _close(clinic: Clinic, patient: Patient, reason: str, at: datetime) -> None:
    if holds_of(patient):
        return
    with clock_at(at):
        died_on = localdate(at - 3 * DAY) if reason == "died" else None
        why = Why(reason, died_on, SAID[reason])
        close_record(by=clinic.by("cora"), uid=patient.uid, why=why)
