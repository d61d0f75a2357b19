"""JSON as text handed in by others: read exactly, or refused with the line where it goes wrong.

Numbers keep their digits (``Decimal``); a key that stands twice, NaN, an absurd number or a half character is
refused, because each would change a value quietly further on.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from openkap.core.errors import InputError, quote

LONGEST_NUMBER = 60
LARGEST_EXPONENT = 40
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]')
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


class _DuplicateKey(Exception):
    pass


def read_json(text: str, where: str) -> Any:
    """The data, with integers as ``int`` and other numbers as ``Decimal``.

    Raises ``InputError`` naming ``where`` and the line for anything JSON does not allow, and for what it
    allows but nobody can mean.
    """
    try:
        data = json.loads(
            text,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_constant,
            object_pairs_hook=_unique,
        )
        if _HALF_CHARACTER.search(text):
            json.dumps(data, ensure_ascii=False, default=str).encode("utf-8")
    except json.JSONDecodeError as failed:
        raise _broken(failed, text, where) from None
    except _DuplicateKey as failed:
        line = _line_of_duplicate(text)
        raise InputError(
            "a key stands twice in one object",
            value=str(failed),
            remedy="keep one of the two",
            where=f"{where}:{line}" if line else where,
        ) from None
    except RecursionError:
        raise InputError("nested too deeply", remedy="ask for a flatter file", where=where) from None
    except UnicodeEncodeError:
        raise InputError(
            "half of a character (a lone surrogate)", remedy="export the file again as UTF-8", where=where
        ) from None
    except InputError as refused:
        found = text.find(refused.value) if refused.value else -1
        raise refused.at(f"{where}:{_line(text, found)}" if found >= 0 else where) from None
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        raise _DuplicateKey(quote(next(key for key, _ in pairs if key in seen or seen.add(key))))  # type: ignore[func-returns-value]
    return made


def _decimal(written: str) -> Decimal:
    try:
        number = Decimal(written)
    except InvalidOperation:
        raise _absurd(written) from None
    if len(written) > LONGEST_NUMBER or (number and abs(number.adjusted()) > LARGEST_EXPONENT):
        raise _absurd(written)
    return number


def _integer(written: str) -> int:
    if len(written) > LONGEST_NUMBER:
        raise _absurd(written)
    return int(written)


def _constant(written: str) -> Any:
    raise InputError(
        "not a number", value=written, limit="JSON has no NaN and no infinity", remedy="leave the value out"
    )


def _absurd(written: str) -> InputError:
    return InputError(
        "a number of impossible size", value=written, limit=f"{LONGEST_NUMBER} digits", remedy="correct it"
    )


def _broken(failed: json.JSONDecodeError, text: str, where: str) -> InputError:
    what = f"not readable as JSON: {failed.msg.lower()}"
    remedy = "export the file again, or correct this line"
    if failed.pos >= len(text.rstrip()):
        what, remedy = "the file ends in the middle (truncated JSON)", "send the whole file"
    elif failed.msg == "Extra data":
        remedy = "send one JSON document for each file; NDJSON is not read"
    return InputError(
        what,
        value=text[failed.pos : failed.pos + 20] or None,
        remedy=remedy,
        where=f"{where}:{failed.lineno}:{failed.colno}",
    )


def _line_of_duplicate(text: str) -> int | None:
    """The line of the first key that repeats; a second, slower pass taken only to word a refusal."""
    open_keys: list[set[str] | None] = []
    last = ""
    for token in _TOKEN.finditer(text):
        word = token.group()
        if word == "{":
            open_keys.append(set())
        elif word == "[":
            open_keys.append(None)
        elif word in "}]" and open_keys:
            open_keys.pop()
        elif word == ":" and open_keys and (keys := open_keys[-1]) is not None:
            if last in keys:
                return _line(text, token.start())
            keys.add(last)
        if word[0] == '"':
            last = word
    return None


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
