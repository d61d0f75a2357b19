"""Questions as the patient reads them: the official wording where the clinic imported it, else our labels."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from openkap.care.outcomes.follow_up import follow_up
from openkap.care.outcomes.patient_words import ENGLISH, ORIGINAL, Labels, PatientWords, patient_words
from openkap.core.errors import DomainError
from openkap.instruments.model import Instrument
from openkap.instruments.wording import Wording, load

log = logging.getLogger("openkap.outcomes")


@dataclass(frozen=True, slots=True)
class Question:
    """One item with its possible answers, in the order of the form."""

    item: str
    text: str
    choices: tuple[tuple[int, str], ...]
    # The answer from which help is shown at once; None where the item is not a safety item.
    help_from: int | None = None
    is_optional: bool = False

    def words(self, answer: int | None) -> str:
        """An answer in words."""
        return "not answered" if answer is None else dict(self.choices).get(answer, str(answer))


def folder() -> Path:
    """Where ``openkap instruments import`` keeps the clinic's forms: below the installation's own folder."""
    return Path(settings.VAR) / "wording"


@lru_cache(maxsize=64)
def _imported(path: Path, changed: float) -> Wording | None:
    del changed  # only keeps the cache honest
    try:
        return load(path)
    except DomainError:
        log.warning("wording file cannot be read: %s", path.name)
        return None


@dataclass(frozen=True, slots=True)
class Asking:
    """The questions of an instrument as somebody reads them: in which language, and in whose words."""

    questions: tuple[Question, ...]
    language: str
    is_official: bool = False
    # Our own labels in another language than theirs: not a validated translation.
    is_translation: bool = False


def wording_of(instrument: Instrument, *languages: str) -> Wording | None:
    """The imported wording of this version of the instrument, in the first of these languages there is."""
    for tag in languages:
        path = folder() / f"{instrument.id}.{tag}.json"
        if path.exists():
            found = _imported(path, path.stat().st_mtime)
            if found is not None and found.instrument_version == instrument.version:
                return found
    return None


def questions_of(instrument: Instrument, language: str = ORIGINAL) -> Asking:
    """The questions for somebody of that language: the official form in it, else our own labels in it; where
    neither is there, the same in English.
    """
    spoken = patient_words(language)
    if spoken.wanted != ORIGINAL:
        official, labels = wording_of(instrument, spoken.wanted), spoken.labels(instrument)
        if official is not None:
            return Asking(_questions(instrument, official, spoken), spoken.wanted, is_official=True)
        if labels is not None:
            return _in_our_words(instrument, spoken, labels)
    official = wording_of(instrument, ORIGINAL, "und")
    if official is not None:
        return Asking(_questions(instrument, official, ENGLISH), ORIGINAL, is_official=True)
    return _in_our_words(instrument, ENGLISH, None)


# Questions in our own labels, worked out once for each version of an instrument and each language.
_own: dict[tuple[str, ...], Asking] = {}


def _in_our_words(instrument: Instrument, spoken: PatientWords, labels: Labels | None) -> Asking:
    key = (instrument.id, instrument.version, instrument.fingerprint, spoken.language)
    if key not in _own:
        questions = _questions(instrument, None, spoken, labels)
        _own[key] = Asking(questions, spoken.language, is_translation=labels is not None)
    return _own[key]


def _questions(
    instrument: Instrument, official: Wording | None, spoken: PatientWords, labels: Labels | None = None
) -> tuple[Question, ...]:
    alarming = {name: each.from_answer for each in instrument.safety for name in each.items}
    found = []
    for item in instrument.items_by_id.values():
        words = spoken.answers(item) or follow_up().words_for(item)
        label = labels.items[item.id] if labels else item.label
        text = label[:1].upper() + label[1:]
        if official is not None:
            text = official.items.get(item.id, text)
            words |= {int(number): said for number, said in official.answers.get(item.id, {}).items()}
        choices = tuple((answer, words[answer]) for answer in item.answers)
        found.append(Question(item.id, text, choices, alarming.get(item.id), item.optional))
    return tuple(found)
