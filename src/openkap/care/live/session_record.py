"""What the live session adds to a session's record: photographs by their hash, and what came late.

``unsent`` and ``late`` are asked by whoever signs a record and by whoever shows a signed one.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils.timezone import localtime

from openkap.care.live.late import PHOTO_IN_ERROR
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
    found = list(rows.values_list(*names))
    crossed = _crossed_late(session) if any(row[-1] == PHOTO_IN_ERROR for row in found) else {}
    return [
        dict(zip(told, row, strict=False))
        | {"is_photo": row[-1] == "photo", "crossed_out": crossed.get(row[1], "")}
        for row in found
    ]


def crossed_late(session: Session) -> dict[str, str]:
    """By whom and why photographs of the signed record were crossed out since; by their public id."""
    crossed = _crossed_late(session)
    photos = Photo.objects.filter(session=session, client_id__in=crossed) if crossed else ()
    return {row.uid: crossed[row.client_id] for row in photos}


def _crossed_late(session: Session) -> dict[str, str]:
    """By the client id of the photograph."""
    rows = LateEntry.objects.filter(session=session, act=PHOTO_IN_ERROR).order_by("id")
    told = rows.values_list("payload", "entered_by__name")
    sent = [(json.loads(payload), who) for payload, who in told]
    return {str(each.get("corrects", "")): f"{who}: {each.get('reason', '')}" for each, who in sent}


def digest(image: bytes) -> str:
    """The hash of a photograph's bytes."""
    return hashlib.sha256(image).hexdigest()


def is_whole(row: Photo) -> bool | None:
    """Whether the bytes are still those that arrived; ``None`` where no hash was kept."""
    return None if row.sha256 is None else digest(bytes(row.image)) == row.sha256
