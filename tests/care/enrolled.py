"""People on their way: answers that make somebody eligible, and the steps up to a consent in force."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rehearsed import rehearsed

from openkap.care.accounts.signing import prove_identity
from openkap.care.demo.cast import PASSWORD
from openkap.care.enrolment import actions, consent_actions, consent_signing
from openkap.care.enrolment.assessment import assess_patient, fingerprint_of, shown
from openkap.care.enrolment.texts import parsed
from openkap.care.moment import now

# One unremarkable adult with confirmed PTSD; what is not here is "no" (yes_no) or "never" (event).
ANSWERS: dict[str, Any] = {
    "sex": "female",
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


def proof(cast, key: str):
    """The person behind ``key`` after their password."""
    return prove_identity(cast.actor(key), PASSWORD)


@rehearsed
def screen(cast, patient, by: str = "cora", **changes: Any) -> None:
    """Open the screening and answer everything it asks; ``changes`` win, ``None`` leaves one open."""
    actor = cast.actor(by)
    screening = actions.open_screening(by=actor, uid=patient.uid, protocol="iv-racemic")
    answers = ANSWERS | changes
    for _ in range(4):
        missing = assess_patient(patient, screening).missing
        asked = [each.fact for each in missing if answers.get(each.fact, "") is not None]
        asked = [name for name in asked if name != "has_capacity_and_signed_consent"]
        if not asked:
            return
        for name in asked:
            for part in ("body_weight", "height") if name == "bmi" else (name,):
                given = answers.get(part) or _plain(part)
                if given is not None:
                    actions.answer(by=actor, uid=patient.uid, element=part, given=given)


def _plain(name: str) -> str | None:
    from openkap.protocol.elements import dictionary

    return {"yes_no": "no", "event": "never"}.get(dictionary()[name].kind)


def share(cast, patient, wish: str = "go_on") -> None:
    actions.record_shared_decision(
        by=cast.actor("cora"), uid=patient.uid, wish=wish, patient_said="I want to try it.", alternatives=[]
    )


def seen(patient) -> str:
    """The fingerprint a decision page would show now."""
    screening = patient.screenings.order_by("-id")[0]
    return fingerprint_of(shown(assess_patient(patient, screening)))


def decide(cast, patient, outcome: str = "eligible", reason: str = "", without: tuple[str, ...] = ()):
    chosen = actions.Chosen(outcome, reason, seen(patient), without)
    return actions.decide(by=cast.actor("ada"), uid=patient.uid, chosen=chosen, person=proof(cast, "ada"))


DAYS_AGO = timedelta(days=2)


def open_consent(
    cast, patient, language: str = "en", scope: str = "course", handed_over: timedelta | None = DAYS_AGO
):
    """A conversation about a text that the patient got that long before; ``None``: nobody noted when."""
    return consent_actions.open_consent(
        by=cast.actor("cora"),
        uid=patient.uid,
        language=language,
        scope=scope,
        handed_over_at=now() - handed_over if handed_over else None,
    )


@rehearsed
def go_through_all(cast, patient, consent, *, leave: tuple[str, ...] = ()) -> None:
    for section in parsed(consent.text).sections:
        if section.element.id in leave:
            continue
        words = section.choices[0] if section.choices else "what they said"
        if section.element.shown_by == "read_and_tick":
            words = ""
        consent_actions.go_through(
            by=cast.actor("cora"),
            uid=patient.uid,
            consent=consent.uid,
            element=section.element.id,
            words=words,
            is_understood=True,
        )
    able = consent_actions.Abilities(True, True, True, True)
    consent_actions.assess_capacity(by=cast.actor("cora"), uid=patient.uid, consent=consent.uid, found=able)


@rehearsed
def signed(cast, patient, *, handed_over: timedelta | None = DAYS_AGO, **more: Any):
    """A consent that the patient has signed and nobody has countersigned."""
    consent = open_consent(cast, patient, handed_over=handed_over, **more)
    go_through_all(cast, patient, consent)
    consent_signing.sign_as_patient(
        by=cast.actor("cora"),
        uid=patient.uid,
        consent=consent.uid,
        signed=consent_signing.Signed(f"{patient.identity.given_name} {patient.identity.family_name}"),
    )
    return consent


def countersigned(cast, patient, consent, by="ada"):
    """The consent in force."""
    return consent_signing.countersign(
        by=cast.actor(by), uid=patient.uid, consent=consent.uid, person=proof(cast, by)
    )


@rehearsed
def consented(cast, patient, scope: str = "course"):
    """A consent in force, every step done."""
    return countersigned(cast, patient, signed(cast, patient, scope=scope))


def withdrawn(cast, patient, consent, by="ben"):
    """The patient has told ``by`` that they stop."""
    return consent_signing.withdraw(
        by=cast.actor(by), uid=patient.uid, consent=consent.uid, said="I stop.", person=proof(cast, by)
    )


def doubted(cast, patient):
    """A look at capacity, in a new conversation, that found an ability missing."""
    consent = open_consent(cast, patient)
    found = consent_actions.Abilities(True, True, False, True, note="Cannot weigh it today.")
    consent_actions.assess_capacity(by=cast.actor("cora"), uid=patient.uid, consent=consent.uid, found=found)
    return consent


@rehearsed
def soon_enrolled(
    cast,
    patient,
    *,
    prescriber: str = "ada",
    coordinator: str = "cora",
    protocol: str = "iv-racemic",
    against: str = "",
):
    """As ``enrolled``, rows put down directly: for tests of what comes afterwards.

    ``against`` is the reason for treating against the verdict.
    """
    from openkap.care.accounts.models import Signature
    from openkap.care.enrolment import models
    from openkap.care.enrolment.texts import text_in_force
    from openkap.care.patients.models import Patient

    ada, cora, at = cast.staff(prescriber), cast.staff(coordinator), now()

    def signature(entity: str) -> Signature:
        return Signature.objects.create(
            staff=ada,
            name=ada.name,
            roles="prescriber",
            clinic=patient.clinic,
            meaning="x",
            entity=entity,
            entity_uid="x",
            fingerprint="0" * 64,
            signed_at=at,
        )

    screening = models.Screening.objects.create(
        patient=patient, protocol=protocol, protocol_version="1.0.0", opened_by=cora, opened_at=at
    )
    told = {"answered_by": cora, "answered_at": at, "observed_at": at, "origin": "answer", "patient": patient}
    for element, value in (("body_weight", "70 kg"), ("height", "170 cm"), ("could_be_pregnant", "no")):
        models.Answer.objects.create(element=element, value=value, **told)
    assessment = models.Assessment.objects.create(
        patient=patient,
        screening=screening,
        protocol=protocol,
        protocol_version="1.0.0",
        protocol_fingerprint="0" * 64,
        verdict="eligible",
        snapshot="{}",
        fingerprint="0" * 64,
        assessed_at=at,
        assessed_for=ada,
    )
    shared = models.SharedDecision.objects.create(
        patient=patient,
        screening=screening,
        notice="[]",
        alternatives=[],
        wish="go_on",
        patient_said="Yes.",
        recorded_by=cora,
        recorded_at=at,
    )
    models.Decision.objects.create(
        patient=patient,
        assessment=assessment,
        shared_decision=shared,
        outcome="eligible",
        is_override=bool(against),
        reason=against,
        signature=signature("assessment"),
        decided_by=ada,
        decided_at=at,
    )
    text = text_in_force(patient.clinic_id, "en")
    consent = models.Consent.objects.create(
        patient=patient, text=text, protocol=protocol, opened_by=cora, opened_at=at
    )
    signed = models.PatientSignature.objects.create(
        consent=consent,
        how="typed",
        name="Alex Example",
        meaning="x",
        fingerprint="0" * 64,
        witnessed_by=cora,
        signed_at=at,
    )
    models.ConsentGiven.objects.create(
        consent=consent,
        patient=patient,
        text=text,
        scope="course",
        patient_signature=signed,
        countersignature=signature("consent"),
        valid_from=at,
        expires_at=at + timedelta(days=365),
    )
    Patient.objects.filter(pk=patient.pk).update(status="eligible")
    patient.refresh_from_db()


@rehearsed
def enrolled(cast, patient):
    """Screened, consented, decided eligible, each step by its act."""
    screen(cast, patient)
    share(cast, patient)
    given = consented(cast, patient)
    decide(cast, patient)
    patient.refresh_from_db()
    return given
