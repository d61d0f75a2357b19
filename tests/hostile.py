"""Hostile referrals: readable ones, damaged at random in their data or in their bytes."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

ATOMS: list[Any] = [
    None, True, False, 0, -1, 10**30, -0.0, 1e308, "", " ", "1,5 mg", "1.5", "NaN", "Infinity", "-5 kg",
    "1e9 kg", "80 parsecs", "80", "yes", "no", "never", "2031-01-01", "2026", "2026-02-30", "0000-00-00", "T",
    "9999", "2026-11-20T25:00:00Z", "2026-11-20T10:00:00+99:00", "#", "#x", "Patient/p", "Patient/", "/",
    "x" * 5000, "\u202e", "\x00", "٣", "½ kg", [], [[]], [None], {}, {"": None}, {"value": {"value": 1}},
    {"coding": 1}, {"coding": [None]}, {"reference": 5}, {"start": "2031", "end": "1999"}, [[[[[[[[]]]]]]]],
]  # fmt: skip
JUNK = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"\\",
    b"\\u",
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    b"NaN",
    b"1e9",
    b"&a",
    b"*a",
]
KEYS = [
    "resourceType",
    "valueString",
    "valueQuantity",
    "status",
    "code",
    "subject",
    "onsetAge",
    "entry",
    "facts",
    "x",
]


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every container with each of its keys or indexes."""
    found, waiting = [], [data]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict | list):
            keys = list(holder) if isinstance(holder, dict) else range(len(holder))
            found += [(holder, key) for key in keys]
            waiting += [holder[key] for key in keys]
    return found


def _is_there(holder: Any, key: Any) -> bool:
    """True while the place is there: earlier damage may have removed it."""
    return key in holder if isinstance(holder, dict) else bool(key < len(holder))


def damaged(data: Any, chance: Random, most: int = 4) -> Any:
    """A copy of the data with up to ``most`` values replaced, removed, doubled, moved or added."""
    data = json.loads(json.dumps(data))
    spots = places(data)
    for _ in range(chance.randint(1, most)):
        holder, key = chance.choice(spots)
        if not _is_there(holder, key):
            continue
        match chance.randrange(6):
            case 0 | 1:
                holder[key] = copy.deepcopy(chance.choice(ATOMS))
            case 2:
                del holder[key]
            case 3:
                other, from_key = chance.choice(spots)
                if _is_there(other, from_key):
                    holder[key] = copy.deepcopy(other[from_key])
            case 4 if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case _ if isinstance(holder, dict):
                holder[chance.choice(KEYS)] = copy.deepcopy(chance.choice(ATOMS))
    return data


def spoiled(content: bytes, chance: Random, most: int = 3) -> bytes:
    """The bytes with up to ``most`` stretches cut, flipped, doubled or filled with junk."""
    raw = bytearray(content)
    for _ in range(chance.randint(1, most)):
        at = chance.randrange(len(raw) + 1)
        match chance.randrange(5):
            case 0:
                del raw[at:]
            case 1 if at < len(raw):
                raw[at] ^= 1 << chance.randrange(8)
            case 2:
                raw[at:at] = chance.choice(JUNK) * chance.choice([1, 2, 5000])
            case 3:
                raw[at:at] = raw[max(0, at - chance.randrange(200)) : at]
            case _:
                del raw[at : at + chance.randrange(1, 50)]
    return bytes(raw)


def as_file(data: Any) -> bytes:
    """The data as a file, NaN and all."""
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass")
