"""Adding to the audit. Everything that acts calls ``record`` as its last step inside its transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Any, Protocol

from openkap.care.audit.appending import Event, append
from openkap.care.audit.models import SYSTEM_CHAIN
from openkap.care.logs import request_id
from openkap.care.moment import now


class Who(Protocol):
    """The person or job behind an event."""

    @property
    def uid(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def role_words(self) -> str: ...
    @property
    def clinic_uid(self) -> str: ...


def record(
    action: str,
    *,
    by: Who,
    entity: str = "",
    uid: str = "",
    patient: str = "",
    reason: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Append one event to the chain of the actor's clinic.

    Parameters
    ----------
    action : what was done, as ``noun.verb`` (``patient.seen``, ``consent.signed``).
    by : who; their clinic decides the chain.
    entity, uid : kind and public id of the row it was done to.
    patient : public id of the patient it concerns, never a name.
    reason : why, in the person's own words, where one was asked for.
    detail : what changed, small and JSON-ready: old and new values, versions, fingerprints.
    """
    chain = by.clinic_uid or SYSTEM_CHAIN
    moment = now().astimezone(UTC)
    body = {
        "chain": chain,
        "at": moment.isoformat(timespec="microseconds"),
        "actor": by.uid,
        "actor_name": by.name,
        "roles": by.role_words,
        "action": action,
        "entity": entity,
        "uid": uid,
        "patient": patient,
        "reason": reason,
        "detail": detail or {},
        "request": request_id.get(),
    }
    append(Event(chain, body, moment, by.uid, action, entity, uid, patient))


LISTED = "patients.listed"


def record_listed(by: Who, where: str, patients: Iterable[str], **detail: Any) -> None:
    """A page showed several patients: one event that names the list and their public ids.

    A list that showed nobody leaves nothing, unless ``detail`` says what was looked for.
    """
    shown = list(dict.fromkeys(uid for uid in patients if uid))
    if shown or detail:
        record(LISTED, by=by, entity="patient", detail={"where": where, "shown": shown} | detail)
