"""A screen says that it is there: kept at most every few seconds, so that looking does not write all day."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet

from openkap.care.accounts.actor import Actor
from openkap.care.live.models import Screen
from openkap.care.moment import now
from openkap.care.prepared import prepared
from openkap.care.treatment.models import Session

KEPT_EVERY = timedelta(seconds=8)
# A change in the clock's lead of less than this is the network's doing.
SAME_CLOCK_MS = 500
FURTHEST_MS = 10**12


def heard_of(*, by: Actor, session: Session, device: str, name: str, ahead_ms: int, waiting: int) -> None:
    """Note who looks on, how their clock runs and what they hold. Not a clinical act: not audited."""
    ahead_ms = max(-FURTHEST_MS, min(FURTHEST_MS, ahead_ms))
    fields = {
        "name": name[:60],
        "staff_id": by.staff_id,
        "seen_at": now(),
        "ahead_ms": ahead_ms,
        "waiting": max(0, min(waiting, 10_000)),
    }
    row = next(iter(_screen(session.pk, device[:40])), None)
    if row is None:
        Screen.objects.get_or_create(session=session, device=device[:40], defaults=fields)
        return
    is_same = row.waiting == fields["waiting"] and abs(row.ahead_ms - ahead_ms) < SAME_CLOCK_MS
    if not is_same or row.staff_id != by.staff_id or now() - row.seen_at > KEPT_EVERY:
        Screen.objects.filter(pk=row.pk).update(**fields)


def left(*, session: Session, device: str) -> None:
    """A screen goes away and holds nothing."""
    Screen.objects.filter(session=session, device=device[:40], waiting=0).delete()


@prepared
def _screen(session_id: int, device: str) -> QuerySet[Screen]:
    return Screen.objects.filter(session_id=session_id, device=device)
