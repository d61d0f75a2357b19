"""The words of a PDF, read by a second implementation: for tests that compare paper with the database."""

from __future__ import annotations

import re
import zlib

OBJECT = re.compile(rb"(\d+) 0 obj\s(.*?)\sendobj", re.S)
STREAM = re.compile(rb"\bstream\r?\n")
FONT_OR_END = re.compile(rb"/(\w+) [\d.]+ Tf|\b(ET)\b")
ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.S)
PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def text_of(pdf: bytes) -> str:
    """All text in the order it was drawn, one line a block."""
    objects = dict(OBJECT.findall(pdf))
    fonts = _fonts(objects)
    pages = [body for body in objects.values() if re.search(rb"/Type\s*/Page\b", body)]
    said = []
    for page in pages:
        for number in re.findall(rb"/Contents\s*\[?\s*(\d+) 0 R", page):
            said.append(_drawn(_stream(objects[number]), fonts))
    return "\n".join(said)


def _stream(body: bytes) -> bytes:
    found = STREAM.search(body)
    # It ends by itself: its last byte may look like the end of a line, and belongs to it all the same.
    return zlib.decompressobj().decompress(body[found.end() :]) if found and b"/FlateDecode" in body else b""


def _fonts(objects: dict[bytes, bytes]) -> dict[bytes, dict[int, str]]:
    """Name of each font to its glyphs as letters."""
    made = {}
    for body in objects.values():
        for listed in re.findall(rb"/Font\s*<<(.*?)>>", body, re.S):
            for name, number in re.findall(rb"/(\w+) (\d+) 0 R", listed):
                to_unicode = re.search(rb"/ToUnicode (\d+) 0 R", objects[number])
                made[name] = _letters(_stream(objects[to_unicode.group(1)])) if to_unicode else {}
    return made


def _letters(cmap: bytes) -> dict[int, str]:
    pairs = re.findall(rb"<([0-9a-fA-F]{4})>\s*<([0-9a-fA-F]+)>", cmap.split(b"endcodespacerange")[-1])
    return {int(code, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for code, text in pairs}


def _drawn(content: bytes, fonts: dict[bytes, dict[int, str]]) -> str:
    letters: dict[int, str] = {}
    said = []
    for is_text, part in _parts(content):
        if is_text:
            raw = ESCAPE.sub(_unescaped, part)
            codes = [raw[place] * 256 + raw[place + 1] for place in range(0, len(raw) - 1, 2)]
            said.append("".join(letters.get(code, "") for code in codes))
            continue
        for found in FONT_OR_END.finditer(part):
            letters = fonts.get(found.group(1), {}) if found.group(1) else letters
            said += ["\n"] if found.group(2) else []
    return "".join(said)


def _parts(content: bytes) -> list[tuple[bool, bytes]]:
    """Operators and strings in turn; a string may hold brackets of its own, as long as they match."""
    parts, begin, depth, place = [], 0, 0, 0
    while place < len(content):
        sign = content[place : place + 1]
        if sign == b"\\":
            place += 1
        elif sign == b"(":
            if depth == 0:
                parts.append((False, content[begin:place]))
                begin = place + 1
            depth += 1
        elif sign == b")":
            depth -= 1
            if depth == 0:
                parts.append((True, content[begin:place]))
                begin = place + 1
        place += 1
    return [*parts, (False, content[begin:])]


def _unescaped(found: re.Match[bytes]) -> bytes:
    sign = found.group(1)
    return bytes([int(sign, 8) & 255]) if sign[:1].isdigit() else PLAIN.get(sign, sign)
