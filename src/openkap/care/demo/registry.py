"""Asks the demo's invented people about the registry, how far they come and who pays."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from openkap.care.accounts.actor import Actor
from openkap.care.enrolment.models import Screening
from openkap.care.insights.actions import decide_registry_use, note_access
from openkap.care.moment import clock_at

AGREE, REFUSE = 0.86, 0.08
# Every so many-th of those who agreed takes it back after two months.
TAKES_BACK = 29
PAYERS = ("insurance", "insurance", "insurance", "public", "public", "self_pay", "unknown")
TWO_MONTHS = timedelta(days=60)


def ask_about_registry(by: Actor, dice: Random, *, until: datetime) -> int:
    """Ask everybody who was screened, on the day of their screening; how many agreed."""
    agreed = 0
    screenings = Screening.objects.filter(patient__clinic_id=by.clinic_id).select_related("patient")
    for screening in screenings.order_by("opened_at", "pk"):
        uid, draw = screening.patient.uid, dice.random()
        with clock_at(screening.opened_at):
            note_access(
                by=by, uid=uid, distance_km=round(dice.lognormvariate(3.0, 1.0)), coverage=dice.choice(PAYERS)
            )
            if draw < AGREE:
                decide_registry_use(by=by, uid=uid, choice="given")
                agreed += 1
            elif draw < AGREE + REFUSE:
                decide_registry_use(by=by, uid=uid, choice="refused")
        later = screening.opened_at + TWO_MONTHS
        if draw < AGREE and agreed % TAKES_BACK == 7 and later < until:
            with clock_at(later):
                decide_registry_use(by=by, uid=uid, choice="withdrawn", said="I would rather not after all.")
    return agreed
