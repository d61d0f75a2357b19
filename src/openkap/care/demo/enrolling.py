"""Screening and consent of invented people, through the same acts as everybody's.

The passwords of the demo are public, so the generator hands the signer in without asking for one; everything
else (verdict, shared decision, 27 elements, two signatures, audit) is what the pages do.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Any

from openkap.care.demo.people import Clinic
from openkap.care.enrolment import actions, consent_actions, consent_signing
from openkap.care.enrolment.assessment import assess_patient, fingerprint_of, shown
from openkap.care.enrolment.models import Consent, ConsentPart, Screening
from openkap.care.enrolment.texts import parsed
from openkap.care.moment import now
from openkap.care.patients.models import Patient
from openkap.protocol.assess import Verdict
from openkap.protocol.elements import dictionary
from openkap.protocol.facts import Fact, Facts

PROTOCOL = "iv-racemic"
ORIGIN = "intake interview (synthetic)"
# An unremarkable adult with confirmed PTSD; every other question is answered "no" or "never".
UNREMARKABLE: dict[str, str] = {
    "ptsd_dsm5_confirmed": "yes",
    "caps5_total_past_month": "41",
    "pcl5_total": "52",
    "criterion_a_event_recorded_lec5": "yes",
    "trauma_focused_psychotherapy_offered_or_ongoing": "yes",
    "failed_evidence_based_ptsd_medication_trials": "2",
    "psychotropic_dose_stable_days": "90 d",
    "reading_grade_level": "9",
    "support_person_named": "yes",
    "mental_health_professional_and_medical_professional_named": "yes",
    "sbp_resting": "122 mm[Hg]",
    "dbp_resting": "78 mm[Hg]",
    "qtcf": "420 ms",
    "ecg_findings": "none",
    "baseline_cadss": "4",
    "recreational_ketamine_or_pcp_past_year": "0",
    "lorazepam_equivalent_daily": "0 mg/d",
    "alt": "22 U/L",
    "ast": "24 U/L",
    "ggt": "30 U/L",
    "bilirubin_total": "9 umol/L",
    "albumin": "42 g/L",
    "alp": "70 U/L",
    "body_weight": "70 kg",
    "height": "170 cm",
}
SAID = ("I want to try it.", "I am afraid of it and I want to try it.", "If it lets me sleep, yes.")


def screen(clinic: Clinic, patient: Patient, *, leave_open: int = 0, **changes: str) -> Screening:
    """Open the screening and answer it; ``leave_open`` questions stay unanswered."""
    by, dice = clinic.by("cora"), clinic.dice
    screening = actions.open_screening(by=by, uid=patient.uid, protocol=PROTOCOL)
    weight = {"body_weight": f"{dice.randrange(55, 104)} kg", "height": f"{dice.randrange(156, 192)} cm"}
    given = UNREMARKABLE | weight | changes
    for names in _waves():
        facts = {name: given.get(name) or _plain(name) for name in names}
        if patient.sex == "male":
            facts.pop("pregnancy_test_positive", None)
        kept = {name: text for name, text in facts.items() if text is not None}
        if leave_open:
            kept = dict(list(kept.items())[: max(8, len(kept) - leave_open)])
        _take(by, patient, kept)
    if not leave_open:
        _rest(by, patient, screening, given)
    return screening


def _take(by: Any, patient: Patient, given: dict[str, str]) -> None:
    elements = dictionary()
    facts = {
        name: Fact(elements[name], elements[name].parse(text), now(), ORIGIN) for name, text in given.items()
    }
    actions.take_over_facts(by=by, uid=patient.uid, facts=Facts(now(), facts, patient.uid), origin=ORIGIN)


def _rest(by: Any, patient: Patient, screening: Screening, given: dict[str, str]) -> None:
    """Questions that only some people are asked."""
    for _ in range(3):
        missing = [each.fact for each in assess_patient(patient, screening).missing]
        wanted = {
            part: text
            for name in missing
            for part in (("body_weight", "height") if name == "bmi" else (name,))
            if (text := given.get(part) or _plain(part)) is not None
            and name != "has_capacity_and_signed_consent"
        }
        if not wanted:
            return
        _take(by, patient, wanted)


@lru_cache(maxsize=1)
def _waves() -> tuple[tuple[str, ...], ...]:
    """What everybody is asked."""
    from openkap.care.enrolment.protocols import asked_elements
    from openkap.protocol.read import load_protocol

    names = asked_elements(PROTOCOL, load_protocol(PROTOCOL).version)
    elements = dictionary()
    everybody = [name for name in names if name in UNREMARKABLE or elements[name].kind in {"yes_no", "event"}]
    left_to_the_record = {"has_capacity_and_signed_consent", "lacks_decision_capacity"}
    return (tuple(sorted((set(everybody) | {"body_weight", "height"}) - left_to_the_record)),)


def _plain(name: str) -> str | None:
    return {"yes_no": "no", "event": "never"}.get(dictionary()[name].kind)


def share(clinic: Clinic, patient: Patient, wish: str = "go_on") -> None:
    """What patient and clinician decided together after the guideline notice."""
    actions.record_shared_decision(
        by=clinic.by("cora"),
        uid=patient.uid,
        wish=wish,
        patient_said=clinic.dice.choice(SAID),
        alternatives=[],
    )


def decide(clinic: Clinic, patient: Patient, screening: Screening, *, reason: str = "") -> str:
    """Ada decides: as the verdict says, or against it with a reason."""
    assessment = assess_patient(patient, screening)
    outcome = str(actions.OUTCOME_OF[assessment.verdict])
    if reason and assessment.verdict in (Verdict.EXCLUDED, Verdict.DELAY, Verdict.INCOMPLETE):
        outcome = "eligible_with_review_signed"
    if assessment.verdict is Verdict.CLINICIAN_REVIEW and not reason:
        reason = "Reviewed with the patient; the benefit outweighs the risk, watched closely."
    told = shown(assessment)
    without = tuple(each["fact"] for each in actions.decided_without(told))
    chosen = actions.Chosen(outcome, reason, fingerprint_of(told), without)
    actions.decide(by=clinic.by("ada"), uid=patient.uid, chosen=chosen, person=clinic.people["ada"])
    return outcome


def consent(clinic: Clinic, patient: Patient, *, scope: str = "course", signed: bool = True) -> Consent:
    """Go through the text, capacity, the patient's signature, the countersignature."""
    by = clinic.by("cora")
    row = consent_actions.open_consent(
        by=by, uid=patient.uid, language="en", scope=scope, handed_over_at=now() - timedelta(days=3)
    )
    _go_through(clinic, row)
    able = consent_actions.Abilities(True, True, True, True)
    consent_actions.assess_capacity(by=by, uid=patient.uid, consent=row.uid, found=able)
    if not signed:
        return row
    name = f"{patient.identity.given_name} {patient.identity.family_name}"
    consent_signing.sign_as_patient(
        by=by, uid=patient.uid, consent=row.uid, signed=consent_signing.Signed(name)
    )
    consent_signing.countersign(
        by=clinic.by("ada"), uid=patient.uid, consent=row.uid, person=clinic.people["ada"]
    )
    return row


def _go_through(clinic: Clinic, row: Consent) -> None:
    """The elements as one sitting: the rows of ``go_through``, stored together; the audit says so once."""
    from openkap.care.audit.actions import record

    made = [
        ConsentPart(
            consent=row,
            element=section.element.id,
            shown_by=section.element.shown_by,
            words=""
            if section.element.shown_by == "read_and_tick"
            else (section.choices[0] if section.choices else "Said back in their own words."),
            is_understood=True,
            recorded_by=clinic.people["cora"],
            recorded_at=now(),
        )
        for section in parsed(row.text).sections
    ]
    ConsentPart.objects.bulk_create(made)
    record(
        "consent.gone_through",
        by=clinic.by("cora"),
        entity="consent",
        uid=row.uid,
        patient=row.patient.uid,
        detail={"elements": [part.element for part in made]},
    )


def withdraw(clinic: Clinic, patient: Patient, row: Consent) -> None:
    """The patient withdraws."""
    consent_signing.withdraw(
        by=clinic.by("tess"),
        uid=patient.uid,
        consent=row.uid,
        said="I have decided to stop. It was too much after the third time.",
        person=clinic.people["tess"],
    )
