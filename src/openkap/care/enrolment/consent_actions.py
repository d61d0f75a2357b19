"""The conversation about consent, part by part, until nothing stands between it and a signature."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.timezone import localtime

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.enrolment.access import consent_for, screening_for
from openkap.care.enrolment.facts import doubted_at
from openkap.care.enrolment.models import (
    Capacity,
    Consent,
    ConsentPart,
    PatientSignature,
)
from openkap.care.enrolment.protocols import DEFAULT
from openkap.care.enrolment.texts import parsed, text_in_force
from openkap.care.moment import now
from openkap.care.patients.out_of_care import refuse_out_of_care
from openkap.care.patients.same_person import same_person
from openkap.care.permissions import Permission
from openkap.core.errors import InputError
from openkap.protocol.before_signing import before_signing
from openkap.protocol.consent_text import Section

# A bound of form, not of medicine: one word says that something was said, not what.
FEWEST_WORDS = 2


@transaction.atomic
def open_consent(
    *, by: Actor, uid: str, language: str, scope: str, handed_over_at: datetime | None = None
) -> Consent:
    """Open the consent text in force, to go through it with the patient."""
    patient, screening = screening_for(by, uid, Permission.TAKE_CONSENT)
    refuse_out_of_care(patient)
    if scope not in Consent.Scope.values:
        raise InputError("what the consent is for is missing", remedy="choose one", where="scope")
    if handed_over_at is not None and handed_over_at > now():
        raise InputError(
            "the text cannot have been handed over in the future",
            value=handed_over_at.isoformat(),
            remedy="correct the day",
            where="handed_over_at",
        )
    consent = Consent.objects.create(
        patient=patient,
        text=text_in_force(patient.clinic_id, language),
        scope=scope,
        protocol=screening.protocol if screening else DEFAULT,
        opened_by_id=by.staff_id,
        opened_at=now(),
        handed_over_at=handed_over_at,
    )
    record(
        "consent.opened",
        by=by,
        entity="consent",
        uid=consent.uid,
        patient=uid,
        detail={"version": consent.text.full_version, "language": language, "scope": scope},
    )
    return consent


@transaction.atomic
def go_through(
    *, by: Actor, uid: str, consent: str, element: str, words: str = "", is_understood: bool
) -> ConsentPart:
    """Record one element: ticked, explained back, chosen, or noted."""
    patient, row = consent_for(by, uid, consent, Permission.TAKE_CONSENT)
    refuse_out_of_care(patient)
    refuse_signed(row)
    section = parsed(row.text).section(element)
    shown_by = section.element.shown_by
    if shown_by != "read_and_tick" and not words.strip():
        raise InputError(
            "the words are missing" if shown_by != "signed" else "no choice was made",
            remedy="write what was said" if shown_by != "signed" else "let the patient choose one",
            where=element,
        )
    if shown_by == "teach_back" and len(words.split()) < FEWEST_WORDS:
        raise InputError(
            "this is too short to say what the patient understood",
            value=words.strip(),
            limit=f"{FEWEST_WORDS} words or more",
            remedy="write what the patient said, in their words",
            where=element,
        )
    if section.choices and words not in section.choices:
        raise InputError(
            "this is not one of the choices", value=words, limit=" | ".join(section.choices), where=element
        )
    part = ConsentPart.objects.create(
        consent=row,
        element=element,
        shown_by=shown_by,
        words=words.strip(),
        is_understood=is_understood,
        recorded_by_id=by.staff_id,
        recorded_at=now(),
    )
    detail = {"element": element, "understood": is_understood}
    record("consent.part_gone_through", by=by, entity="consent", uid=consent, patient=uid, detail=detail)
    return part


@dataclass(frozen=True, slots=True)
class Abilities:
    """The four abilities of somebody who decides."""

    understands: bool
    retains: bool
    weighs: bool
    communicates: bool
    note: str = ""
    pressure: str = ""


@transaction.atomic
def assess_capacity(*, by: Actor, uid: str, consent: str, found: Abilities) -> Capacity:
    """Record whether the patient can decide now."""
    patient, row = consent_for(by, uid, consent, Permission.TAKE_CONSENT)
    refuse_out_of_care(patient)
    refuse_signed(row)
    whole = found.understands and found.retains and found.weighs and found.communicates
    if not whole and not found.note.strip():
        raise InputError(
            "an ability is in doubt and nothing is written about it",
            remedy="write what you saw and what follows",
            where="note",
        )
    doubted = doubted_at(same_person(row.patient_id), now()).first()
    if whole and doubted and not (by.may(Permission.PRESCRIBE) and found.note.strip()):
        raise InputError(
            "somebody doubted that this person can decide",
            value=f"since {localtime(doubted):%-d %b %Y}",
            remedy="a prescriber looks again and writes what has changed",
            where="note",
        )
    capacity = Capacity.objects.create(
        consent=row,
        understands=found.understands,
        retains=found.retains,
        weighs=found.weighs,
        communicates=found.communicates,
        note=found.note.strip(),
        pressure=found.pressure.strip(),
        assessed_by_id=by.staff_id,
        assessed_at=now(),
    )
    detail = {"whole": whole, "pressure": bool(found.pressure.strip())}
    record("consent.capacity_assessed", by=by, entity="consent", uid=consent, patient=uid, detail=detail)
    return capacity


def latest_parts(consent: Consent) -> dict[str, ConsentPart]:
    """The newest record of each element."""
    parts: dict[str, ConsentPart] = {}
    for part in ConsentPart.objects.filter(consent=consent).select_related("recorded_by").order_by("id"):
        parts[part.element] = part
    return parts


def what_is_missing(consent: Consent) -> list[str]:
    """What still stands between this conversation and the patient's signature, in words."""
    parts, said = latest_parts(consent), []
    for section in parsed(consent.text).sections:
        part = parts.get(section.element.id)
        if section.element.required and part is None:
            said.append(f"{section.title}: not gone through yet")
        elif section.element.required and part is not None and not part.is_understood:
            said.append(f"{section.title}: not understood yet")
        elif part is not None and _is_left_open(section, part):
            said.append(f"{section.title}: the patient chose “{part.words}”")
    capacity = consent.capacity.order_by("-id").first()
    if capacity is None:
        said.append("Capacity: not assessed yet")
    elif not capacity.is_whole or doubted_at(same_person(consent.patient_id), now())[0]:
        said.append("Capacity: an ability is in doubt; consent cannot be taken now")
    if consent.patient.identity.needs_interpreter is None:
        said.append("Interpreter: nobody has asked whether one is needed (note it under Person)")
    return said


def _is_left_open(section: Section, part: ConsentPart) -> bool:
    left_open = before_signing().left_open.parts
    return section.element.id in left_open and part.words == section.choices[-1]


def refuse_signed(consent: Consent) -> None:
    """Nothing is added to a conversation that the patient has signed."""
    hold(consent)
    if PatientSignature.objects.filter(consent=consent).exists():
        raise InputError(
            "this consent is signed: it stays as it is", remedy="open a new one to change anything"
        )


def hold(consent: Consent) -> None:
    """Until the act ends nobody else acts on the conversation: a signature covers every part before it."""
    Consent.objects.select_for_update().get(pk=consent.pk)
