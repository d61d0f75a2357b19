"""The official wording of an instrument, brought in by the clinic from a FHIR R4 Questionnaire.

We ship no copyrighted text. A clinic that holds the form imports it once; it is kept beside the clinic's
data with the fingerprint of the file it came from, and a second import never replaces it unasked.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from openkap.core.errors import InputError
from openkap.instruments.answers import flat_items, link_names, ordinal, read_data
from openkap.instruments.model import Instrument

_ASKS = ("group", "display")


@dataclass(frozen=True, slots=True)
class Wording:
    """The official text of an instrument in one language, by item.

    ``answers`` holds, for each item, the text of each answer by the number it stands for; an item whose
    form carries no numbers is missing there.
    """

    instrument: str
    instrument_version: str
    language: str
    title: str
    copyright: str
    items: Mapping[str, str]
    answers: Mapping[str, Mapping[str, str]]
    source_fingerprint: str


def read_questionnaire(path: Path, instrument: Instrument, *, by_order: bool = False) -> Wording:
    """The wording in a Questionnaire file, matched to the items of an instrument.

    Parameters
    ----------
    path : a FHIR R4 Questionnaire, JSON.
    instrument : the instrument the form belongs to.
    by_order : match the questions in their order when they carry neither number nor known code; the
        form must then have exactly as many questions as the instrument has items.

    Raises
    ------
    InputError
        When the file is no Questionnaire, an item has no question or no text, two questions ask the same
        item, or an answer stands for a number the item does not offer.
    """
    data = read_data(path)
    if not isinstance(data, dict) or data.get("resourceType") != "Questionnaire":
        raise InputError(
            "not a form",
            value=data.get("resourceType") if isinstance(data, dict) else type(data).__name__,
            limit="a FHIR R4 Questionnaire",
            remedy="give the Questionnaire resource itself, as JSON",
            where=str(path),
        )
    try:
        questions = [each for each in flat_items(data) if each.get("type") not in _ASKS]
        matched = _by_order(questions, instrument) if by_order else _by_name(questions, instrument)
        texts = {name: _text(name, each) for name, each in matched.items()}
        answers = {name: _answers(instrument, name, each) for name, each in matched.items()}
    except InputError as error:
        raise error.at(str(path)) from None
    return Wording(
        instrument.id,
        instrument.version,
        str(data.get("language") or "und"),
        str(data.get("title") or instrument.name),
        str(data.get("copyright") or ""),
        texts,
        {name: texts_of for name, texts_of in answers.items() if texts_of},
        hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def save(wording: Wording, folder: Path, *, replace: bool = False) -> Path:
    """Write the wording to ``folder`` as ``<instrument>.<language>.json``, whole or not at all.

    An identical file is left alone. A different one is refused unless ``replace`` is given; then the old
    one is kept beside it under its fingerprint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{wording.instrument}.{_file_name(wording.language)}.json"
    text = json.dumps(asdict(wording), ensure_ascii=False, indent=2) + "\n"
    if path.exists():
        old = path.read_bytes()
        if old == text.encode():
            return path
        if not replace:
            raise InputError(
                "another wording of this instrument and language is already here",
                value=str(path),
                remedy="add --replace to put the new one in its place; the old one is kept",
            )
        kept = path.with_suffix(f".{hashlib.sha256(old).hexdigest()[:12]}.json")
        kept.write_bytes(old)
    beside = path.with_suffix(".part")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)
    return path


def load(path: Path) -> Wording:
    """The wording that ``save`` wrote."""
    data = read_data(path)
    names = Wording.__dataclass_fields__
    if not isinstance(data, dict) or set(data) != set(names):
        raise InputError(
            "not a wording file of this project",
            limit=", ".join(names),
            remedy="import the form again",
            where=str(path),
        )
    return Wording(**data)


def _file_name(language: str) -> str:
    """The language as part of a file name; anything but a language tag is refused."""
    if not language.replace("-", "").isalnum() or not language.isascii() or len(language) > 35:
        raise InputError(
            "not a language tag", value=language, limit="a tag such as en or pt-BR", remedy="correct the form"
        )
    return language


def _by_name(questions: list[dict[str, Any]], instrument: Instrument) -> dict[str, dict[str, Any]]:
    names = link_names(instrument)
    found: dict[str, dict[str, Any]] = {}
    for question in questions:
        codes = [each.get("code") for each in _dicts(question.get("code"))]
        links = [str(question.get("linkId", "")).rsplit("/", 1)[-1], str(question.get("prefix", ""))]
        name = next((names[each] for each in (*codes, *links) if each in names), None)
        if name is None:
            continue
        if name in found:
            raise InputError(
                f"two questions ask item {name}", value=question.get("linkId"), remedy="keep one of them"
            )
        found[name] = question
    needed = [each.id for each in instrument.items_by_id.values() if not each.optional]
    missing = [name for name in needed if name not in found]
    if missing:
        raise InputError(
            f"no question of the form belongs to item {', '.join(missing[:5])}",
            value=f"{len(found)} of {len(needed)} items found",
            limit="linkId, prefix or LOINC code must name the item",
            remedy="rename the linkIds to the item numbers, or match by order with --by-order",
        )
    return found


def _by_order(questions: list[dict[str, Any]], instrument: Instrument) -> dict[str, dict[str, Any]]:
    items = list(instrument.items_by_id)
    needed = [name for name in items if not instrument.item(name).optional]
    for names in (items, needed):
        if len(names) == len(questions):
            return dict(zip(names, questions, strict=True))
    raise InputError(
        "the form cannot be matched by order",
        value=f"{len(questions)} questions",
        limit=f"{len(needed)} items",
        remedy="remove questions that do not belong to the instrument, or name the items",
    )


def _text(name: str, question: Mapping[str, Any]) -> str:
    text = question.get("text")
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"the question of item {name} has no text", remedy="complete the form")
    return text.strip()


def _answers(instrument: Instrument, name: str, question: Mapping[str, Any]) -> dict[str, str]:
    """The texts of the answers by the number each stands for; empty when the form gives no numbers."""
    codes = instrument.items.answer_codes if instrument.items else {}
    found: dict[str, str] = {}
    for option in _dicts(question.get("answerOption")):
        coding = option.get("valueCoding")
        if not isinstance(coding, dict):
            continue
        number = codes.get(str(coding.get("code")), ordinal(coding))
        if number is None:
            number = ordinal(option)
        if number is None:
            continue
        if number not in instrument.item(name).answers:
            raise InputError(
                f"an answer of item {name} stands for a number the item does not offer",
                value=number,
                limit=", ".join(str(each) for each in instrument.item(name).answers),
                remedy="check that this is the form of this instrument and version",
            )
        found[str(int(number))] = str(coding.get("display", ""))
    return found


def _dicts(found: Any) -> list[dict[str, Any]]:
    listed = found if isinstance(found, list) else [found]
    return [each for each in listed if isinstance(each, dict)]
