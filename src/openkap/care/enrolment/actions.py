"""What people do in screening: each function one act, whole or not at all, and audited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.timezone import localtime

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.accounts.signing import sign
from openkap.care.audit.actions import record
from openkap.care.conflict import Conflict
from openkap.care.enrolment.access import last_screening, screening_for
from openkap.care.enrolment.assessment import assess_patient, canonical, fingerprint_of, notice, shown
from openkap.care.enrolment.facts import FROM_REFERRAL, newest_answer
from openkap.care.enrolment.models import Answer, Assessment, Decision, Screening, SharedDecision
from openkap.care.enrolment.protocols import protocol_of
from openkap.care.enrolment.standing import last_wish
from openkap.care.moment import now, today
from openkap.care.patients.access import hold, patient_for
from openkap.care.patients.actions import set_status
from openkap.care.patients.models import Patient, Referral
from openkap.care.patients.out_of_care import refuse_out_of_care
from openkap.care.patients.referral_document import read_document
from openkap.care.patients.same_person import same_person
from openkap.care.permissions import Permission
from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.protocol.assess import Verdict
from openkap.protocol.elements import Element, Event, Value, dictionary
from openkap.protocol.facts import Facts, show_value
from openkap.protocol.read import load_protocol

# A value typed in another unit stands with the answer up to this many signs.
LONGEST_TYPED = 20
OUTCOME_OF = {
    Verdict.ELIGIBLE: Decision.Outcome.ELIGIBLE,
    Verdict.CLINICIAN_REVIEW: Decision.Outcome.REVIEWED,
    Verdict.DELAY: Decision.Outcome.WAIT,
    Verdict.INCOMPLETE: Decision.Outcome.WAIT,
    Verdict.EXCLUDED: Decision.Outcome.NOT_ELIGIBLE,
}
# A reason for treating without facts is a sentence: shorter than this none can be.
LEAST_REASON, LEAST_WORDS = 15, 3
TREATED = (Decision.Outcome.ELIGIBLE, Decision.Outcome.REVIEWED)


@transaction.atomic
def open_screening(*, by: Actor, uid: str, protocol: str) -> Screening:
    """Begin to screen a patient under a protocol; whoever comes second gets the screening that is open."""
    patient = hold(patient_for(by, uid, Permission.SCREEN, seen=""))
    refuse_out_of_care(patient)
    if (current := last_screening(patient)) is not None:
        return current
    chosen = load_protocol(protocol)
    screening = Screening.objects.create(
        patient=patient,
        protocol=chosen.id,
        protocol_version=chosen.version,
        opened_by_id=by.staff_id,
        opened_at=now(),
    )
    if patient.status == Patient.Status.REFERRED:
        set_status(by=by, patient=patient, status=Patient.Status.SCREENING)
    record(
        "screening.opened",
        by=by,
        entity="screening",
        uid=screening.uid,
        patient=uid,
        detail={"protocol": chosen.id, "version": chosen.version},
    )
    _take_over_referrals(by, patient)
    return screening


def _take_over_referrals(by: Actor, patient: Patient) -> None:
    """What referral bundles said becomes answers that name their origin; a person's answers stay."""
    for referral in (
        Referral.objects.filter(patient__in=same_person(patient.pk))
        .exclude(document="")
        .order_by("received_at")
    ):
        take_over_referral(by, patient, referral)


def take_over_referral(by: Actor, patient: Patient, referral: Referral) -> None:
    """Take over what one uploaded referral says of the person, under the record that it came into.

    Two records that turn out to be two people take their own facts along.
    """
    try:
        facts = read_document(referral.document).intake.facts
    except InputError:
        # The document stays readable in the record; screening asks for everything then.
        return
    origin = f"{FROM_REFERRAL} {localtime(referral.received_at):%Y-%m-%d}"
    take_over_facts(by=by, uid=patient.uid, facts=facts, origin=origin, under=referral.patient)


@transaction.atomic
def answer(
    *,
    by: Actor,
    uid: str,
    element: str,
    given: Any,
    confirmed: bool = False,
    observed_at: datetime | None = None,
    seen: str | None = None,
    origin: str = "",
) -> Answer:
    """Answer one question, or take an answer back (``given`` None).

    An impossible value is refused; an implausible one is kept, asked again, and counts once confirmed.
    ``seen`` is the answer that was on the screen: ``Conflict`` when another has come meanwhile.
    """
    patient = patient_for(by, uid, Permission.SCREEN, seen="")
    refuse_out_of_care(patient)
    question = dictionary().find(element)
    # The lock keeps two answers to one question in order.
    Patient.objects.select_for_update().get(pk=patient.pk)
    before = newest_answer(patient, question.id)
    value = None if given is None else question.parse(given)
    stored = _as_stored(value)
    if seen is not None and (before.uid if before else "") != seen and (not before or before.value != stored):
        said = before.value if before and before.is_known else "not known"
        raise Conflict(theirs={element: said}, version=0, who=before.answered_by.name if before else "")
    observed = observed_at or now()
    _refuse_future(observed, value, question)
    row = Answer.objects.create(
        patient=patient,
        element=element,
        value=stored,
        is_known=given is not None,
        is_confirmed=confirmed,
        observed_at=observed,
        origin=origin or f"answer to {by.name}{_typed_otherwise(given, value)}",
        answered_by_id=by.staff_id,
        answered_at=now(),
        corrects=before if before and before.patient_id == patient.pk else None,
    )
    record(
        "screening.answered",
        by=by,
        entity="answer",
        uid=row.uid,
        patient=uid,
        detail={"element": element, "corrects": before.uid if before else ""},
    )
    return row


