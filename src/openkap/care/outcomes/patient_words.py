"""What a patient reads by their link, in their language: sentences, answers, our own short labels of items.

A sentence stands in the pages in English and is looked up by it; one file of content a language holds the
others, so that a clinician reads English and translation side by side. Where a language is not there, the
page is in English and says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from openkap.care.outcomes.follow_up import follow_up, form_of
from openkap.core.content import Document, Schema, Tally, content_files, read_document
from openkap.core.errors import DomainError, InputError
from openkap.instruments.model import Instrument, Item

FOLDER = "patient_words"
ORIGINAL = "en"
_PLACE = re.compile(r"\{(\w+)\}")


class Labels(Schema):
    """Our own short words for one instrument, translated by us; never the official form."""

    name: str
    recall: str = ""
    items: dict[str, str]


class Translation(Schema):
    """One language: each sentence under its English one, and what content says by id."""

    title: str
    version: str
    language: str
    name: str
    reviewed_by: str
    reviewed_on: str
    pages: dict[str, str]
    curve: dict[str, str]
    scripts: dict[str, str]
    messages: dict[str, str]
    refusals: dict[str, str]
    occasions: dict[str, str]
    gaps: dict[str, str]
    answers: dict[str, tuple[str, ...]]
    instruments: dict[str, Labels]

    @property
    def sentences(self) -> dict[str, str]:
        """Every sentence that is looked up by its English one."""
        return self.pages | self.curve | self.scripts | self.messages | self.refusals


@dataclass(frozen=True, slots=True)
class PatientWords:
    """How to say things to one patient. Without a translation every sentence stays English."""

    # The language of the record, and the translation into it where there is one.
    wanted: str = ORIGINAL
    translation: Translation | None = None

    @property
    def language(self) -> str:
        """The language the page is in."""
        return self.translation.language if self.translation else ORIGINAL

    @property
    def is_missing(self) -> bool:
        """Whether the patient's language is not there: the page stands in English and says so."""
        return self.language != self.wanted

    @property
    def scripts(self) -> dict[str, str]:
        """The sentences that the scripts of the pages say."""
        return self.translation.pages | self.translation.scripts if self.translation else {}

    def say(self, sentence: str, **values: object) -> str:
        """The sentence in the patient's language, its places filled."""
        found = self.translation.sentences.get(sentence, sentence) if self.translation else sentence
        return found.format(**values) if values else found

    def refusal(self, why: InputError) -> InputError:
        """A refusal as the patient reads it."""
        remedy = self.say(why.remedy) if why.remedy else None
        told = InputError(self.say(why.what), limit=why.limit, remedy=remedy, where=why.where)
        told.value = why.value
        return told

    def occasion(self, name: str, title: str) -> str:
        """An occasion by its id; ``title`` is what it is called in English."""
        return self.translation.occasions.get(name, title) if self.translation else title

    def gap(self, name: str, title: str) -> str:
        """Why a measure is missing, by its id."""
        return self.translation.gaps.get(name, title) if self.translation else title

    def labels(self, instrument: Instrument) -> Labels | None:
        """Our translated labels of an instrument, where there are any."""
        return self.translation.instruments.get(instrument.id) if self.translation else None

    def answers(self, item: Item) -> dict[int, str] | None:
        """The answers of an item in words, where the language has them."""
        words = (
            self.translation.answers.get(f"{item.answers[0]}-{item.answers[-1]}", ())
            if self.translation
            else ()
        )
        return dict(zip(item.answers, words, strict=True)) if len(words) == len(item.answers) else None


ENGLISH = PatientWords()


def patient_words(language: str) -> PatientWords:
    """How to say things to somebody of that language; English where it is not there."""
    wanted = language.partition("-")[0].lower() or ORIGINAL
    return PatientWords(wanted, translations().get(wanted))


@lru_cache(maxsize=1)
def translations() -> dict[str, Translation]:
    """The newest translation of every language that has one."""
    read = [_read(read_document(path)) for path in content_files(FOLDER)]
    return {each.language: each for each in sorted(read, key=_number)}


def _number(each: Translation) -> list[int]:
    return [int(part) for part in each.version.split(".")]


def _read(document: Document) -> Translation:
    read = document.parse(Translation)
    for part in ("pages", "curve", "scripts", "messages", "refusals"):
        for sentence, said in getattr(read, part).items():
            if sorted(_PLACE.findall(sentence)) != sorted(_PLACE.findall(said)):
                raise document.error(
                    "the places to fill differ from the English sentence",
                    (part, sentence),
                    value=said,
                    limit=", ".join(_PLACE.findall(sentence)) or "none",
                    remedy="write the same {places} in both",
                )
    _same(document, "occasions", set(read.occasions), {each.id for each in follow_up().occasions})
    lengths = {span: len(words) for span, words in follow_up().answer_words.items()}
    given = {f"{span}: {len(words)} answers" for span, words in read.answers.items()}
    _same(document, "answers", given, {f"{span}: {count} answers" for span, count in lengths.items()})
    for name, labels in read.instruments.items():
        _same(document, f"items of {name}", set(labels.items), set(form_of(name).items_by_id))
    return read


def _same(document: Document, what: str, given: set[str], wanted: set[str]) -> None:
    if given != wanted:
        raise document.error(
            f"the {what} differ from the original",
            value=", ".join(sorted(given - wanted)) or "some are missing",
            limit=", ".join(sorted(wanted)),
            remedy="translate each of them, and no other",
        )


def tally(root: Path) -> list[Tally]:
    """Every translation read and checked, for ``openkap check``."""
    found = Tally("words for patients")
    for path in content_files(FOLDER, root=root):
        try:
            _read(read_document(path))
            found.add()
        except DomainError as error:
            found.errors.append(error)
    return [found] if found.count or found.errors else []
