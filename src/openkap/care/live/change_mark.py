"""A mark of each session that changes whenever what its page shows does; each screen asks every two seconds.

One statement for all sessions, written by hand because putting it together took longer than answering it.
Before the start the page also says what holds the dose, and that rests on more than the session's own rows:
screening, consent, the course, other sessions of the day, credentials. Every act on a patient is in the
audit, in the order in which the acts took effect: its last event about the person stands for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Model

from openkap.care.accounts.models import Clinic, Credential
from openkap.care.audit.models import AuditEvent
from openkap.care.live.models import LateEntry, Photo
from openkap.care.patients.models import Patient
from openkap.care.treatment.models import AdverseEvent, Alert, DoseDoubt, DoseEvent, Entry, Session
from openkap.care.treatment.rows.acts import BEFORE, RUNNING

_LAST: tuple[type[Model], ...] = (
    Entry,
    DoseEvent,
    DoseDoubt,
    Alert,
    AdverseEvent,
    Photo,
    LateEntry,
)
_COUNTED: tuple[tuple[type[Model], str], ...] = (
    (Alert, "acknowledged_at"),
    (Alert, "escalated_at"),
    (DoseDoubt, "settled_at"),
    (AdverseEvent, "reported_at"),
)


def _table(model: type[Model]) -> str:
    return model._meta.db_table


# Nothing but names of our own tables and columns is put into the texts below.
# The records of one person may be several; each is looked up by itself, which the index answers at once.
_NEWS = f"""(
    SELECT SUM((
        SELECT MAX(e.sequence) FROM {_table(AuditEvent)} AS e WHERE e.chain = c.uid AND e.patient = p.uid
    ))
    FROM {_table(Patient)} AS p JOIN {_table(Clinic)} AS c ON c.id = p.clinic_id
    WHERE p.id = s.patient_id OR p.merged_into_id = s.patient_id
)"""  # noqa: S608
# A credential concerns no patient: those of nurse and prescriber are counted, and those of them revoked.
_CREDENTIALS = tuple(
    f"(SELECT COUNT({column}) FROM {_table(Credential)} WHERE staff_id IN (s.nurse_id, s.prescriber_id))"  # noqa: S608
    for column in ("id", "revoked_at")
)


def _marks_sql(sessions: int) -> str:
    told = [f"(SELECT MAX(id) FROM {_table(m)} WHERE session_id = s.id)" for m in _LAST]  # noqa: S608
    for model, column in _COUNTED:
        told.append(f"(SELECT COUNT({column}) FROM {_table(model)} WHERE session_id = s.id)")  # noqa: S608
    states = ", ".join(f"'{state.value}'" for state in BEFORE)
    told += [f"CASE WHEN s.state IN ({states}) THEN {each} END" for each in (_NEWS, *_CREDENTIALS)]
    places = ", ".join(["%s"] * sessions)
    what = f"s.id, s.version, s.locked_at IS NOT NULL, {', '.join(told)}"
    return f"SELECT {what} FROM {_table(Session)} AS s WHERE s.id IN ({places})"  # noqa: S608


def marks_of(sessions: Sequence[Session]) -> dict[int, str]:
    """For each session what changes whenever its record does; one statement for all of them."""
    if not sessions:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_marks_sql(len(sessions)), [each.pk for each in sessions])
        return {key: "-".join(str(int(each or 0)) for each in rest) for key, *rest in cursor.fetchall()}


def mark_of(session: Session) -> str:
    """Changes whenever the record of the session does."""
    return marks_of([session])[session.pk]


def with_the_clock(mark: str, session: Session, moment: datetime) -> str:
    """The mark of a session whose state follows the clock: looked at anew each minute.

    Before the start what was entered becomes old and credentials end; then come the conditions for leaving.
    """
    follows = session.state in (*BEFORE, *RUNNING)
    return f"{mark}-{moment:%m%d%H%M}" if follows else mark
