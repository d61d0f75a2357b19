"""How a person obtains a live session (through treatment's door), and practice runs of their clinic."""

from __future__ import annotations

import json

from django.http import Http404

from openkap.care.accounts.access import require
from openkap.care.accounts.actor import Actor
from openkap.care.live.models import LateEntry, Photo, Practice
from openkap.care.live.pictures import picture_of
from openkap.care.permissions import Permission
from openkap.care.treatment.access import session_for
from openkap.care.treatment.models import Session
from openkap.core.errors import InputError


def live_session_for(by: Actor, patient: str, uid: str, *, write: bool = False, seen: str = "") -> Session:
    """The session, for those who look on or for those who write."""
    right = Permission.RECORD_SESSION if write else Permission.SEE_PATIENT
    return session_for(by, patient, uid, right, seen=seen)


def photo_for(by: Actor, patient: str, uid: str, photo: str) -> Photo:
    """One photograph of a session."""
    session = live_session_for(by, patient, uid, seen="photo of the monitor")
    found = Photo.objects.filter(session=session, uid=photo, corrects__isnull=True).first()
    found = found or _late_photo(session, photo)
    if found is None:
        raise Http404("no such photograph")
    return found


def _late_photo(session: Session, uid: str) -> Photo | None:
    """One that came after the signature: kept as it was sent, beside the record."""
    row = LateEntry.objects.filter(session=session, uid=uid, act="photo").first()
    if row is None:
        return None
    try:
        image, media_type = picture_of(str(json.loads(row.payload).get("image", "")))
    except InputError:
        return None
    return Photo(session=session, uid=row.uid, image=image, media_type=media_type)


def practice_for(by: Actor, uid: str) -> Practice:
    """A practice run of the clinic: a team may work it on several tablets."""
    require(by, Permission.RECORD_SESSION)
    found = Practice.objects.filter(clinic_id=by.clinic_id, uid=uid).first()
    if found is None:
        raise Http404("no such practice run at this clinic")
    return found
