"""Consent texts: one Markdown file a language and version, one section an element that must be told.

A section may end with one line that says how understanding is shown: ``> Ask:`` (the patient explains it
back), ``> Choose: one | another`` (the patient's own choice) or ``> Note:`` (the clinician writes down the
conversation). Which of them an element needs is said by the protocol's consent part; a text that leaves an
element out, or shows it otherwise, does not load. A text as one clinic offers it names that clinic in its
header and has the clinic's own words in lines that begin with ``+``; nothing else of it differs.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from openkap.core.content import SHIPPED, Document, Tally, read_document
from openkap.core.errors import ContentError, DomainError, InputError
from openkap.core.quantity import Quantity
from openkap.protocol.model import ConsentElement, Statement
from openkap.protocol.published import check_texts

HEADING = re.compile(r"^## (CON-\d\d) (.+)$")
HEADER = ("title", "language", "version", "parts", "reviewed_by", "reviewed_on")
# A translation names its original, and has the sentence above the signature in its own language.
OF_TRANSLATIONS = ("translation_of", "agreement")
# A text with a clinic's own words names the clinic by its public id, and counts how often its words changed.
OF_CLINICS = ("clinic", "clinic_words")
HEADERS = (HEADER, HEADER + OF_TRANSLATIONS, HEADER + OF_CLINICS, HEADER + OF_TRANSLATIONS + OF_CLINICS)
# What a line of the clinic's own begins with.
OWN = "+ "
AGREEMENT = "I have read or heard this text, my questions were answered, and I agree to the treatment."
# How an element is shown -> the word its closing line begins with.
CLOSING = {"teach_back": "Ask", "signed": "Choose", "recorded_conversation_note": "Note"}


@dataclass(frozen=True, slots=True)
class Section:
    """One element as the patient reads it; ``prompt`` and ``choices`` are how understanding is shown.

    ``own`` is what the clinic says of it in its own words.
    """

    element: ConsentElement
    title: str
    paragraphs: tuple[str, ...]
    prompt: str = ""
    choices: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConsentText:
    """A whole text, with the fingerprint that a signature stores."""

    title: str
    language: str
    version: str
    lead: tuple[str, ...]
    sections: tuple[Section, ...]
    fingerprint: str
    body: str
    reviewed_by: str
    translation_of: str = ""
    agreement: str = AGREEMENT
    # Which words of a clinic's own it has; nought for none.
    clinic_words: int = 0

    @property
    def full_version(self) -> str:
        """The shipped version, and which of the clinic's own words."""
        return full_version(self.version, self.clinic_words)

    def section(self, element: str) -> Section:
        """The section of one element; ``InputError`` when there is none."""
        for section in self.sections:
            if section.element.id == element:
                return section
        raise InputError("no such part of this consent text", value=element, remedy="choose one of the list")


def full_version(version: str, clinic_words: int) -> str:
    """What stands before people as the version: the shipped one, and which of the clinic's own words."""
    return f"{version}, this clinic's words {clinic_words}" if clinic_words else version


@dataclass(frozen=True)
class ConsentRules:
    """What the protocol's consent part says beyond its elements."""

    elements: tuple[ConsentElement, ...]
    expires_after: Quantity
    expiry: Statement
    capacity: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class StoredSection:
    """One part as it stands in a stored text; how it is shown is read off its closing line."""

    id: str
    title: str
    paragraphs: tuple[str, ...]
    shown_by: str
    prompt: str = ""
    choices: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredText:
    """The words of a text by themselves: what somebody signed, whatever the content says by now."""

    title: str
    language: str
    lead: tuple[str, ...]
    sections: tuple[StoredSection, ...]
    agreement: str


@lru_cache(maxsize=8)
def consent_rules(version: str, root: Path = SHIPPED) -> ConsentRules:
    """The consent part of that version."""
    document = read_document(root / "parts" / f"consent-{version}.yaml")
    return ConsentRules(
        tuple(document.parse(ConsentElement, ("consent", i)) for i, _ in enumerate(document.data["consent"])),
        Quantity.parse(document.data["expires_after"]),
        document.parse(Statement, ("expiry",)),
        tuple(document.parse(Statement, ("capacity", i)) for i, _ in enumerate(document.data["capacity"])),
    )


