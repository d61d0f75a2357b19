"""What the live session adds to a session's record: the photographs, by the hash of their bytes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Any

from openkap.care.live.models import Photo


def parts(session_ids: list[int]) -> dict[str, dict[int, list[dict[str, Any]]]]:
    """For each session its photographs; a signature over the record covers them by their hash."""
    rows = Photo.objects.filter(session_id__in=session_ids).select_related("entered_by")
    told: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.order_by("observed_at", "id"):
        told[row.session_id].append(
            {
                "uid": row.uid,
                "at": row.observed_at.isoformat(),
                "entered": row.entered_at.isoformat(),
                "by": row.entered_by.name,
                "about": row.about,
                "media_type": row.media_type,
                "sha256": row.sha256 or "",
                "is_whole": is_whole(row),
            }
        )
    return {"photos": told}


def digest(image: bytes) -> str:
    """The hash of a photograph's bytes."""
    return hashlib.sha256(image).hexdigest()


def is_whole(row: Photo) -> bool | None:
    """Whether the bytes are still those that arrived; ``None`` where no hash was kept."""
    return None if row.sha256 is None else digest(bytes(row.image)) == row.sha256
