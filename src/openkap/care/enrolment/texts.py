"""Consent texts in the database: the exact words people signed, and which of them a clinic has released.

What is shipped is offered at a clinic once its own reviewer has signed it (``release``), with the clinic's
own words in it. A newer version, or changed words, end the one before at that clinic, and only there, at the
moment they are released; a newer original ends the translations of the older one, changed words do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
from openkap.care.enrolment.facts import in_force
from openkap.care.enrolment.models import ConsentRelease, ConsentText
from openkap.care.enrolment.own_words import Written, behind, left_empty, newest_words, said
from openkap.care.moment import now
from openkap.care.permissions import Permission
from openkap.core.errors import InputError
from openkap.protocol.clinic_words import joined, own_words
from openkap.protocol.consent_text import ConsentText as Text
from openkap.protocol.consent_text import languages, newest_text, parse_consent_text

Version = tuple[int, ...]
VERSION = re.compile(r"^version: (\S+)$", re.MULTILINE)
ORIGINAL = re.compile(r"^translation_of: \S+ (\S+)$", re.MULTILINE)
MEANING = (
    "This text says what the original says, in words our patients understand. We offer it for signature."
)
MEANING_WITH_WORDS = (
    "This text says what the original says, and what our clinic adds is true, in words our patients "
    "understand. We offer it for signature."
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
    """The newest text of a language and what the clinic has made of it.

    ``text`` is as it is shipped, or, of ``drafted``, with the clinic's own words as they are now.
    """

    text: Text
    release: ConsentRelease | None
    is_released: bool
    # The newest original that is in force at the clinic, in whatever language.
    original: Version = ()
    # Parts that wait for the clinic's own words and have none.
    empty: tuple[str, ...] = ()
    # Parts of which the clinic says something newer in the original's language.
    behind: tuple[str, ...] = ()

    @property
    def meaning(self) -> str:
        """What whoever releases it signs for."""
        return MEANING_WITH_WORDS if self.text.clinic_words else MEANING

    @property
    def is_outdated(self) -> bool:
        """Whether it translates an older version than the one people sign here."""
        return _original(self.text.body) < self.original

    @property
    def state(self) -> tuple[str, str]:
        """Words and tone."""
        if self.is_released:
            return "released here", "good"
        if self.is_outdated:
            return "translates an older version: not offered", "watch"
        if self.release is not None and self.release.text.version == self.text.version:
            return f"version {self.release.text.full_version} is in force; changed words wait", "watch"
        if self.release is not None:
            return f"version {self.release.text.full_version} is in force; this one waits", "watch"
        return "draft: not reviewed here, cannot be signed", "unknown"

    @property
    def empty_titles(self) -> list[str]:
        """The parts without the clinic's words, by their titles."""
        return [self.text.section(part).title for part in self.empty]

    @property
    def behind_titles(self) -> list[str]:
        """The parts that say something newer in the original's language, by their titles."""
        return [self.text.section(part).title for part in self.behind]


def shipped(clinic_id: int) -> list[Shipped]:
    """The newest text of every language as it is shipped: released where its version is in force."""
    held = releases_in_force(clinic_id)
    original = _newest_original(held.values())
    return [
        Shipped(
            text,
            row := held.get(text.language),
            row is not None and row.text.version == text.version,
            original,
        )
        for text in map(newest_text, languages())
    ]


def drafted(by: Actor) -> list[Shipped]:
    """The newest text of every language as it would be released at the person's clinic now."""
    require(by, Permission.TAKE_CONSENT)
    held, words = releases_in_force(by.clinic_id), newest_words(by.clinic_id)
    original = _newest_original(held.values())
    return [
        _drafted(by, newest_text(language), held.get(language), original, words) for language in languages()
    ]


def _drafted(
    by: Actor,
    text: Text,
    held: ConsentRelease | None,
    original: Version,
    words: Mapping[str, Written],
) -> Shipped:
    ours = words.get(text.language, {})
    whole = _with_words(by, text, said(ours))
    return Shipped(
        whole,
        held,
        held is not None and held.text_id == whole.fingerprint,
        original,
        tuple(left_empty(ours)),
        tuple(behind(text, words)),
    )


def _with_words(by: Actor, text: Text, words: Mapping[str, str]) -> Text:
    """The text with these words of the clinic; a new number where they are not those of its last text."""
    if not words:
        return text
    of_clinic = ConsentText.objects.filter(clinic_id=by.clinic_id, language=text.language)
    last = of_clinic.order_by("-clinic_words", "-first_used_at").first()
    number = (last.clinic_words or 0) if last else 0
    as_last = joined(text, words, clinic=by.clinic_uid, number=max(number, 1))
    if last is None or own_words(last.body) == own_words(as_last.body):
        return as_last
    return joined(text, words, clinic=by.clinic_uid, number=number + 1)


