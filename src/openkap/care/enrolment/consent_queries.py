"""Reads for the consent pages; plain values out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from openkap.care.enrolment.consent_actions import latest_parts, parts_version, what_is_missing
from openkap.care.enrolment.facts import consent_in_force
from openkap.care.enrolment.models import Consent, ConsentGiven
from openkap.care.enrolment.texts import parsed, releases_in_force, shipped
from openkap.care.moment import now
from openkap.care.patients.models import Patient
from openkap.protocol.consent_text import consent_rules, consent_words


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the text with what was recorded."""

    id: str
    number: int
    title: str
    paragraphs: tuple[str, ...]
    prompt: str
    choices: tuple[str, ...]
    shown_by: str
    required: bool
    words: str = ""
    is_understood: bool = False
    recorded_by: str = ""
    recorded_at: datetime | None = None

    @property
    def is_done(self) -> bool:
        return self.is_understood


def conversation(consent: Consent) -> dict[str, Any]:
    """Everything a consent page shows."""
    text, recorded = parsed(consent.text), latest_parts(consent)
    parts = []
    for number, section in enumerate(text.sections, 1):
        held = recorded.get(section.element.id)
        parts.append(
            Part(
                section.element.id,
                number,
                section.title,
                section.paragraphs,
                section.prompt,
                section.choices,
                section.element.shown_by,
                section.element.required,
                held.words if held else "",
                held.is_understood if held else False,
                held.recorded_by.name if held else "",
                held.recorded_at if held else None,
            )
        )
    given = getattr(consent, "given", None)
    in_force = releases_in_force(consent.patient.clinic_id)
    return {
        "consent": consent,
        "release": consent.text.releases.filter(clinic=consent.patient.clinic_id)
        .order_by("-released_at")
        .first(),
        "text": text,
        "words": consent_words(text.language),
        "parts": parts,
        "done": sum(1 for each in parts if each.is_done),
        "capacity": consent.capacity.select_related("assessed_by").order_by("-id").first(),
        "capacity_rules": consent_rules(parts_version(consent)).capacity,
        "missing": what_is_missing(consent),
        "signature": getattr(consent, "patient_signature", None),
        "given": given,
        "withdrawal": getattr(given, "withdrawal", None),
        "state": state_of(consent, is_current=consent.text_id in {row.text_id for row in in_force.values()}),
    }


@dataclass(frozen=True, slots=True)
class State:
    """Where one consent stands, in words."""

    words: str
    tone: str


def state_of(consent: Consent, *, is_current: bool) -> State:
    """Where it stands now; ``is_current`` says that its text is the one the clinic has released."""
    given = getattr(consent, "given", None)
    if given is None:
        if hasattr(consent, "patient_signature"):
            return State("waits for the countersignature", "watch")
        return State("not signed yet", "unknown")
    if hasattr(given, "withdrawal"):
        return State(f"withdrawn {given.withdrawal.withdrawn_at:%-d %b %Y}", "alarm")
    if given.expires_at <= now():
        return State(f"ended {given.expires_at:%-d %b %Y}", "watch")
    if not is_current:
        return State("a newer version must be signed", "watch")
    return State(f"in force until {given.expires_at:%-d %b %Y}", "good")


def history(patient: Patient) -> dict[str, Any]:
    """All consents of a patient, newest first, and the one in force."""
    texts = shipped(patient.clinic_id)
    in_force = {each.release.text_id for each in texts if each.release}
    rows = (
        Consent.objects.filter(patient=patient)
        .select_related("text", "opened_by", "patient_signature", "given__withdrawal")
        .order_by("-opened_at", "-id")
    )
    listed = [(row, state_of(row, is_current=row.text_id in in_force)) for row in rows]
    return {
        "consents": listed,
        "in_force": consent_in_force(patient, now()),
        "texts": texts,
        "offered": [each.text.language for each in texts if each.release],
    }


def awaits_decision(given: ConsentGiven) -> bool:
    """Whether the consent was the last thing before somebody decides on eligibility."""
    return given.patient.status == Patient.Status.SCREENING
