"""Answers from a file: a mapping of item to number (JSON or YAML), or a FHIR R4 QuestionnaireResponse.

Nothing is guessed. A number is a whole number written as digits; what cannot be matched to an item is
listed, never dropped; a form entered in error is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeGuard

from openkap.core.content import LARGEST_FILE_BYTES, parse_document, size_of
from openkap.core.errors import DomainError, InputError
from openkap.instruments.model import Instrument, Item

_WHOLE = re.compile(r"-?[0-9]{1,6}")
_YES_NO = {"yes": 1, "true": 1, "no": 0, "false": 0}
_USABLE = ("completed", "amended", "in-progress")
_ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
_DEEPEST = 60


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers by item, what of the file belongs to no item, and where it came from."""

    values: Mapping[str, int | None]
    unmatched: tuple[str, ...] = ()
    origin: str = ""


def read_answers(path: Path, instrument: Instrument) -> Answers:
    """The answers in a file.

    Raises
    ------
    InputError
        For an unreadable or oversized file, duplicate items, anything but whole numbers, two answers to
        one item, or a response that was entered in error; names the place, the value and the remedy.
    """
    data = read_data(path)
    if not isinstance(data, dict):
        raise InputError(
            "answers are a mapping of item to number",
            value=type(data).__name__,
            remedy='write {"1": 3, "2": 0} or one line "1: 3" for each item',
            where=str(path),
        )
    try:
        if "resourceType" in data:
            return _from_response(data, instrument, str(path))
        values = {name: _number(instrument, name, given) for name, given in data.items()}
    except DomainError as error:
        raise error.at(str(path)) from None
    return Answers(values, origin=str(path))


def read_data(path: Path) -> Any:
    """A JSON or YAML file as plain data; floats stay decimals, duplicates and bombs are refused."""
    try:
        size = size_of(path)
        raw = path.read_bytes() if size <= LARGEST_FILE_BYTES else b""
    except OSError as failed:
        raise InputError(
            f"cannot read the file: {failed.strerror}",
            remedy="check its name and rights",
            where=str(path),
        ) from None
    if size > LARGEST_FILE_BYTES:
        raise InputError(
            "the file is too large for one form",
            value=f"{size} bytes",
            limit=f"{LARGEST_FILE_BYTES} bytes",
            remedy="give the file of a single form",
            where=str(path),
        )
    if path.suffix.lower() != ".json":
        return parse_document(raw, path).data
    return _json(raw, path)


def _json(raw: bytes, path: Path) -> Any:
    try:
        return json.loads(
            raw.decode("utf-8-sig"),
            object_pairs_hook=_without_duplicates,
            parse_float=Decimal,
            parse_constant=_no_constant,
        )
    except InputError as error:
        raise error.at(str(path)) from None
    except UnicodeDecodeError as failed:
        raise InputError(
            "the file is not UTF-8 text",
            value=f"byte 0x{raw[failed.start]:02x} at offset {failed.start}",
            remedy="save it with UTF-8 encoding",
            where=str(path),
        ) from None
    except json.JSONDecodeError as failed:
        raise InputError(
            f"not readable as JSON: {failed.msg}",
            remedy="check brackets, commas and quotes on this line",
            where=f"{path}:{failed.lineno}",
        ) from None
    except (RecursionError, ValueError):
        raise InputError(
            "nested too deeply, or a number with thousands of digits",
            remedy="give the file of a single form",
            where=str(path),
        ) from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise InputError("the same name stands twice", value=name, remedy="keep one of the two")
        found[name] = value
    return found


def _no_constant(name: str) -> Any:
    raise InputError("not a number", value=name, remedy="write whole numbers only")


def _number(instrument: Instrument, name: str, given: Any) -> int | None:
    """A written answer as a whole number; the item itself is checked when the form is scored."""
    item = instrument.items_by_id.get(name)
    if given is None:
        return None
    if isinstance(given, bool):
        given = "true" if given else "false"
    if isinstance(given, str) and item is not None and item.yes_no and given.lower() in _YES_NO:
        return _YES_NO[given.lower()]
    if isinstance(given, int) or (isinstance(given, str) and _WHOLE.fullmatch(given)):
        return int(given)
    raise InputError(
        f"the answer to item {name} is not a whole number",
        value=given,
        limit=_offered(item),
        remedy="enter the number on the form; leave the item out, or write null, when it was not answered",
    )