def ended_by_release(by: Actor, each: Shipped) -> int:
    """How many people here have a consent in force that ends when this text is released."""
    require(by, Permission.RELEASE_CONSENT_TEXT)
    ended = [row.text_id for row in _ended(each.text, releases_in_force(by.clinic_id).values())]
    here = in_force(now()).filter(text__in=ended, patient__clinic_id=by.clinic_id)
    return here.values("patient").distinct().count()


def _ended(text: Text, held: Iterable[ConsentRelease]) -> list[ConsentRelease]:
    """The releases that this text takes the place of, and translations of an older original."""
    original = _original(text.body)
    return [row for row in held if row.language == text.language or _original(row.text.body) < original]


def _newest_original(held: Iterable[ConsentRelease]) -> Version:
    return max((_original(row.text.body) for row in held), default=())


def _original(body: str) -> Version:
    """The version of the text that everybody signs, whichever language it is read in."""
    found = ORIGINAL.search(body) or VERSION.search(body)
    assert found is not None
    return tuple(int(part) for part in found[1].split("."))


@transaction.atomic
def release(
    *, by: Actor, language: str, seen: str, reviewed_by: str, person: Staff, left_empty_because: str = ""
) -> ConsentRelease:
    """The clinic's reviewer signs the newest text of a language: from now on it is offered here.

    ``left_empty_because`` says why parts that wait for the clinic's own words say nothing, where they do.
    """
    require(by, Permission.RELEASE_CONSENT_TEXT)
    # Two reviewers at once, or one who writes: the second sees what the first has signed.
    Clinic.objects.select_for_update().get(pk=by.clinic_id)
    held, words = releases_in_force(by.clinic_id), newest_words(by.clinic_id)
    newest = _newest_original(held.values())
    each = _drafted(by, newest_text(language), held.get(language), newest, words)
    text = each.text
    _refuse_release(each, seen=seen, reviewed_by=reviewed_by, left_empty_because=left_empty_because)
    row, _ = ConsentText.objects.get_or_create(
        fingerprint=text.fingerprint,
        defaults={
            "version": text.version,
            "language": language,
            "title": text.title,
            "body": text.body,
            "first_used_at": now(),
            "clinic_id": by.clinic_id if text.clinic_words else None,
            "clinic_words": text.clinic_words or None,
        },
    )
    ended = [old.pk for old in _ended(text, held.values())]
    ConsentRelease.objects.filter(pk__in=ended).update(superseded_at=now())
    signature = sign(
        by=by,
        person=person,
        meaning=each.meaning,
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
        left_empty_because=left_empty_because.strip() if each.empty else None,
        released_at=now(),
    )
    record(
        "consent_text.released",
        by=by,
        entity="consent_text",
        uid=made.uid,
        reason=made.left_empty_because or "",
        detail={
            "language": language,
            "version": text.full_version,
            "fingerprint": text.fingerprint,
            "left_empty": list(each.empty),
        },
    )
    return made


def _refuse_release(each: Shipped, *, seen: str, reviewed_by: str, left_empty_because: str) -> None:
    text = each.text
    if seen != text.fingerprint:
        raise InputError("the text has changed since this page was opened", remedy="read it again")
    if not reviewed_by.strip():
        raise InputError(
            "nobody is named who reviewed the text",
            remedy="write who compared it with the original, and how",
            where="reviewed_by",
        )
    refuse_long(ConsentRelease, reviewed_by=reviewed_by)
    if each.is_released:
        raise InputError("this text is released here already", remedy="nothing has to be signed")
    if each.is_outdated:
        raise InputError(
            "this translates an older version than the one in force here",
            value=f"{text.language} {text.version}, {_shown(_original(text.body))}",
            limit=_shown(each.original),
            remedy="wait for the translation of the newer version, and work with an interpreter",
        )
    if each.empty and not left_empty_because.strip():
        raise InputError(
            "parts that wait for this clinic's own words say nothing",
            value="; ".join(each.empty_titles),
            remedy="write them, or write why they stay empty",
            where="left_empty_because",
        )


def _shown(version: Version) -> str:
    return f"version {'.'.join(map(str, version))}"


def parsed(row: ConsentText) -> Text:
    """The stored words as sections."""
    return parse_consent_text(row.body, Path(f"consent text {row.language} {row.version}"))
