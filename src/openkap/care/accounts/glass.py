"""Breaking the glass: the emergency door to one record, for a reason and a time, reviewed afterwards."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from openkap.care.accounts.access import require
from openkap.care.accounts.actor import Actor
from openkap.care.accounts.models import BreakGlass
from openkap.care.audit.actions import record
from openkap.care.moment import now
from openkap.care.permissions import Permission
from openkap.core.errors import InputError

# Enough words for a reviewer to judge by.
SHORTEST_REASON = 10


@transaction.atomic
def break_glass(*, by: Actor, patient_uid: str, reason: str) -> BreakGlass:
    """Open one restricted record of one's clinic for a while; the caller has made sure that it is there."""
    require(by, Permission.BREAK_GLASS)
    if len(reason.strip()) < SHORTEST_REASON:
        raise InputError(
            "the reason is too short to be reviewed",
            value=reason,
            limit=f"{SHORTEST_REASON} characters or more",
            remedy="say what happened and what you need to see",
            where="reason",
        )
    moment = now()
    glass = BreakGlass.objects.create(
        staff_id=by.staff_id,
        clinic_id=by.clinic_id,
        patient_uid=patient_uid,
        reason=reason.strip(),
        opened_at=moment,
        expires_at=moment + timedelta(minutes=settings.BREAK_GLASS_MINUTES),
    )
    record(
        "glass.broken",
        by=by,
        entity="break_glass",
        uid=glass.uid,
        patient=patient_uid,
        reason=glass.reason,
        detail={"until": glass.expires_at.isoformat()},
    )
    return glass


@transaction.atomic
def review_glass(*, by: Actor, uid: str, review: str) -> None:
    """Somebody else looks at the reason and writes down what they think of it; once."""
    require(by, Permission.REVIEW_BREAK_GLASS)
    glass = BreakGlass.objects.select_for_update().filter(clinic_id=by.clinic_id, uid=uid).first()
    if glass is None:
        raise InputError("no such emergency at this clinic", remedy="look at the list again")
    if glass.staff_id == by.staff_id:
        raise InputError("nobody reviews their own emergency", remedy="ask another auditor")
    if not review.strip() or glass.reviewed_at:
        raise InputError(
            "it was reviewed before" if glass.reviewed_at else "the review is empty",
            remedy="write one sentence" if not glass.reviewed_at else None,
            where="review",
        )
    glass.reviewed_by_id, glass.reviewed_at, glass.review = by.staff_id, now(), review.strip()
    glass.save()
    record(
        "glass.reviewed", by=by, entity="break_glass", uid=uid, patient=glass.patient_uid, reason=glass.review
    )
