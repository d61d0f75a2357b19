"""Looks at pages that are opened, or ask anew by themselves, again and again.

One event when such a page shows somebody whom this browser has not seen on it, and again after an hour: not
one for each poll of the board or of a session, nor for each way back to the to-do list.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from openkap.care.accounts.middleware import ClinicRequest
from openkap.care.audit.actions import record_listed
from openkap.care.moment import now

LOOKS_KEY = "looked_over"
ANEW_AFTER = timedelta(hours=1)


def look_over(
    request: ClinicRequest, where: str, patients: Iterable[str], *, is_opened: bool = False
) -> None:
    """Audit whom the page shows; ``is_opened`` says that this is a look of its own, whoever stands there."""
    shown = sorted({uid for uid in patients if uid})
    looks = request.session.get(LOOKS_KEY, {})
    at, before = looks.get(where, ("", []))
    is_old = not at or now() - datetime.fromisoformat(at) >= ANEW_AFTER
    if not is_opened and not is_old and set(shown) <= set(before):
        return
    if not shown and not before:
        return
    record_listed(request.actor, where, shown)
    request.session[LOOKS_KEY] = looks | {where: (now().isoformat(), shown)}


def looks_on(request: ClinicRequest, page: str, uid: str) -> bool:
    """Whether this browser has looked at that page of one patient within the hour."""
    at, _ = request.session.get(LOOKS_KEY, {}).get(f"{page} {uid}", ("", []))
    return bool(at) and now() - datetime.fromisoformat(at) < ANEW_AFTER


def looked(request: ClinicRequest, page: str, uid: str) -> None:
    """The look is in the audit: what the page asks by itself in the next hour belongs to it."""
    looks = request.session.get(LOOKS_KEY, {})
    request.session[LOOKS_KEY] = looks | {f"{page} {uid}": (now().isoformat(), [])}
