"""What every act in a session does first and last: lock, once only, corrections, audit."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.utils.timezone import localtime

from openkap.care.accounts.actor import Actor
from openkap.care.audit.actions import record
from openkap.care.contributions import contributions
from openkap.care.moment import day_begins
from openkap.care.permissions import Permission
from openkap.care.prepared import prepared
from openkap.care.treatment.access import session_for
from openkap.care.treatment.models import Session
from openkap.care.treatment.models.record import Recorded
from openkap.care.treatment.rows.stamps import Stamp
from openkap.core.errors import InputError

Row = TypeVar("Row", bound=Recorded)
State = Session.State
RUNNING = (State.DOSING, State.RECOVERY)
BEFORE = (State.ARRIVED, State.CLEARED)
# Until the dose is over, drawn drug is wasted with a reason only.
NOT_OVER = (*BEFORE, State.DOSING)
# In the chair: the live page's own.
UNDER_WAY = (State.CLEARED, *RUNNING)


def locked_session(by: Actor, patient: str, uid: str, permission: Permission) -> Session:
    """The session for writing, one writer at a time."""
    found = session_for(by, patient, uid, permission)
    hold(found)
    if found.locked_at is not None:
        raise InputError("this session is signed and locked", remedy="write an addendum")
    return found


def hold(session: Session) -> None:
    """Nobody else writes in this session until the transaction ends; how far it has come, as it is now."""
    session.state, session.locked_at, session.version = _held(session.pk)[0]


def reread(session: Session) -> None:
    """How far the session has come by now, put on the row that somebody holds."""
    session.state, session.state_because, session.locked_at, session.version = _moved(session.pk)[0]


@prepared
def _moved(session_id: int) -> QuerySet[Session, tuple[Any, ...]]:
    rows = Session.objects.filter(pk=session_id)
    return rows.values_list("state", "state_because", "locked_at", "version")


@prepared
def _held(session_id: int) -> QuerySet[Session, tuple[Any, ...]]:
    rows = Session.objects.select_for_update().filter(pk=session_id)
    return rows.values_list("state", "locked_at", "version")


def refuse_before_its_day(session: Session, stamp: Stamp) -> None:
    """A clock that is days or years wrong: nothing of a session was seen before its day began."""
    if stamp.observed_at is None:
        return
    day = day_begins(session.starts_at)
    if stamp.observed_at < day:
        raise InputError(
            "this time is before the day of the session",
            value=f"{localtime(stamp.observed_at):%-d %b %Y, %H:%M}",
            limit=f"from {day:%-d %b %Y, %H:%M} on",
            remedy="correct the time, or the clock of the device",
            where="observed_at",
        )


def once(model: type[Row], session: Session, stamp: Stamp) -> Row | None:
    if not stamp.client_id:
        return None
    return next(iter(_sent_before(model)(session.pk, stamp.client_id)), None)


@cache
def _sent_before(model: type[Row]) -> Callable[[int, str], list[Row]]:
    @prepared
    def sent_before(session_id: int, client_id: str) -> QuerySet[Row]:
        return model._default_manager.filter(session_id=session_id, client_id=client_id)

    return sent_before


def corrected(model: type[Row], session: Session, stamp: Stamp) -> Row | None:
    if not stamp.corrects:
        return None
    row = model._default_manager.filter(session=session, uid=stamp.corrects).first()
    if row is None or hasattr(row, "corrected_by"):
        raise InputError("there is nothing to correct here", remedy="reload the page: it has been corrected")
    if not stamp.reason.strip():
        raise InputError("a correction needs its reason", remedy="write why", where="reason")
    return row


def told_audit(by: Actor, action: str, session: Session, row: Any, **detail: Any) -> None:
    if getattr(row, "corrects_id", None):
        detail["corrects"] = row.corrects.uid
    record(
        action,
        by=by,
        entity=type(row).__name__.lower(),
        uid=row.uid,
        patient=session.patient.uid,
        reason=getattr(row, "reason", ""),
        detail=detail | {"session": session.uid},
    )


def arrived_late(session: Session) -> list[dict[str, Any]]:
    """What tablets still held when the record was signed; beside the record, not under the signature."""
    return [row for each in contributions("session_record") for row in each.late(session)]


def crossed_late(session: Session) -> dict[str, str]:
    """Why photographs of the signed record were crossed out since."""
    return {
        uid: words
        for each in contributions("session_record")
        for uid, words in each.crossed_late(session).items()
    }


def move_on(session: Session, state: str, *, because: str = "", came: bool | None = None) -> None:
    session.state, session.state_because = state, because or session.state_because
    session.version += 1
    said = [] if came is None else ["came"]
    session.came = session.came if came is None else came
    session.save(update_fields=["state", "state_because", "version", *said])