def _typed_otherwise(given: Any, value: Value | None) -> str:
    """What was typed, where it was in another unit than the one it is kept in: 150 lb."""
    if not isinstance(value, Quantity) or not isinstance(given, str):
        return ""
    typed = given.strip()
    # A number alone is in the unit of the question.
    is_same = typed[-1:].isdigit() or Quantity.parse(typed).unit == value.unit
    return "" if is_same or len(typed) > LONGEST_TYPED else f", typed as {typed}"


def _as_stored(value: Value | None) -> Any:
    if value is None:
        return ""
    if isinstance(value, frozenset):
        return sorted(value) or "none"
    if isinstance(value, Event):
        return value.on.isoformat() if value.on else ("yes" if value.ever else "never")
    return show_value(value)


def _refuse_future(observed: datetime, value: Value | None, question: Element) -> None:
    on = value.on if isinstance(value, Event) else None
    if observed > now() or (on is not None and on > today()):
        raise InputError(
            "this day is in the future",
            value=str(on or timezone.localdate(observed)),
            limit=f"not after {today().isoformat()}",
            remedy="correct the date",
            where=question.id,
        )


@transaction.atomic
def take_over_facts(*, by: Actor, uid: str, facts: Facts, origin: str, under: Patient | None = None) -> int:
    """Take facts of a referral document over as answers; what a person has answered stays.

    ``under`` is the record they are kept in, where it is one that was merged into this one.
    """
    patient = patient_for(by, uid, Permission.SCREEN, seen="")
    refuse_out_of_care(patient)
    held = Answer.objects.filter(patient__in=same_person(patient.pk))
    known = set(held.values_list("element", flat=True))
    fresh = [fact for fact in facts if fact.element.id not in known]
    for fact in fresh:
        Answer.objects.create(
            patient=under or patient,
            element=fact.element.id,
            value=_as_stored(fact.value),
            is_confirmed=False,
            observed_at=fact.at or now(),
            origin=origin,
            answered_by_id=by.staff_id,
            answered_at=now(),
        )
    record(
        "screening.facts_taken_over",
        by=by,
        entity="patient",
        uid=uid,
        patient=uid,
        detail={"elements": sorted(fact.element.id for fact in fresh), "origin": origin},
    )
    return len(fresh)


@transaction.atomic
def record_shared_decision(
    *, by: Actor, uid: str, wish: str, patient_said: str, alternatives: list[str]
) -> SharedDecision:
    """Record what patient and clinician decided together after the guideline notice was shown."""
    patient, screening = screening_for(by, uid, Permission.SCREEN)
    refuse_out_of_care(patient)
    if screening is None:
        raise InputError("screening has not been opened", remedy="open it first")
    if not patient_said.strip():
        raise InputError(
            "the patient's own words are missing", remedy="write what they said", where="patient_said"
        )
    if wish not in SharedDecision.Wish.values:
        raise InputError("what the patient wishes is missing", remedy="choose one", where="wish")
    protocol = protocol_of(screening.protocol, screening.protocol_version)
    row = SharedDecision.objects.create(
        patient=patient,
        screening=screening,
        notice=canonical(notice(protocol)),
        alternatives=alternatives,
        wish=wish,
        patient_said=patient_said.strip(),
        recorded_by_id=by.staff_id,
        recorded_at=now(),
    )
    record(
        "screening.shared_decision",
        by=by,
        entity="shared_decision",
        uid=row.uid,
        patient=uid,
        detail={"wish": wish, "alternatives": alternatives},
    )
    return row


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a prescriber chose on the decision page."""

    outcome: str
    reason: str
    # Fingerprint of the assessment that was on the screen.
    seen: str
    # The missing facts, by name, that the prescriber decides without.
    without: tuple[str, ...] = ()


@transaction.atomic
def decide(*, by: Actor, uid: str, chosen: Chosen, person: Staff) -> Decision:
    """Decide on a patient's eligibility; against the verdict only with a reason. Signed."""
    patient, screening = screening_for(by, uid, Permission.DECIDE_ELIGIBILITY)
    refuse_out_of_care(patient)
    if screening is None:
        raise InputError("screening has not been opened", remedy="open it first")
    Patient.objects.select_for_update().get(pk=patient.pk)
    assessment = assess_patient(patient, screening)
    told = shown(assessment)
    print_now = fingerprint_of(told)
    if print_now != chosen.seen:
        raise InputError(
            "an answer has changed since this page was opened",
            remedy="look at the verdict again; your reason is kept below",
            where="outcome",
        )
    outcome, is_override = _checked_outcome(chosen, assessment.verdict)
    without = decided_without(told) if is_override and outcome in TREATED else []
    _refuse_unnamed(chosen, without)
    shared = SharedDecision.objects.filter(screening=screening).order_by("-id").first()
    wish = shared and last_wish(patient)
    if outcome in TREATED and (wish is None or wish.wish != SharedDecision.Wish.GO_ON):
        raise InputError(
            "there is no shared decision to go on",
            remedy="show the guideline notice to the patient and record what was decided together",
            where="outcome",
        )
    stored = Assessment.objects.create(
        patient=patient,
        screening=screening,
        protocol=assessment.protocol.id,
        protocol_version=assessment.protocol.version,
        protocol_fingerprint=assessment.protocol.fingerprint,
        verdict=assessment.verdict.value,
        snapshot=canonical(told),
        fingerprint=print_now,
        assessed_at=now(),
        assessed_for_id=by.staff_id,
    )
    words = Decision.Outcome(outcome).label
    signature = sign(
        by=by,
        person=person,
        meaning=f"Decided: {words}" + (" (against the verdict)" if is_override else ""),
        entity="assessment",
        uid=stored.uid,
        content=canonical([stored.snapshot, outcome, chosen.reason.strip()]),
    )
    decision = Decision.objects.create(
        patient=patient,
        assessment=stored,
        shared_decision=shared,
        outcome=outcome,
        is_override=is_override,
        reason=chosen.reason.strip(),
        signature=signature,
        decided_by_id=by.staff_id,
        decided_at=now(),
    )
    _move_patient(by, patient, outcome)
    record(
        "screening.overridden" if is_override else "screening.decided",
        by=by,
        entity="decision",
        uid=decision.uid,
        patient=uid,
        reason=chosen.reason.strip(),
        detail={"verdict": assessment.verdict.value, "outcome": outcome, "assessment": stored.uid}
        | ({"without": [each["fact"] for each in without]} if without else {}),
    )
    return decision


