"""A clinic's own words beside the shipped ones, as they are drafted: each change a new row, none lost.

They reach patients with the next text that the clinic's reviewer releases; until then nothing changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef

from openkap.care.accounts.access import require
from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import Clinic
from openkap.care.audit.actions import record
from openkap.care.columns import refuse_long
from openkap.care.conflict import Conflict
from openkap.care.enrolment.models import ClinicWords
from openkap.care.moment import now
from openkap.care.permissions import Permission
from openkap.protocol.clinic_words import too_hard, waiting_parts
from openkap.protocol.consent_text import ConsentText, Section, consent_words, newest_text

# The newest row of each part of one language.
Written = Mapping[str, ClinicWords]


def newest_words(clinic_id: int) -> dict[str, dict[str, ClinicWords]]:
    """What the clinic says now: language -> part -> row; empty words were taken back."""
    newer = ClinicWords.objects.filter(
        clinic_id=clinic_id,
        language=OuterRef("language"),
        part=OuterRef("part"),
        number__gt=OuterRef("number"),
    )
    rows = ClinicWords.objects.filter(~Exists(newer), clinic_id=clinic_id).select_related("written_by")
    found: dict[str, dict[str, ClinicWords]] = defaultdict(dict)
    for row in rows:
        found[row.language][row.part] = row
    return found


def said(written: Written) -> dict[str, str]:
    """Part -> the words of it, as far as there are any."""
    return {part: row.words for part, row in written.items() if row.words}


def left_empty(written: Written) -> list[str]:
    """The parts that wait for the clinic's own words and have none."""
    return [part for part in waiting_parts() if part not in said(written)]


def behind(text: ConsentText, words: Mapping[str, Written]) -> dict[str, ClinicWords]:
    """Of a translation: the parts of which the clinic has said something newer in the original's language."""
    ours = words.get(text.language, {})
    original = words.get(text.translation_of.partition(" ")[0], {})
    return {
        part: row
        for part, row in original.items()
        if (row.written_at > ours[part].written_at if part in ours else row.words)
    }


@dataclass(frozen=True, slots=True)
class DraftPart:
    """One part of the shipped text with what the clinic says beside it."""

    section: Section
    number: int
    # What the clinic should tell here; empty where the shipped words wait for nothing.
    tell: str
    row: ClinicWords | None
    hard: str
    # What it says in the original's language, where that is newer.
    original: ClinicWords | None

    @property
    def words(self) -> str:
        return self.row.words if self.row else ""

    @property
    def seen(self) -> int:
        """How often these words have changed: what a form sends back."""
        return self.row.number if self.row else 0

    @property
    def is_waiting(self) -> bool:
        return bool(self.tell) and not self.words


@dataclass(frozen=True, slots=True)
class Draft:
    """The page on which a clinic writes: the shipped text, part by part, and the words beside it."""

    text: ConsentText
    parts: tuple[DraftPart, ...]

    @property
    def asked(self) -> list[DraftPart]:
        """The parts whose shipped words leave something to the clinic."""
        return [each for each in self.parts if each.tell]

    @property
    def told(self) -> int:
        """How many of them have words."""
        return sum(not each.is_waiting for each in self.asked)

    @property
    def label(self) -> str:
        """What the clinic's words begin with, in the language of the text."""
        return consent_words(self.text.language)["at_this_clinic"]

    def part(self, name: str) -> DraftPart:
        """One of the parts."""
        return next(each for each in self.parts if each.section.element.id == name)


def draft(by: Actor, language: str) -> Draft:
    """The words of the person's own clinic, to write on."""
    require(by, Permission.RELEASE_CONSENT_TEXT)
    text, words, tell = newest_text(language), newest_words(by.clinic_id), waiting_parts()
    ours, newer = words[language], behind(text, words)
    return Draft(
        text,
        tuple(
            DraftPart(
                section,
                number,
                tell.get(name := section.element.id, ""),
                ours.get(name),
                too_hard(language, ours[name].words) if name in ours else "",
                newer.get(name),
            )
            for number, section in enumerate(text.sections, 1)
        ),
    )


@transaction.atomic
def write_words(*, by: Actor, language: str, part: str, words: str, seen: int) -> ClinicWords | None:
    """Write what the clinic says of one part; empty words take it back.

    ``seen`` is how often the words had changed when the form was opened: ``Conflict`` when a colleague has
    changed them meanwhile. The same words again are a new row only where somebody had to look at them again.
    """
    require(by, Permission.RELEASE_CONSENT_TEXT)
    text = newest_text(language)
    text.section(part)
    words = words.replace("\r\n", "\n").strip()
    refuse_long(ClinicWords, words=words)
    # Two colleagues at once, or one who releases: one after the other.
    Clinic.objects.select_for_update().get(pk=by.clinic_id)
    held = newest_words(by.clinic_id)
    before = held[language].get(part)
    stored = before.words if before else ""
    if stored == words and part not in behind(text, held):
        return before
    number = before.number if before else 0
    if stored != words and seen != number:
        who, when = (before.written_by.name, before.written_at) if before else ("", None)
        raise Conflict(theirs={"words": stored}, version=number, who=who, when=when)
    row = ClinicWords.objects.create(
        clinic_id=by.clinic_id,
        language=language,
        part=part,
        words=words,
        number=number + 1,
        written_by_id=by.staff_id,
        written_at=now(),
    )
    detail = {"language": language, "part": part, "number": row.number, "empty": not words}
    record("consent_text.words_written", by=by, entity="consent_text", uid=row.uid, detail=detail)
    return row
