"""Reads for the consent pages; plain values out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils.timezone import localtime

from openkap.care.enrolment.consent_actions import latest_parts, what_is_missing
from openkap.care.enrolment.consent_signing import parts_version
from openkap.care.enrolment.facts import doubted_at, in_force
from openkap.care.enrolment.models import Consent, ConsentGiven, Withdrawal
from openkap.care.enrolment.texts import shipped
from openkap.care.moment import now
from openkap.care.patients.models import Patient
from openkap.care.patients.same_person import same_person
from openkap.protocol.before_signing import before_signing
from openkap.protocol.consent_text import consent_rules, consent_words, read_stored


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the text with what was recorded."""

    id: str
    number: int
    title: str
    paragraphs: tuple[str, ...]
    prompt: str
    choices: tuple[str, ...]
    # What the clinic says in its own words.
    own: tuple[str, ...]
    shown_by: str
    words: str = ""
    is_understood: bool = False
    recorded_by: str = ""
    recorded_at: datetime | None = None

    @property
    def is_done(self) -> bool:
        return self.is_understood


def conversation(consent: Consent) -> dict[str, Any]:
    """Everything a consent page shows; of a signed one nothing that the content could change."""
    text, recorded = read_stored(consent.text.body), latest_parts(consent)
    signature = getattr(consent, "patient_signature", None)
    parts = []
    for number, section in enumerate(text.sections, 1):
        held = recorded.get(section.id)
        parts.append(
            Part(
                section.id,
                number,
                section.title,
                section.paragraphs,
                section.prompt,
                section.choices,
                section.own,
                section.shown_by,
                held.words if held else "",
                held.is_understood if held else False,
                held.recorded_by.name if held else "",
                held.recorded_at if held else None,
            )
        )
    given = getattr(consent, "given", None)
    return {
        "consent": consent,
        "release": consent.text.releases.filter(clinic=consent.patient.clinic_id)
        .order_by("-released_at")
        .first(),
        "text": text,
        "parts": parts,
        "done": sum(1 for each in parts if each.is_done),
        "capacity": consent.capacity.select_related("assessed_by").order_by("-id").first(),
        "signature": signature,
        "given": given,
        "withdrawal": getattr(consent, "withdrawal", None),
        "state": state_of(standing(consent)),
        # A signed text is shown as it was; only one that is gone through asks today's content.
        **({} if signature else _still_to_do(consent)),
    }


def _still_to_do(consent: Consent) -> dict[str, Any]:
    return {
        "words": consent_words(consent.text.language),
        "capacity_rules": consent_rules(parts_version(consent)).capacity,
        "missing": what_is_missing(consent),
    }


@dataclass(frozen=True, slots=True)
class State:
    """Where one consent stands, in words."""

    words: str
    tone: str


def with_standing(rows: QuerySet[Consent], moment: datetime) -> QuerySet[Any]:
    """Consents with what ``state_of`` says of them at that moment."""
    person = same_person(OuterRef(OuterRef("patient")))
    # Of any consent of the person: nothing signed before a withdrawal is in force after it.
    withdrawn = Withdrawal.objects.filter(
        consent__patient__in=person, withdrawn_at__gte=OuterRef("patient_signature__signed_at")
    )
    return rows.select_related("text", "patient_signature", "given").annotate(
        is_in_force=Exists(in_force(moment).filter(consent=OuterRef("pk"))),
        withdrawn_at=Subquery(withdrawn.order_by("withdrawn_at").values("withdrawn_at")[:1]),
        doubted_at=Subquery(doubted_at(person, moment)),
    )


def standing(consent: Consent) -> Any:
    """The one consent again, as ``with_standing`` reads it."""
    return with_standing(Consent.objects.filter(pk=consent.pk), now()).get()


def state_of(consent: Any) -> State:
    """Where a consent of ``with_standing`` stands."""
    given = getattr(consent, "given", None)
    if consent.withdrawn_at is not None:
        return State(f"withdrawn {localtime(consent.withdrawn_at):%-d %b %Y}", "alarm")
    if given is not None and given.expires_at <= now():
        return State(f"ended {localtime(given.expires_at):%-d %b %Y}", "watch")
    if consent.doubted_at is not None:
        return State(f"held: capacity in doubt since {localtime(consent.doubted_at):%-d %b %Y}", "alarm")
    if given is None:
        if hasattr(consent, "patient_signature"):
            return State("waits for the countersignature", "watch")
        return State("not signed yet", "unknown")
    if not consent.is_in_force:
        return State("a newer version must be signed", "watch")
    return State(f"in force until {localtime(given.expires_at):%-d %b %Y}", "good")


def history(patient: Patient) -> dict[str, Any]:
    """All consents of a patient, newest first, and whether one is in force."""
    texts = shipped(patient.clinic_id)
    asked = Consent.objects.filter(patient=patient).order_by("-opened_at", "-id")
    rows = list(with_standing(asked, now()))
    return {
        "consents": [(row, state_of(row)) for row in rows],
        "in_force": any(row.is_in_force for row in rows),
        "texts": texts,
        "offered": [each.text.language for each in texts if each.release],
        "time_to_decide": before_signing().time_to_decide.within,
    }


def awaits_decision(given: ConsentGiven) -> bool:
    """Whether the consent was the last thing before somebody decides on eligibility."""
    return given.patient.status == Patient.Status.SCREENING