def decided_without(told: dict[str, Any]) -> list[dict[str, Any]]:
    """What an incomplete verdict still needed; whoever treats all the same decides without these facts."""
    if told["verdict"] != Verdict.INCOMPLETE.value:
        return []
    return [each for each in told["missing"] if each["blocks"] != "note"]


def _refuse_unnamed(chosen: Chosen, without: list[dict[str, Any]]) -> None:
    """Nobody is treated without facts that nobody named, nor for a reason that says nothing."""
    if not without:
        return
    unnamed = [each["label"] for each in without if each["fact"] not in chosen.without]
    if unnamed:
        raise InputError(
            "facts are missing that you have not named",
            value="; ".join(unnamed),
            limit="each missing fact that you decide without is ticked",
            remedy=f"ask them, or tick each of them: {len(unnamed)} left, first {unnamed[0]}",
            where="without",
        )
    reason = chosen.reason.strip()
    if len(reason) < LEAST_REASON or len(reason.split()) < LEAST_WORDS:
        raise InputError(
            "the reason is too short to be understood later",
            value=reason,
            limit=f"at least {LEAST_WORDS} words and {LEAST_REASON} letters",
            remedy="write why the patient can be treated without these facts",
            where="reason",
        )


def _checked_outcome(chosen: Chosen, verdict: Verdict) -> tuple[str, bool]:
    if chosen.outcome not in Decision.Outcome.values:
        raise InputError("the decision is missing", remedy="choose one", where="outcome")
    outcome = chosen.outcome
    is_override = outcome != OUTCOME_OF[verdict]
    if verdict is Verdict.CLINICIAN_REVIEW and outcome == Decision.Outcome.ELIGIBLE:
        # The review is what the verdict asked for: eligible means eligible after it.
        outcome, is_override = Decision.Outcome.REVIEWED, False
    if verdict is Verdict.EXCLUDED and outcome in TREATED:
        # The protocol's exclusions are absolute for one patient: no dose is proposed under them either.
        raise InputError(
            "an exclusion is not overridden for one patient",
            value=f"verdict: {verdict.words}",
            limit="review and delay can be overridden with a reason",
            remedy="correct the answer where it is wrong; a rule marked so can be reclassified by the site, "
            "with two signatures",
            where="outcome",
        )
    if is_override and outcome == Decision.Outcome.ELIGIBLE:
        outcome = Decision.Outcome.REVIEWED
    if (is_override or outcome == Decision.Outcome.REVIEWED) and not chosen.reason.strip():
        raise InputError(
            "the reason is missing" if is_override else "the review needs your reason",
            value=f"verdict: {verdict.words}",
            remedy="write why you decide so; it is stored and counted",
            where="reason",
        )
    return outcome, is_override


def _move_patient(by: Actor, patient: Patient, outcome: str) -> None:
    before_course = {Patient.Status.REFERRED, Patient.Status.SCREENING, Patient.Status.ELIGIBLE}
    if patient.status in before_course:
        status = Patient.Status.ELIGIBLE if outcome in TREATED else Patient.Status.SCREENING
        set_status(by=by, patient=patient, status=status, because=f"decision: {outcome}")