def _offered(item: Item | None) -> str | None:
    return None if item is None else f"one of {', '.join(str(each) for each in item.answers)}"


def _from_response(data: Mapping[str, Any], instrument: Instrument, where: str) -> Answers:
    if data["resourceType"] != "QuestionnaireResponse":
        raise InputError(
            "not a form that was answered",
            value=data["resourceType"],
            limit="a QuestionnaireResponse",
            remedy="give the response itself, not a bundle or a questionnaire",
        )
    if data.get("status") not in _USABLE:
        raise InputError(
            "this response is not to be used",
            value=data.get("status"),
            limit=", ".join(_USABLE),
            remedy="give the corrected response",
        )
    values: dict[str, int | None] = {}
    unmatched: list[str] = []
    names = link_names(instrument)
    for entry in flat_items(data):
        answers = entry.get("answer")
        link = str(entry.get("linkId", ""))
        name = names.get(_last(link))
        if not answers:
            continue
        if name is None:
            unmatched.append(f"{link}: no item of {instrument.short}")
            continue
        if not isinstance(answers, list) or len(answers) != 1 or name in values:
            raise InputError(f"item {name} was answered more than once", value=link, remedy="keep one answer")
        values[name] = _coded(instrument, name, answers[0])
    if not values:
        raise InputError(
            f"no answer of this response belongs to {instrument.short}",
            value="; ".join(unmatched[:5]) or "no items",
            limit="items named by their number or LOINC code",
            remedy="choose the right instrument, or rename the linkIds",
        )
    return Answers(values, tuple(unmatched), where)


def link_names(instrument: Instrument) -> dict[str, str]:
    """What a form may call an item: its number, its LOINC code, or the linkId of a published form."""
    names = {item.loinc: item.id for item in instrument.items_by_id.values() if item.loinc}
    links = instrument.items.links if instrument.items else {}
    return {**links, **names, **{name: name for name in instrument.items_by_id}}


def _last(link: str) -> str:
    """The last step of a linkId, as form builders write ``/44249-1/44250-9``."""
    return link.rsplit("/", 1)[-1]


def flat_items(resource: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every item of a Questionnaire or its response, groups and answers opened, in order."""
    waiting: list[tuple[Any, int]] = [(resource, 0)]
    while waiting:
        node, depth = waiting.pop()
        if not isinstance(node, dict) or depth > _DEEPEST:
            raise InputError(
                "an item of the form cannot be read",
                value=type(node).__name__,
                remedy="check the file against FHIR R4",
            )
        if depth:
            yield node
        below = [*_list(node, "item")]
        for answer in _list(node, "answer"):
            below += _list(answer, "item") if isinstance(answer, dict) else []
        waiting += [(each, depth + 1) for each in reversed(below)]


def _list(node: Mapping[str, Any], name: str) -> list[Any]:
    found = node.get(name, [])
    return found if isinstance(found, list) else [found]


def _coded(instrument: Instrument, name: str, answer: Any) -> int:
    """The number an answer stands for: a whole number, yes or no, a known code, or an ordinal."""
    given = answer if isinstance(answer, dict) else {}
    item = instrument.item(name)
    if item.yes_no and isinstance(given.get("valueBoolean"), bool):
        return int(given["valueBoolean"])
    number = given.get("valueInteger", given.get("valueDecimal"))
    coding = given.get("valueCoding")
    if number is None and isinstance(coding, dict):
        assert instrument.items is not None, "an instrument with items has their block"
        number = instrument.items.answer_codes.get(str(coding.get("code")))
        if number is None:
            number = ordinal(coding)
    if _is_whole(number):
        return int(number)
    raise InputError(
        f"the answer to item {name} stands for no number",
        value=given,
        limit=_offered(item),
        remedy="send a whole number, or a code with its ordinal value",
    )


def _is_whole(number: Any) -> TypeGuard[int | Decimal]:
    """True for a whole number of sensible size; 1e999999999 would take for ever to write out."""
    if isinstance(number, Decimal):
        return number.adjusted() < 7 and number == number.to_integral_value()
    return isinstance(number, int) and not isinstance(number, bool)


def ordinal(coding: Mapping[str, Any]) -> Any:
    """The ordinal value that a coding carries as an extension, or ``None``."""
    for extension in _list(coding, "extension"):
        if isinstance(extension, dict) and extension.get("url") == _ORDINAL:
            return extension.get("valueDecimal")
    return None
