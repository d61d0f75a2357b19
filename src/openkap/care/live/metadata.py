"""What a camera writes into a photograph beside the picture (place, time, device, a small copy) is left out.

Only what draws the picture is copied, part by part; of the rest, only which way up it is. A file that
cannot be read that far is refused with ``ValueError``: what it holds is not known. JPEG: ITU-T T.81, annex B.
PNG: W3C PNG specification, third edition, section 5. Orientation: Exif 2.3, tag 0x0112.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

JPEG, PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_EXIF = b"Exif\0\0"
_APP, _COMMENT = range(0xE0, 0xF0), 0xFE
_JFIF, _ADOBE, _CAMERA, _SCAN, _END = 0xE0, 0xEE, 0xE1, 0xDA, 0xD9
_MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
# Inside a scan, a marker's second byte is neither a stuffed zero, nor a restart, nor a fill byte.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_DRAWN = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_ORIENTATION, _SHORT = 0x0112, 3
_TURNED = range(2, 9)


def picture_only(image: bytes) -> bytes:
    """The same picture the same way up, without what is written beside it."""
    if image.startswith(JPEG):
        return _jpeg(image)
    if image.startswith(PNG):
        return _png(image)
    raise ValueError("neither JPEG nor PNG")


def _jpeg(image: bytes) -> bytes:
    kept, turned, is_drawn = [], b"", False
    for marker, body, scan in _segments(image):
        if marker == _CAMERA and body.startswith(_EXIF):
            turned = turned or _turned(body[len(_EXIF) :])
        if marker == _JFIF and body.startswith(b"JFIF\0"):
            # Without its small copy of the picture.
            body = body[:12] + bytes(2)
        elif marker == _ADOBE and body.startswith(b"Adobe"):
            # Says how the colours are stored: without it they come out wrong.
            body = body[:12]
        elif marker in _APP or marker == _COMMENT:
            continue
        is_drawn = is_drawn or marker == _SCAN
        kept.append(_segment(marker, body) + scan)
    if not is_drawn:
        raise ValueError("no picture in it")
    return JPEG + (_segment(_CAMERA, _EXIF + turned) if turned else b"") + b"".join(kept) + b"\xff\xd9"


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _segments(image: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Marker, body, and after a start of scan its data; what follows the picture's end is no part of it."""
    at = len(JPEG)
    while found := _MARKER.match(image, at):
        marker, at = found[1][0], found.end()
        if marker == _END:
            return
        size = int.from_bytes(image[at : at + 2])
        if size < 2 or at + size > len(image):
            break
        body, at = image[at + 2 : at + size], at + size
        start = at
        if marker == _SCAN:
            after = _AFTER_SCAN.search(image, at)
            at = after.start() if after else len(image)
        yield marker, body, image[start:at]
    if at != len(image):
        raise ValueError("not a JPEG from its begin to its end")


def _png(image: bytes) -> bytes:
    kept, turned, at = [], b"", len(PNG)
    while at < len(image):
        size, kind = int.from_bytes(image[at : at + 4]), image[at + 4 : at + 8]
        end = at + 12 + size
        if end > len(image):
            raise ValueError("a part of this PNG is not whole")
        if kind == b"eXIf":
            turned = turned or _turned(image[at + 8 : end - 4])
        if kind in _DRAWN:
            kept.append(image[at:end])
        if kind == b"IEND":
            break
        at = end
    if not kept or not kept[0][4:8] == b"IHDR":
        raise ValueError("no picture in it")
    said = b"eXIf" + turned
    exif = struct.pack(">I", len(turned)) + said + struct.pack(">I", zlib.crc32(said)) if turned else b""
    return PNG + kept[0] + exif + b"".join(kept[1:])


def _turned(tiff: bytes) -> bytes:
    """An Exif block that says nothing but which way up; empty where that is as it is stored, or not told."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return b""
    try:
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, first)
        for place in range(count):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, first + 2 + 12 * place)
            if tag == _ORIENTATION and kind == _SHORT and value in _TURNED:
                return b"MM" + struct.pack(">HIHHHIHHI", 42, 8, 1, _ORIENTATION, _SHORT, 1, value, 0, 0)
    except struct.error:
        return b""
    return b""
