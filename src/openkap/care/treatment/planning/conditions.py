"""What must stand in the record before a course is planned: the decision, the patient's wish, maintenance.

The gates of the day stand elsewhere; here is refused what should not even get dates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.utils.timezone import localtime

from openkap.care.enrolment.facts import consent_in_force
from openkap.care.enrolment.models import Consent, Decision, SharedDecision
from openkap.care.enrolment.queries import screening_outcome
from openkap.care.enrolment.standing import last_wish
from openkap.care.moment import now
from openkap.care.patients.models import Patient
from openkap.care.treatment.models import Course
from openkap.core.errors import InputError
from openkap.protocol.model import Protocol

TREATED = ("eligible", "eligible_with_review_signed")


@dataclass(frozen=True, slots=True)
class Maintenance:
    """What is written down before maintenance begins (MR-1); the therapy stands in the plan itself."""

    response: str
    plan: str
    ends_on: date | None


def missing_before_planning(
    patient: Patient, protocol: Protocol, kind: str, maintenance: Maintenance | None, last: date
) -> list[InputError]:
    """Everything that is missing, the weightiest first; ``last`` is the day of the last session."""
    found = [_decided(patient, protocol), _wished(patient)]
    if Course.objects.filter(patient=patient, ended_at__isnull=True).exists():
        found.append(InputError("a course is running already", remedy="end it before planning another"))
    if kind == Course.Kind.MAINTENANCE:
        found += [_consented(patient), *_written_down(maintenance, last)]
    return [each for each in found if each is not None]


def _decided(patient: Patient, protocol: Protocol) -> InputError | None:
    if screening_outcome(patient) not in TREATED:
        return InputError(
            "nobody has decided that this patient is eligible",
            remedy="decide on the screening first",
            where="pattern",
        )
    decided = decided_under(patient)
    if decided == protocol.id:
        return None
    return InputError(
        "the patient was found eligible under another protocol",
        value=f"planned under {protocol.id}",
        limit=f"decided under {decided}",
        remedy=f"choose a course of {decided}, or screen under {protocol.id}",
        where="pattern",
    )


def decided_under(patient: Patient) -> str:
    """The protocol of the newest decision on the record; empty while there is none."""
    newest = Decision.objects.filter(patient=patient).order_by("-decided_at", "-id")
    return newest.values_list("assessment__protocol", flat=True).first() or ""


def _wished(patient: Patient) -> InputError | None:
    last = last_wish(patient)
    if last is not None and last.wish == SharedDecision.Wish.GO_ON:
        return None
    said = f"{last.get_wish_display()}, {localtime(last.recorded_at):%d %b %Y}" if last else "none recorded"
    return InputError(
        "the patient's last shared decision is not to go on",
        value=said,
        limit=SharedDecision.Wish.GO_ON.label,
        remedy="talk with the patient and record the shared decision",
    )


def _consented(patient: Patient) -> InputError | None:
    given = consent_in_force(patient, now())
    if given is not None and given.scope == Consent.Scope.MAINTENANCE:
        return None
    return InputError(
        "no consent for maintenance is in force (MR-2)",
        value=f"the consent in force is for {given.get_scope_display()}" if given else "none in force",
        remedy="ask for consent to maintenance",
        where="kind",
    )


def _written_down(told: Maintenance | None, last: date) -> list[InputError]:
    asked = (
        ("response", "the response to the acute course", told.response.strip() if told else ""),
        ("plan", "the plan", told.plan.strip() if told else ""),
        ("ends_on", "the end date", told.ends_on if told else None),
    )
    missing = [
        InputError(f"maintenance needs {words} (MR-1)", remedy="write it down", where=name)
        for name, words, given in asked
        if not given
    ]
    if told and told.ends_on and told.ends_on < last:
        missing.append(
            InputError(
                "maintenance would end before its last session (MR-1)",
                value=f"{told.ends_on:%d %b %Y}",
                limit=f"{last:%d %b %Y} or later",
                remedy="choose a later end date, or an earlier first session",
                where="ends_on",
            )
        )
    return missing
