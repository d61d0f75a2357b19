"""Consent texts in the database: the exact words people signed, and which of them a clinic has released.

What is shipped is offered at a clinic once its own reviewer has signed it (``release``). A newer version ends
the one before at that clinic, and only there, at the moment it is released.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.db import transaction
from django.db.models import F, Q

from openkap.care.accounts.access import require
from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Staff
from openkap.care.accounts.signing import sign
from openkap.care.audit.actions import record
from openkap.care.enrolment.models import ConsentRelease, ConsentText
from openkap.care.moment import now
from openkap.care.permissions import Permission
from openkap.core.errors import InputError
from openkap.protocol.consent_text import ConsentText as Text
from openkap.protocol.consent_text import languages, newest_text, parse_consent_text

MEANING = (
    "This text says what the original says, in words our patients understand. We offer it for signature."
)


def released(text: str, clinic: str) -> Q:
    """That the text at the path ``text`` is in force at the clinic at the path ``clinic``."""
    return Q(**{f"{text}__releases__clinic": F(clinic), f"{text}__releases__superseded_at__isnull": True})


def releases_in_force(clinic_id: int) -> dict[str, ConsentRelease]:
    """What may be offered at a clinic: language -> release."""
    here = ConsentRelease.objects.filter(clinic_id=clinic_id, superseded_at__isnull=True)
    return {row.language: row for row in here.select_related("text", "signature").order_by("language")}


def text_in_force(clinic_id: int, language: str) -> ConsentText:
    """The text of a language that the clinic has released; ``InputError`` when there is none."""
    found = releases_in_force(clinic_id)
    if language not in found:
        raise InputError(
            "this clinic has not released a consent text in this language",
            value=language,
            limit=", ".join(found) or "none yet",
            remedy="use one of these with an interpreter, or have the text reviewed and signed",
            where="language",
        )
    return found[language].text


@dataclass(frozen=True, slots=True)
class Shipped:
    """The newest text of a language and what the clinic has made of it."""

    text: Text
    release: ConsentRelease | None

    @property
    def is_released(self) -> bool:
        return self.release is not None and self.release.text_id == self.text.fingerprint

    @property
    def state(self) -> tuple[str, str]:
        """Words and tone."""
        if self.is_released:
            return "released here", "good"
        if self.release is not None:
            return f"version {self.release.text.version} is in force; this one waits", "watch"
        return "draft: not reviewed here, cannot be signed", "unknown"


def shipped(clinic_id: int) -> list[Shipped]:
    """The newest text of every language."""
    held = releases_in_force(clinic_id)
    return [Shipped(newest_text(language), held.get(language)) for language in languages()]


@transaction.atomic
def release(*, by: Actor, language: str, seen: str, reviewed_by: str, person: Staff) -> ConsentRelease:
    """The clinic's reviewer signs the newest text of a language: from now on it is offered here."""
    require(by, Permission.RELEASE_CONSENT_TEXT)
    text = newest_text(language)
    if seen != text.fingerprint:
        raise InputError("the text has changed since this page was opened", remedy="read it again")
    if not reviewed_by.strip():
        raise InputError(
            "nobody is named who reviewed the text",
            remedy="write who compared it with the original, and how",
            where="reviewed_by",
        )
    here = ConsentRelease.objects.filter(clinic_id=by.clinic_id, superseded_at__isnull=True)
    if here.filter(text_id=text.fingerprint).exists():
        raise InputError("this text is released here already", remedy="nothing has to be signed")
    row, _ = ConsentText.objects.get_or_create(
        fingerprint=text.fingerprint,
        defaults={
            "version": text.version,
            "language": language,
            "title": text.title,
            "body": text.body,
            "first_used_at": now(),
        },
    )
    here.filter(language=language).update(superseded_at=now())
    signature = sign(
        by=by,
        person=person,
        meaning=MEANING,
        entity="consent_text",
        uid=text.fingerprint[:12],
        content=text.body,
    )
    made = ConsentRelease.objects.create(
        clinic_id=by.clinic_id,
        text=row,
        language=language,
        reviewed_by=reviewed_by.strip(),
        signature=signature,
        released_at=now(),
    )
    detail = {"language": language, "version": text.version, "fingerprint": text.fingerprint}
    record("consent_text.released", by=by, entity="consent_text", uid=made.uid, detail=detail)
    return made


def parsed(row: ConsentText) -> Text:
    """The stored words as sections."""
    return parse_consent_text(row.body, Path(f"consent text {row.language} {row.version}"))
