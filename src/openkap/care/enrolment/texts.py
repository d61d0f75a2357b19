"""Consent texts in the database: the exact words people signed, and which version is in force."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction

from openkap.care.enrolment.models import ConsentText
from openkap.care.moment import now
from openkap.protocol.consent_text import ConsentText as Text
from openkap.protocol.consent_text import languages, newest_text, parse_consent_text


@transaction.atomic
def text_in_force(language: str) -> ConsentText:
    """The newest version of a language, kept from its first use on; older ones end at that moment."""
    text = newest_text(language)
    held = ConsentText.objects.filter(fingerprint=text.fingerprint).first()
    if held is not None and held.superseded_at is None:
        return held
    older = ConsentText.objects.filter(language=language, superseded_at__isnull=True)
    older.update(superseded_at=now())
    if held is not None:
        # An older version was put back: it is in force again.
        ConsentText.objects.filter(pk=held.pk).update(superseded_at=None)
        held.superseded_at = None
        return held
    return ConsentText.objects.create(
        fingerprint=text.fingerprint,
        version=text.version,
        language=language,
        title=text.title,
        body=text.body,
        first_used_at=now(),
    )


def bring_into_force() -> None:
    """Look at the shipped texts of every language: a newer version ends the one before."""
    for language in languages():
        text_in_force(language)


def parsed(row: ConsentText) -> Text:
    """The stored words as sections."""
    return parse_consent_text(row.body, Path(f"consent text {row.language} {row.version}"))
