"""A photograph as a tablet sends it: text that must become a JPEG or PNG of a bounded size."""

from __future__ import annotations

import base64

from openkap.care.live.metadata import JPEG, PNG, picture_only
from openkap.core.errors import InputError

LARGEST = 400_000
TYPES = {JPEG: "image/jpeg", PNG: "image/png"}


def picture_of(text: str) -> tuple[bytes, str]:
    """What draws the picture, and its media type; ``InputError`` where that cannot be kept."""
    try:
        sent = base64.b64decode(text, validate=True)
        image = picture_only(sent) if len(sent) <= LARGEST else b""
    except ValueError:
        image = b""
    media_type = next((name for head, name in TYPES.items() if image.startswith(head)), "")
    if not media_type:
        raise InputError(
            "this photograph cannot be kept",
            limit=f"JPEG or PNG of at most {LARGEST // 1000} kB",
            remedy="take it again",
            where="image",
        )
    return image, media_type
