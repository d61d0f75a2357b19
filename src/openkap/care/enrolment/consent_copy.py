"""The signer's copy of a consent: the exact text, what was said, and both signatures, as PDF."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from openkap.care.enrolment.consent_queries import conversation
from openkap.care.enrolment.models import Consent
from openkap.care.paper import compiled, document, literal
from openkap.care.patients.models import Patient
from openkap.care.patients.queries import display_name

SHOWN = {
    "teach_back": "Explained in own words",
    "signed": "Chosen",
    "recorded_conversation_note": "Conversation",
    "read_and_tick": "Read",
}


def consent_pdf(patient: Patient, consent: Consent) -> bytes:
    """The copy; also of one that is not signed yet, which says so."""
    told = conversation(consent)
    who = f"{display_name(patient.identity)}, code {patient.code}"
    which = f"Version {consent.text.full_version}, language {consent.text.language}"
    lines = [
        document(is_synthetic=patient.clinic.is_synthetic),
        f"#set text(lang: {literal(consent.text.language)})",
    ]
    lines += [f"= #{literal(told['text'].title)}", f"#para({literal(who)})", f"#para({literal(which)})"]
    lines += [f"#para({literal(paragraph)})" for paragraph in told["text"].lead]
    for part in told["parts"]:
        lines.append(f"== #{literal(f'{part.number}. {part.title}')}")
        lines += [f"#para({literal(paragraph)})" for paragraph in (*part.paragraphs, *part.own)]
        if part.prompt:
            lines.append(f"#para(emph({literal(part.prompt)}))")
        said = part.words or ("✓" if part.is_understood else "not gone through")
        lines.append(f"#mark({literal(SHOWN[part.shown_by])}, {literal(said)})")
    lines += _signatures(told)
    return compiled("\n".join(lines))


def _signatures(told: dict[str, Any]) -> list[str]:
    signature, given = told["signature"], told["given"]
    if signature is None:
        return ["== Signatures", "#para([Not signed: this copy is for reading.])"]
    lines = ["== Signatures", f"#para({literal(signature.meaning)})"]
    if signature.how == "drawn":
        lines.append(f'#image(bytes({literal(signature_svg(signature.strokes))}), format: "svg", width: 6cm)')
    lines.append(
        f"#mark({literal(signature.name)}, {literal(_when(signature.signed_at) + ', ' + signature.how)})"
        f"#mark([Witness], {literal(signature.witnessed_by.name)})"
    )
    if given is not None:
        counter = given.countersignature
        lines.append(f"#para({literal(counter.meaning)})")
        lines.append(
            f"#mark({literal(f'{counter.name}, {counter.roles}')}, {literal(_when(counter.signed_at))})"
        )
        if given.early_because:
            lines.append(f"#mark([Signed before a day was over, because], {literal(given.early_because)})")
        lines.append(f"#mark([In force until], {literal(_when(given.expires_at))})")
    if told["withdrawal"] is not None:
        lines.append(f"#mark([Withdrawn], {literal(_when(told['withdrawal'].withdrawn_at))})")
    lines.append(f"#mark([Fingerprint], {literal(signature.fingerprint)})")
    return lines


def signature_svg(strokes: str) -> str:
    """The drawn signature as an image of its own."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 200">'
        f'<path d="{strokes}" fill="none" stroke="#000" stroke-width="3" stroke-linecap="round"/></svg>'
    )


def _when(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%-d %b %Y %H:%M %Z")
