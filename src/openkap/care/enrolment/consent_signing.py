"""The signatures under a consent, and its withdrawal: each function one act, whole or not at all, audited."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.timezone import localtime

from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.accounts.signing import fingerprint, sign
from openkap.care.audit.actions import record
from openkap.care.columns import refuse_long
from openkap.care.contributions import contributions
from openkap.care.enrolment.access import consent_for
from openkap.care.enrolment.assessment import canonical
from openkap.care.enrolment.consent_actions import hold, latest_parts, refuse_signed, what_is_missing
from openkap.care.enrolment.models import (
    Consent,
    ConsentGiven,
    PatientSignature,
    Withdrawal,
)
from openkap.care.enrolment.texts import parsed, releases_in_force
from openkap.care.moment import now
from openkap.care.patients.models import Patient
from openkap.care.patients.names import is_name_of
from openkap.care.patients.out_of_care import refuse_out_of_care
from openkap.care.patients.same_person import same_person
from openkap.care.permissions import Permission
from openkap.core.errors import InputError
from openkap.core.quantity import Quantity
from openkap.protocol.before_signing import before_signing
from openkap.protocol.consent_text import consent_rules

# A path of straight strokes in whole numbers: nothing else may stand in a drawing.
STROKES = re.compile(r"(M\d{1,3} \d{1,3}(L\d{1,3} \d{1,3})*)+")
LONGEST_DRAWING = 20_000
COUNTER_MEANING = (
    "I have gone through the text with the patient, checked capacity, and answered their questions."
)


def short_of_time(consent: Consent, signed_at: datetime) -> str:
    """Why the patient may not have had the time to decide; empty where they had it."""
    wanted, handed_over = before_signing().time_to_decide, consent.handed_over_at
    if handed_over is None:
        return f"nobody noted when the text was handed over; {wanted.within} before the signature is wanted"
    if signed_at - handed_over < wanted.span:
        hours = int((signed_at - handed_over).total_seconds() // 3600)
        return f"the text was handed over {hours} h before the signature; {wanted.within} is wanted"
    return ""


@dataclass(frozen=True, slots=True)
class Signed:
    """How the patient signed."""

    name: str
    strokes: str = ""
    read_aloud: bool = False
    interpreter: str = ""


@transaction.atomic
def sign_as_patient(*, by: Actor, uid: str, consent: str, signed: Signed) -> PatientSignature:
    """The patient signs on the tablet, drawn or typed, with a member of staff as witness."""
    patient, row = consent_for(by, uid, consent, Permission.TAKE_CONSENT)
    refuse_out_of_care(patient)
    refuse_signed(row)
    held = [said for module in contributions("consent_hold") if (said := module.hold(patient.pk))]
    if held:
        raise InputError("consent cannot be taken now", value="; ".join(held), remedy="ask another day")
    missing = what_is_missing(row)
    if missing:
        raise InputError(
            "this consent is not ready to be signed",
            value="; ".join(missing[:3]),
            remedy="complete these first",
        )
    if not signed.name.strip():
        raise InputError("the name is missing", remedy="type the full name", where="name")
    identity = patient.identity
    if not is_name_of(
        signed.name,
        family=identity.family_name,
        given=identity.given_name,
        preferred=identity.preferred_name,
    ):
        raise InputError(
            "this is not the name of the patient",
            value=signed.name.strip(),
            remedy=f"type {identity.given_name} {identity.family_name}, or let the clinic correct the record",
            where="name",
        )
    if identity.needs_interpreter and not signed.interpreter.strip():
        raise InputError(
            "this patient needs an interpreter and nobody is named",
            remedy="write who interpreted, or correct the identity",
            where="interpreter",
        )
    refuse_long(PatientSignature, name=signed.name, interpreter=signed.interpreter)
    strokes = signed.strokes.strip()
    if strokes and (len(strokes) > LONGEST_DRAWING or not STROKES.fullmatch(strokes)):
        raise InputError(
            "the drawing could not be read",
            remedy="clear it and sign again, or type the name",
            where="strokes",
        )
    signature = PatientSignature.objects.create(
        consent=row,
        how="drawn" if strokes else "typed",
        name=signed.name.strip(),
        strokes=strokes,
        meaning=parsed(row.text).agreement,
        fingerprint=fingerprint(signed_content(row, signed.name.strip(), strokes)),
        read_aloud=signed.read_aloud,
        interpreter=signed.interpreter.strip(),
        witnessed_by_id=by.staff_id,
        signed_at=now(),
    )
    detail = {"how": signature.how, "fingerprint": signature.fingerprint, "version": row.text.full_version}
    record("consent.signed", by=by, entity="consent", uid=consent, patient=uid, detail=detail)
    return signature


def signed_content(consent: Consent, name: str, strokes: str) -> str:
    """What a signature covers: the exact text, every part as recorded, capacity, name and drawing."""
    capacity = consent.capacity.order_by("-id").first()
    parts = [
        [part.element, part.shown_by, part.words, part.is_understood]
        for part in latest_parts(consent).values()
    ]
    abilities = capacity and [
        capacity.understands,
        capacity.retains,
        capacity.weighs,
        capacity.communicates,
        capacity.note,
        capacity.pressure,
    ]
    return canonical(
        [consent.uid, consent.scope, consent.text.fingerprint, sorted(parts), abilities, name, strokes]
    )


@transaction.atomic
def countersign(*, by: Actor, uid: str, consent: str, person: Staff, early_because: str = "") -> ConsentGiven:
    """The prescriber countersigns with their password: from now on the consent is in force.

    ``early_because`` says why the patient signed without the time to decide, where ``short_of_time``.
    """
    patient, row = consent_for(by, uid, consent, Permission.COUNTERSIGN_CONSENT)
    refuse_out_of_care(patient)
    signature = getattr(row, "patient_signature", None)
    if signature is None:
        raise InputError("the patient has not signed yet", remedy="let the patient sign first")
    hold(row)
    if ConsentGiven.objects.filter(consent=row).exists():
        raise InputError("this consent is countersigned already", remedy="open it to see the signatures")
    _refuse_countersignature(by, patient, signature)
    short = short_of_time(row, signature.signed_at)
    if short and not early_because.strip():
        raise InputError(
            short,
            remedy="write why it was signed all the same, or let the patient sign again later",
            where="early_because",
        )
    in_force = releases_in_force(patient.clinic_id).get(row.text.language)
    if in_force is None or in_force.text_id != row.text_id:
        raise InputError(
            "a newer version of the text is in force",
            value=row.text.full_version,
            remedy="go through the new version with the patient",
        )
    content = signed_content(row, signature.name, signature.strokes)
    if fingerprint(content) != signature.fingerprint:
        raise AssertionError("what the patient signed is not what is stored")
    counter = sign(
        by=by, person=person, meaning=COUNTER_MEANING, entity="consent", uid=row.uid, content=content
    )
    given = ConsentGiven.objects.create(
        consent=row,
        patient=patient,
        text=row.text,
        scope=row.scope,
        patient_signature=signature,
        countersignature=counter,
        valid_from=now(),
        expires_at=_ends_at(signature),
        early_because=early_because.strip() if short else None,
    )
    record(
        "consent.given",
        by=by,
        entity="consent",
        uid=row.uid,
        patient=uid,
        reason=given.early_because or "",
        detail={"version": row.text.full_version, "expires_at": given.expires_at.isoformat()},
    )
    return given


def _refuse_countersignature(by: Actor, patient: Patient, signature: PatientSignature) -> None:
    if signature.witnessed_by_id == by.staff_id:
        raise InputError(
            "the witness of the patient's signature cannot countersign it",
            value=by.name,
            limit="two people",
            remedy="ask another prescriber",
        )
    since = Withdrawal.objects.filter(
        consent__patient__in=same_person(patient.pk), withdrawn_at__gte=signature.signed_at
    )
    if last := since.order_by("-withdrawn_at").first():
        raise InputError(
            "the patient withdrew after this signature",
            value=f"withdrawn {localtime(last.withdrawn_at):%-d %b %Y}",
            remedy="go through the text again if the patient wishes it",
        )
    if _ends_at(signature) <= now():
        period = consent_rules(parts_version(signature.consent)).expires_after
        raise InputError(
            "the patient signed too long ago",
            value=f"signed {(now() - signature.signed_at).days} days ago",
            limit=f"a consent lasts {period.words} from the patient's signature",
            remedy="go through the text with the patient again",
        )


def _ends_at(signature: PatientSignature) -> datetime:
    """A consent lasts from what the patient knew and said, not from when somebody countersigned."""
    period = consent_rules(parts_version(signature.consent)).expires_after
    return _months_after(signature.signed_at, period)


def parts_version(consent: Consent) -> str:
    """The version of the protocol's consent part that the text was written for."""
    found = re.search(r"^parts: (\S+)$", consent.text.body, re.MULTILINE)
    assert found is not None
    return found[1]


