"""What the live session adds to a session's record: photographs by their hash, and what came late.

``unsent`` and ``late`` are asked by whoever signs a record and by whoever shows a signed one.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils.timezone import localtime

from openkap.care.live.models import LateEntry, Photo, Screen
from openkap.care.moment import now
from openkap.care.treatment.models import Session

# A tablet asks every two seconds; one that goes away says so.
SILENT = timedelta(minutes=1)


def parts(session_ids: list[int]) -> dict[str, dict[int, list[dict[str, Any]]]]:
    """For each session its photographs; a signature over the record covers them by their hash."""
    rows = Photo.objects.filter(session_id__in=session_ids, corrects__isnull=True)
    rows = rows.select_related("entered_by", "corrected_by__entered_by")
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
                "crossed_out": _crossed_out(row),
            }
        )
    return {"photos": told}


def _crossed_out(row: Photo) -> str:
    """By whom and why; empty while it counts."""
    new = getattr(row, "corrected_by", None)
    return f"{new.entered_by.name}: {new.reason}" if new else ""


def unsent(session: Session) -> list[str]:
    """Which tablets hold entries that the server does not have, and which fell silent and may hold some."""
    silent = now() - SILENT
    rows = Screen.objects.filter(session=session).filter(Q(waiting__gt=0) | Q(seen_at__lt=silent))
    names = ("waiting", "name", "staff__name", "seen_at")
    return [
        f"{_held(waiting)} on the {name or 'tablet'} of {who}, last heard of {localtime(at):%-d %b %H:%M}"
        for waiting, name, who, at in rows.order_by("-seen_at").values_list(*names)
    ]


def _held(waiting: int) -> str:
    if not waiting:
        return "perhaps entries"
    return f"{waiting} {'entry' if waiting == 1 else 'entries'}"


def late(session: Session) -> list[dict[str, Any]]:
    """What arrived after the signature, in the order it was true."""
    rows = LateEntry.objects.filter(session=session).order_by("observed_at", "id")
    names = ("uid", "client_id", "observed_at", "entered_at", "entered_by__name", "words", "reason", "act")
    told = ("uid", "id", "at", "entered", "by", "words", "reason")
    return [
        dict(zip(told, row, strict=False)) | {"is_photo": row[-1] == "photo"}
        for row in rows.values_list(*names)
    ]


def digest(image: bytes) -> str:
    """The hash of a photograph's bytes."""
    return hashlib.sha256(image).hexdigest()


def is_whole(row: Photo) -> bool | None:
    """Whether the bytes are still those that arrived; ``None`` where no hash was kept."""
    return None if row.sha256 is None else digest(bytes(row.image)) == row.sha256
