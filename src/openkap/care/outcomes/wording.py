"""Questions as the patient reads them: the official wording where the clinic imported it, else our labels."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from openkap.care.outcomes.follow_up import follow_up
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


def wording_of(instrument: Instrument, language: str) -> Wording | None:
    """The imported wording in that language, else in English, of this version of the instrument."""
    for tag in dict.fromkeys((language, "en", "und")):
        path = folder() / f"{instrument.id}.{tag}.json"
        if path.exists():
            found = _imported(path, path.stat().st_mtime)
            if found is not None and found.instrument_version == instrument.version:
                return found
    return None


def questions_of(instrument: Instrument, language: str) -> tuple[tuple[Question, ...], bool]:
    """The questions, and whether they stand in the official wording."""
    official = wording_of(instrument, language)
    key = (instrument.id, instrument.version, instrument.fingerprint)
    if official is not None:
        return _questions(instrument, official)
    if key not in _own:
        _own[key] = _questions(instrument, None)
    return _own[key]


# Questions in our own labels, worked out once for each version of an instrument.
_own: dict[tuple[str, str, str], tuple[tuple[Question, ...], bool]] = {}


def _questions(instrument: Instrument, official: Wording | None) -> tuple[tuple[Question, ...], bool]:
    alarming = {name: each.from_answer for each in instrument.safety for name in each.items}
    found = []
    for item in instrument.items_by_id.values():
        words = follow_up().words_for(item)
        text = item.label.capitalize()
        if official is not None:
            text = official.items.get(item.id, text)
            words |= {int(number): said for number, said in official.answers.get(item.id, {}).items()}
        choices = tuple((answer, words[answer]) for answer in item.answers)
        found.append(Question(item.id, text, choices, alarming.get(item.id), item.optional))
    return tuple(found), official is not None