def _months_after(moment: datetime, period: Quantity) -> datetime:
    """The same day of the month, that many calendar months later (or its last day)."""
    months = moment.month - 1 + int(period.to("mo").value)
    year, month = moment.year + months // 12, months % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


@transaction.atomic
def withdraw(*, by: Actor, uid: str, consent: str, said: str, person: Staff) -> Withdrawal:
    """The patient withdraws what they signed, countersigned or not: from now on no dose can be started."""
    del person  # proved who is asking; nothing else is needed of it
    patient, row = consent_for(by, uid, consent, Permission.WITHDRAW_CONSENT)
    if not hasattr(row, "patient_signature"):
        raise InputError("the patient has not signed this", remedy="nothing has to be withdrawn")
    hold(row)
    if Withdrawal.objects.filter(consent=row).exists():
        raise InputError("this consent is withdrawn already", remedy="nothing has to be withdrawn")
    if not said.strip():
        raise InputError(
            "what the patient said is missing",
            remedy="write it down; no reason has to be given",
            where="said",
        )
    # Before the audit is written, as whoever is at the chair does: each would wait for the other.
    for module in contributions("consent_ended"):
        module.hold(patient.pk)
    withdrawal = Withdrawal.objects.create(
        consent=row, said=said.strip(), told_to_id=by.staff_id, withdrawn_at=now()
    )
    record(
        "consent.withdrawn",
        by=by,
        entity="consent",
        uid=row.uid,
        patient=patient.uid,
        reason=said.strip(),
        detail={"version": row.text.full_version},
    )
    for module in contributions("consent_ended"):
        module.withdrawn(by, patient.pk, withdrawal.withdrawn_at)
    return withdrawal