def parse_consent_text(body: str, path: Path, root: Path = SHIPPED) -> ConsentText:
    """A text as it stands in a file, or as it was stored with a signature."""
    lines = body.splitlines()
    document = Document(path, {}, hashlib.sha256(body.encode()).hexdigest())
    header, start = _read_header(lines, document)
    rules = consent_rules(header["parts"], root)
    blocks = _blocks(lines, start)
    lead = blocks.pop(0)[2]
    elements = {element.id: element for element in rules.elements}
    found = [element for element, _, _ in blocks]
    if found != list(elements):
        lacking = [name for name in elements if name not in found]
        raise document.error(
            "a consent text has every element once, in the order of the protocol",
            value=", ".join(found),
            limit=", ".join(elements),
            remedy=f"add {', '.join(lacking)}" if lacking else "put them in this order",
        )
    sections = tuple(_section(elements[name], title, told, document) for name, title, told in blocks)
    if "clinic" not in header and any(each.own for each in sections):
        raise document.error(
            "a text of no clinic has a clinic's own words",
            limit=f"no line that begins with {OWN.strip()}",
            remedy="write them as words of the text",
        )
    return ConsentText(
        header["title"],
        header["language"],
        header["version"],
        lead,
        sections,
        document.fingerprint,
        body,
        header["reviewed_by"],
        header.get("translation_of", ""),
        header.get("agreement", AGREEMENT),
        clinic_words=int(header.get("clinic_words", "0")),
    )


def read_stored(body: str) -> StoredText:
    """A text to be shown as it was; nothing of it is compared with the protocol's consent part.

    Raises ``ContentError`` when the header cannot be read.
    """
    lines = body.splitlines()
    header, start = _read_header(lines, Document(Path("stored consent text"), {}, ""))
    (_, _, lead), *blocks = _blocks(lines, start)
    return StoredText(
        header["title"],
        header["language"],
        lead,
        tuple(_stored_section(*block) for block in blocks),
        header.get("agreement", AGREEMENT),
    )


def _stored_section(element: str, title: str, all_told: tuple[str, ...]) -> StoredSection:
    told, own = _apart(all_told)
    for shown_by, word in CLOSING.items():
        if told and told[-1].startswith(f"> {word}: "):
            closing = told[-1].removeprefix(f"> {word}: ")
            if word == "Choose":
                return StoredSection(element, title, told[:-1], shown_by, "", _choices(closing), own)
            return StoredSection(element, title, told[:-1], shown_by, closing, own=own)
    return StoredSection(element, title, told, "read_and_tick", own=own)


def _apart(told: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of the text, and the clinic's own."""
    own = tuple(each.removeprefix(OWN) for each in told if each.startswith(OWN))
    return tuple(each for each in told if not each.startswith(OWN)), own


def _choices(closing: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in closing.split("|"))


def _read_header(lines: list[str], document: Document) -> tuple[dict[str, str], int]:
    try:
        end = lines.index("---", 1)
    except ValueError:
        raise document.error("the header is missing", remedy="begin with --- and end it with ---") from None
    header = dict(line.split(": ", 1) for line in lines[1:end])
    if lines[0] != "---" or tuple(header) not in HEADERS:
        raise document.error(
            "the header is not complete",
            value=", ".join(header),
            limit=(
                f"{', '.join(HEADER)}; of a translation also {', '.join(OF_TRANSLATIONS)}; "
                f"with a clinic's own words also {', '.join(OF_CLINICS)}"
            ),
            remedy="complete it",
        )
    return header, end + 1


def _blocks(lines: list[str], start: int) -> list[tuple[str, str, tuple[str, ...]]]:
    """(element, title, paragraphs) of each section; the first has no element: it is the lead."""
    blocks: list[tuple[str, str, list[list[str]]]] = [("", "", [[]])]
    for line in lines[start:]:
        if heading := HEADING.match(line):
            blocks.append((heading[1], heading[2], [[]]))
        elif not line.strip():
            blocks[-1][2].append([])
        elif line.startswith(OWN):
            # Each line by itself: numbers to call stand below each other as they were typed.
            blocks[-1][2].extend(([line.strip()], []))
        else:
            blocks[-1][2][-1].append(line.strip())
    return [
        (element, title, tuple(" ".join(told) for told in paragraphs if told))
        for element, title, paragraphs in blocks
    ]


def _section(element: ConsentElement, title: str, all_told: tuple[str, ...], document: Document) -> Section:
    (told, own), wanted = _apart(all_told), CLOSING.get(element.shown_by)
    if wanted is None:
        if any(line.startswith(">") for line in told):
            raise document.error(f"{element.id} is read and ticked", remedy="remove its closing line")
        return Section(element, title, told, own=own)
    if not told or not told[-1].startswith(f"> {wanted}: "):
        raise document.error(
            f"{element.id} does not say how understanding is shown",
            limit=f"> {wanted}: ...",
            remedy="end the section with this line",
        )
    closing = told[-1].removeprefix(f"> {wanted}: ")
    if wanted != "Choose":
        return Section(element, title, told[:-1], closing, own=own)
    return Section(element, title, told[:-1], "", _choices(closing), own)


def languages(root: Path = SHIPPED) -> tuple[str, ...]:
    """The languages that have a text."""
    folder = root / "consent"
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and any(path.glob("*.md"))))


