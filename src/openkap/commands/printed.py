"""What commands print of other people's data: it may neither drive the terminal nor pass for another line."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

# Control and format characters: escape sequences, bells, line breaks, changes of direction, the invisible.
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp"})
_ASCII = re.compile(r"[ -~]*")


def plain(text: str) -> str:
    """One line of text with every control and format character marked."""
    if _ASCII.fullmatch(text):
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_unseen(each) else each for each in text)


def plain_lines(lines: Iterable[str]) -> str:
    """Lines as one text, each marked on its own: a value with a line break stays on its line."""
    return "\n".join(plain(line) for line in lines)


def as_json(data: Any, indent: int | None = None) -> str:
    """JSON that reads as the same data, with control and format characters escaped."""
    text = json.dumps(data, indent=indent, ensure_ascii=False)
    if all(_ASCII.fullmatch(line) for line in text.split("\n")):
        return text
    return "".join(_escaped(each) if each != "\n" and _is_unseen(each) else each for each in text)


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
