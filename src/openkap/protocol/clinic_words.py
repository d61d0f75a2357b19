"""A clinic's own words in a consent text: where the shipped ones wait for them, and how both are joined."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from openkap.core.content import SHIPPED, Schema, Tally, read_document
from openkap.protocol.consent_text import (
    HEADING,
    OWN,
    ConsentText,
    consent_words,
    languages,
    newest_text,
    parse_consent_text,
    read_stored,
)
from openkap.protocol.read import read_sources
from openkap.protocol.reading_level import school_grade
from openkap.protocol.rules import Sourced

NEWEST = "1.0.0"
# The one language that the measure of reading was made for.
MEASURED = "en"


class Waiting(Sourced):
    """A part whose shipped words leave something to the clinic, and what it should tell."""

    part: str
    tell: str


class Reading(Sourced):
    """The school grade that the words should not be harder than."""

    school_grade: int


class ClinicWords(Schema):
    """What a clinic is asked to say, and how plainly."""

    version: str
    waiting: tuple[Waiting, ...]
    reading: Reading


@lru_cache(maxsize=4)
def clinic_words(root: Path = SHIPPED) -> ClinicWords:
    """What is asked of a clinic; ``ContentError`` names line and remedy."""
    document = read_document(root / "consent" / f"clinic-words-{NEWEST}.yaml")
    found, known = document.parse(ClinicWords), read_sources(root)
    parts = {each.element.id for name in languages(root) for each in newest_text(name, root).sections}
    for each in (*found.waiting, found.reading):
        if missing := [name for name in each.sources if name not in known]:
            raise document.error(
                "no such source", value=", ".join(missing), remedy="name a source that is listed"
            )
    if foreign := [each.part for each in found.waiting if each.part not in parts]:
        raise document.error(
            "no such part of the consent text", value=", ".join(foreign), remedy="name a part that it has"
        )
    return found


def waiting_parts() -> dict[str, str]:
    """Which parts wait for the clinic's own words -> what they should tell."""
    return {each.part: each.tell for each in clinic_words().waiting}


def too_hard(language: str, words: str) -> str:
    """That the words are harder to read than they should be; empty where they are not, or unmeasured."""
    limit = clinic_words().reading.school_grade
    found = school_grade(words) if language == MEASURED else None
    if found is None or round(found) <= limit:
        return ""
    return f"reads like school grade {round(found)}; the text aims at grade {limit}: shorter sentences help"


def joined(text: ConsentText, words: Mapping[str, str], *, clinic: str, number: int) -> ConsentText:
    """The text with the clinic's own words in their places; the text itself where the clinic says nothing.

    Of the shipped words nothing is left out and nothing changed, whatever the clinic's say: each of its lines
    is marked, so none is read as a heading or a question.
    """
    told = {part: lines for part, said in words.items() if (lines := lines_of(said))}
    if not told:
        return text
    lines = text.body.splitlines()
    end = lines.index("---", 1)
    body = [*lines[:end], f"clinic: {clinic}", f"clinic_words: {number}", "---"]
    label, section = consent_words(text.language)["at_this_clinic"], ""
    held: list[str] = []
    for line in [*lines[end + 1 :], ""]:
        if heading := HEADING.match(line):
            body += _with_own(held, told.get(section, []), label)
            held, section = [], heading[1]
        held.append(line)
    body += _with_own(held, told.get(section, []), label)
    return parse_consent_text("\n".join(body), Path(f"consent text {text.language} {text.version}"))


def _with_own(section: list[str], own: list[str], label: str) -> list[str]:
    """One section with the clinic's lines before the line that says how understanding is shown."""
    if not own:
        return section
    at = next((place for place, line in enumerate(section) if line.startswith("> ")), len(section))
    told, closing = section[:at], section[at:]
    while not told[-1].strip():
        told.pop()
    first, *more = own
    return [*told, "", f"{OWN}{label}: {first}", *(f"{OWN}{line}" for line in more), "", *closing]


def lines_of(words: str) -> list[str]:
    """What was typed, line by line, without the empty ones."""
    return [line.strip() for line in words.splitlines() if line.strip()]


def own_words(body: str) -> dict[str, tuple[str, ...]]:
    """What the clinic says in a text, part by part; empty for one without words of a clinic."""
    return {each.id: each.own for each in read_stored(body).sections if each.own}


def tally(root: Path = SHIPPED) -> list[Tally]:
    """What is asked of a clinic read and checked, for ``openkap check``."""
    return [
        Tally.of(
            "places for a clinic's own words",
            lambda: [*clinic_words(root).waiting, clinic_words(root).reading],
        )
    ]
