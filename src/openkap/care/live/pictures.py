"""A photograph as a tablet sends it: text that must become a JPEG or PNG of a bounded size."""

from __future__ import annotations

import base64
import binascii

from openkap.core.errors import InputError

LARGEST = 400_000
TYPES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png"}


def picture_of(text: str) -> tuple[bytes, str]:
    """The bytes and their media type; ``InputError`` when they are no photograph that can be kept."""
    try:
        image = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        image = b""
    media_type = next((name for head, name in TYPES.items() if image.startswith(head)), "")
    if not media_type or len(image) > LARGEST:
        raise InputError(
            "this photograph cannot be kept",
            limit=f"JPEG or PNG of at most {LARGEST // 1000} kB",
            remedy="take it again",
            where="image",
        )
    return image, media_type
