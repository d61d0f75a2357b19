"""How a person obtains a live session (through treatment's door), and practice runs of their clinic."""

from __future__ import annotations

from django.http import Http404

from openkap.care.accounts.access import require
from openkap.care.accounts.actor import Actor
from openkap.care.live.models import Photo, Practice
from openkap.care.permissions import Permission
from openkap.care.treatment.access import session_for
from openkap.care.treatment.models import Session


def live_session_for(by: Actor, patient: str, uid: str, *, write: bool = False, seen: str = "") -> Session:
    """The session, for those who look on or for those who write."""
    right = Permission.RECORD_SESSION if write else Permission.SEE_PATIENT
    return session_for(by, patient, uid, right, seen=seen)


def photo_for(by: Actor, patient: str, uid: str, photo: str) -> Photo:
    """One photograph of a session."""
    session = live_session_for(by, patient, uid, seen="photo of the monitor")
    found = Photo.objects.filter(session=session, uid=photo, corrects__isnull=True).first()
    if found is None:
        raise Http404("no such photograph")
    return found


def practice_for(by: Actor, uid: str) -> Practice:
    """A practice run of the clinic: a team may work it on several tablets."""
    require(by, Permission.RECORD_SESSION)
    found = Practice.objects.filter(clinic_id=by.clinic_id, uid=uid).first()
    if found is None:
        raise Http404("no such practice run at this clinic")
    return found
