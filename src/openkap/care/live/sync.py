"""A tablet sends what it holds; each entry gets its own answer, in the order it was made.

Answers: ``saved`` (it is in the record, now or from an earlier sending), ``later`` (the tablet keeps it),
``ask`` (unusual: confirm), ``refused`` (says what, the limit and the remedy; the person decides). An entry
says who made it (``by``); it waits on the tablet until that person is logged in there again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError, transaction

from openkap.care.accounts.actor import Actor
from openkap.care.live.acts import DOSE, Sent, TooEarly, moment_of, perform
from openkap.care.moment import now
from openkap.care.treatment.models import Session
from openkap.care.treatment.monitoring.session_actions import Implausible
from openkap.care.treatment.rows.stamps import Stamp
from openkap.core.errors import InputError

MOST_AT_ONCE = 100
log = logging.getLogger(__name__)
NOT_ALLOWED = InputError("your role may not enter this", remedy="have somebody enter it who may")
NOT_FORESEEN = InputError(
    "the server could not take this entry", remedy="look at its values and correct them, or keep it as a note"
)
NOT_THEIRS = InputError(
    "somebody else entered this on the tablet", remedy="it waits there until they log in again"
)


def receive(
    *, by: Actor, patient: str, session: Session, device: str, body: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Take a batch; one answer for each entry, in order."""
    entries = body.get("entries") or []
    if not isinstance(entries, list) or len(entries) > MOST_AT_ONCE:
        raise InputError("too many entries at once", limit=f"{MOST_AT_ONCE}", remedy="send them in parts")
    device_now = body.get("device_now")
    clock = moment_of(str(device_now), "device_now") if device_now else None
    answers: list[dict[str, Any]] = []
    dose_waits = False
    for entry in entries:
        if not isinstance(entry, dict) or not str(entry.get("id", "")):
            raise InputError("an entry without an id cannot be taken", remedy="reload the page")
        act = str(entry.get("act", ""))
        if dose_waits and act in DOSE:
            answers.append(_answer(entry, "later", InputError("what comes before it waits itself")))
            continue
        author = entry.get("by")
        if author is not None and author != by.uid:
            answer = _answer(entry, "later", NOT_THEIRS)
        else:
            answer = _one(by, patient, session, device, clock, entry)
        # What was done with the drug has one order: nothing overtakes an act that waits.
        dose_waits = dose_waits or (act in DOSE and answer["status"] == "later")
        answers.append(answer)
    return answers


def _one(
    by: Actor, patient: str, session: Session, device: str, clock: Any, entry: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        observed = moment_of(str(entry.get("observed_at", "")), "observed_at")
        stamp = Stamp(str(entry["id"]), observed, device, clock)
        payload = entry.get("payload") or {}
        if not isinstance(payload, dict):
            raise InputError("an entry without content cannot be taken", remedy="enter it again")
        sent = Sent(by, patient, session.uid, str(entry.get("act", "")), payload, stamp)
        with transaction.atomic():
            uid = perform(sent, session)
    except TooEarly as waits:
        return _answer(entry, "later", waits)
    except Implausible as unusual:
        return _answer(entry, "ask", unusual) | {"elements": list(unusual.elements)}
    except InputError as refused:
        return _answer(entry, "refused", refused)
    except PermissionDenied:
        return _answer(entry, "refused", NOT_ALLOWED)
    except (OperationalError, InterfaceError):
        # The database is busy or away, for this entry as for all: the tablet sends everything again.
        raise
    except Exception:
        # One entry that nobody foresaw must not hold up those behind it.
        log.exception("an entry of a tablet could not be taken")
        return _answer(entry, "refused", NOT_FORESEEN)
    return {"id": entry["id"], "status": "saved", "uid": uid, "saved_at": now().isoformat()}


def _answer(entry: Mapping[str, Any], status: str, refused: InputError) -> dict[str, Any]:
    return {
        "id": entry["id"],
        "status": status,
        "what": refused.what,
        "value": str(refused.value or ""),
        "limit": str(refused.limit or ""),
        "remedy": refused.remedy or "",
        "where": refused.where or "",
    }


def known_ids(session: Session, ids: Sequence[str]) -> set[str]:
    """Which of these client ids are in the record."""
    from openkap.care.treatment.models import DoseEvent, Entry

    held: set[str] = set()
    for model in (Entry, DoseEvent):
        rows = model._default_manager.filter(session=session, client_id__in=ids)
        held.update(rows.values_list("client_id", flat=True))
    return held
