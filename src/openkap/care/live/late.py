"""What a tablet still held when the record was signed: it enters the record as arrived after signing.

The signed record stays as it was signed. What comes later is kept whole, with who saw it and when, stands
beside the record as a late addendum, and is marked as such wherever the record is shown.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from django.db import transaction
from django.utils.timezone import localtime

from openkap.care.enrolment.assessment import canonical
from openkap.care.live.models import AlertAnswer, LateEntry, Photo
from openkap.care.live.pictures import picture_of
from openkap.care.treatment.models import DoseDoubt, DoseEvent, Entry, Session
from openkap.care.treatment.rows.acts import once, told_audit
from openkap.care.treatment.rows.stamps import Stamp
from openkap.core.errors import InputError
from openkap.protocol.elements import dictionary

PHOTO_IN_ERROR = "photo_in_error"
BEFORE_SIGNING = (Entry, DoseEvent, DoseDoubt, Photo, AlertAnswer, LateEntry)
WORDS = {
    "gates": "before the dose",
    "vitals": "vital signs",
    "leaving": "before leaving",
    "correct": "correction",
    "take_back": "crossing out",
    "settle": "decision on an act in doubt",
    "acknowledge": "answer to an alert",
    "photo": "photograph of the monitor",
    PHOTO_IN_ERROR: "crossing out of",
    "start": "dose started",
    "pause": "dose paused",
    "resume": "dose resumed",
    "rate": "rate changed",
    "stop": "dose stopped",
}
# Said in words of their own, or of no use to a reader.
SILENT = frozenset({"values", "image", "confirmed", "corrects", "alert", "entry", "doubt"})


@transaction.atomic
def keep_late(*, by: Any, session: Session, act: str, payload: dict[str, Any], stamp: Stamp) -> str:
    """The entry as it came; one that had arrived before the signature is answered by its own row."""
    for model in BEFORE_SIGNING:
        held = once(model, session, stamp)
        if held is not None:
            return held.uid
    row = LateEntry.objects.create(
        session=session,
        act=act,
        payload=canonical(payload | _picture_only(payload)),
        words=in_words(act, payload, _photo_crossed(session, payload) if act == PHOTO_IN_ERROR else ""),
        **stamp.fields(by),
    )
    told_audit(by, "session.entered_after_signing", session, row, act=act)
    return row.uid


def _picture_only(payload: dict[str, Any]) -> dict[str, str]:
    """The photograph as any other is kept; what is none stays as it came, and is not shown as one."""
    try:
        image, _ = picture_of(str(payload.get("image", "")))
    except InputError:
        return {}
    return {"image": base64.b64encode(image).decode()}


def _photo_crossed(session: Session, payload: dict[str, Any]) -> str:
    """Which photograph is crossed out: by its time, and what was written to it."""
    name = {"session": session, "client_id": str(payload.get("corrects", ""))}
    photos = Photo.objects.filter(corrects__isnull=True, **name).values_list("observed_at", "about")
    found = photos.first()
    if found is None and (late := LateEntry.objects.filter(act="photo", **name).first()):
        found = late.observed_at, str(json.loads(late.payload).get("note", ""))
    if found is None:
        return "a photograph that has not reached the server"
    at, about = found
    return f"the photograph of {localtime(at):%a %-d %b %Y %H:%M}" + (f", “{about}”" if about else "")


def in_words(act: str, payload: dict[str, Any], of: str = "") -> str:
    """What was entered, every value of it; ``of`` is what it is about."""
    values = payload.get("values")
    said = [
        f"{_label(name)} {value}"
        for name, value in (values.items() if isinstance(values, dict) else ())
        if value not in ("", None)
    ]
    said += [
        f"{name.replace('_', ' ')} {value}".removeprefix("note ")
        for name, value in payload.items()
        if name not in SILENT and value not in ("", None)
    ]
    what = " ".join(filter(None, (WORDS.get(act, act), of)))
    return f"{what}: {'; '.join(said)}" if said else what


def _label(name: str) -> str:
    known = dictionary()
    return known[name].label.lower() if name in known else name.replace("_", " ")
