"""Consent texts in the database: the exact words people signed, and which of them a clinic has released.

What is shipped is offered at a clinic once its own reviewer has signed it (``release``). A newer version ends
the one before at that clinic, and only there, at the moment it is released; a newer original ends the
translations of the older one with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction
from django.db.models import F, Q

from openkap.care.accounts.access import require
from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Clinic, Staff
from openkap.care.accounts.signing import sign
from openkap.care.audit.actions import record
from openkap.care.columns import refuse_long
from openkap.care.enrolment.models import ConsentRelease, ConsentText
from openkap.care.moment import now
from openkap.care.permissions import Permission
from openkap.core.errors import InputError
from openkap.protocol.consent_text import ConsentText as Text
from openkap.protocol.consent_text import languages, newest_text, parse_consent_text

Version = tuple[int, ...]
VERSION = re.compile(r"^version: (\S+)$", re.MULTILINE)
ORIGINAL = re.compile(r"^translation_of: \S+ (\S+)$", re.MULTILINE)
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
    # The newest original that is in force at the clinic, in whatever language.
    original: Version = ()

    @property
    def is_outdated(self) -> bool:
        """Whether it translates an older version than the one people sign here."""
        return _original(self.text.body) < self.original

    @property
    def is_released(self) -> bool:
        return self.release is not None and self.release.text_id == self.text.fingerprint

    @property
    def state(self) -> tuple[str, str]:
        """Words and tone."""
        if self.is_released:
            return "released here", "good"
        if self.is_outdated:
            return "translates an older version: not offered", "watch"
        if self.release is not None:
            return f"version {self.release.text.version} is in force; this one waits", "watch"
        return "draft: not reviewed here, cannot be signed", "unknown"


def shipped(clinic_id: int) -> list[Shipped]:
    """The newest text of every language."""
    held = releases_in_force(clinic_id)
    original = _newest_original(held.values())
    return [Shipped(newest_text(language), held.get(language), original) for language in languages()]


def _newest_original(held: Iterable[ConsentRelease]) -> Version:
    return max((_original(row.text.body) for row in held), default=())


def _original(body: str) -> Version:
    """The version of the text that everybody signs, whichever language it is read in."""
    found = ORIGINAL.search(body) or VERSION.search(body)
    assert found is not None
    return tuple(int(part) for part in found[1].split("."))


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
    refuse_long(ConsentRelease, reviewed_by=reviewed_by)
    # Two reviewers at once: the second sees what the first has signed.
    Clinic.objects.select_for_update().get(pk=by.clinic_id)
    here = ConsentRelease.objects.filter(clinic_id=by.clinic_id, superseded_at__isnull=True)
    if here.filter(text_id=text.fingerprint).exists():
        raise InputError("this text is released here already", remedy="nothing has to be signed")
    held, original = releases_in_force(by.clinic_id), _original(text.body)
    newest = _newest_original(held.values())
    if original < newest:
        raise InputError(
            "this translates an older version than the one in force here",
            value=f"{language} {text.version}, {_shown(original)}",
            limit=_shown(newest),
            remedy="wait for the translation of the newer version, and work with an interpreter",
        )
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
    ended = [
        row.pk for row in held.values() if row.language == language or _original(row.text.body) < original
    ]
    here.filter(pk__in=ended).update(superseded_at=now())
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


def _shown(version: Version) -> str:
    return f"version {'.'.join(map(str, version))}"


def parsed(row: ConsentText) -> Text:
    """The stored words as sections."""
    return parse_consent_text(row.body, Path(f"consent text {row.language} {row.version}"))