@lru_cache(maxsize=1)
def _words(root: Path = SHIPPED) -> dict[str, dict[str, str]]:
    document = read_document(root / "consent" / "words.yaml")
    held: dict[str, dict[str, str]] = document.data
    wanted = {(language, word) for language in languages(root) for word in held["en"]}
    there = {(language, word) for language, words in held.items() for word in words}
    if wanted != there:
        raise document.error(
            "the words around the signature differ between the languages",
            value=", ".join(f"{language}: {word}" for language, word in sorted(wanted ^ there)),
            remedy="give every language that has a text the same words",
        )
    return held


def consent_words(language: str) -> dict[str, str]:
    """What stands around the text in its language while the patient signs."""
    return _words()[language]


@lru_cache(maxsize=16)
def newest_text(language: str, root: Path = SHIPPED) -> ConsentText:
    """The newest version in a language; ``InputError`` names the languages there are."""
    paths = sorted(
        (root / "consent" / language).glob("ketamine-*.md"),
        key=lambda path: [int(part) for part in path.stem.removeprefix("ketamine-").split(".")],
    )
    if not paths:
        raise InputError(
            "there is no consent text in this language",
            value=language,
            limit=", ".join(languages(root)),
            remedy="use one of these with an interpreter",
        )
    return parse_consent_text(paths[-1].read_text(encoding="utf-8"), paths[-1], root)


def tally(root: Path = SHIPPED) -> list[Tally]:
    """Every consent text read and checked, for ``openkap check``."""
    found, fingerprints = Tally("consent texts"), {}
    for path in sorted((root / "consent").glob("*/*.md")) if (root / "consent").exists() else ():
        body = path.read_text(encoding="utf-8")
        fingerprints[path.relative_to(root / "consent").as_posix()] = hashlib.sha256(
            body.encode()
        ).hexdigest()
        try:
            text = parse_consent_text(body, path, root)
            if text.clinic_words:
                raise ContentError(
                    "a shipped text is of no clinic",
                    remedy="take the clinic out of its header",
                    where=str(path),
                )
            if path.parent.name != text.language or not path.stem.endswith(f"-{text.version}"):
                raise ContentError(
                    "the file is named otherwise than its language and version",
                    value=f"{path.parent.name}/{path.stem}",
                    remedy="rename the file or correct its header",
                    where=str(path),
                )
            found.add("platform")
        except DomainError as refused:
            found.errors.append(refused)
    try:
        _words(root)
    except DomainError as refused:
        found.errors.append(refused)
    found.errors += _published_texts(fingerprints, root)
    return [found]


def _published_texts(fingerprints: dict[str, str], root: Path) -> list[DomainError]:
    try:
        return check_texts(fingerprints, root)
    except DomainError as refused:
        return [refused]
