"""Putting one event at the end of a chain: the head is held, the event linked to it, the head moved on.

PostgreSQL does all of it, the digest included, in one statement: the chain of a clinic is held only as long
as its transaction takes, and a look outside a transaction costs one exchange. SQLite has one writer anyhow
and takes its three steps in Python. Both are checked by the same verifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from openkap.care.audit.chain import canonical, digest
from openkap.care.audit.models import ChainHead

_APPEND = """
WITH last AS (
    SELECT chain, sequence, digest FROM audit_chainhead WHERE chain = %(chain)s FOR UPDATE
), written AS (
    SELECT chain, sequence + 1 AS sequence, digest AS previous,
           %(before)s::text || (sequence + 1)::text || %(after)s::text AS body
    FROM last
), linked AS (
    SELECT *, encode(sha256(convert_to(previous || E'\\n' || body, 'UTF8')), 'hex') AS digest FROM written
), moved AS (
    UPDATE audit_chainhead AS head SET sequence = linked.sequence, digest = linked.digest
    FROM linked WHERE head.chain = linked.chain
)
INSERT INTO audit_auditevent
    (chain, sequence, body, previous, digest, at, actor, action, entity, entity_uid, patient)
SELECT chain, sequence, body, previous, digest,
       %(at)s, %(actor)s, %(action)s, %(entity)s, %(uid)s, %(patient)s
FROM linked
"""
_INSERT = """
INSERT INTO audit_auditevent
    (chain, sequence, body, previous, digest, at, actor, action, entity, entity_uid, patient)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_MOVE = "UPDATE audit_chainhead SET sequence = %s, digest = %s WHERE chain = %s"


@dataclass(frozen=True, slots=True)
class Event:
    """What is to be added; ``body`` lacks only its number."""

    chain: str
    body: dict[str, Any]
    at: datetime
    actor: str
    action: str
    entity: str
    uid: str
    patient: str


def append(event: Event) -> None:
    """Add the event to its chain, in the transaction under way or in one of its own."""
    # Without a savepoint: an act whose event fails must fail as a whole.
    if connection.in_atomic_block:
        with transaction.atomic(savepoint=False):
            _append(event)
    elif connection.vendor == "postgresql":
        _append(event)
    else:
        with transaction.atomic():
            _append(event)


def _append(event: Event) -> None:
    write = _in_one_statement if connection.vendor == "postgresql" else _step_by_step
    if write(event):
        return
    ChainHead.objects.get_or_create(chain=event.chain)
    if not write(event):
        # Nothing is answered or done that is not in the audit.
        raise RuntimeError(f"the chain {event.chain!r} has no end to add to")


def _in_one_statement(event: Event) -> bool:
    """Whether the chain was there; its text is put together around the number only the database knows."""
    body = event.body
    before = canonical({name: body[name] for name in body if name < "sequence"})
    after = canonical({name: body[name] for name in body if name > "sequence"})
    given: dict[str, Any] = {
        "chain": event.chain,
        "before": f'{before[:-1]},"sequence":',
        "after": f",{after[1:]}",
        "at": event.at,
        "actor": event.actor,
        "action": event.action,
        "entity": event.entity,
        "uid": event.uid,
        "patient": event.patient,
    }
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, given)
        return bool(cursor.rowcount)


def _step_by_step(event: Event) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sequence, digest FROM audit_chainhead WHERE chain = %s", [event.chain])
        head = cursor.fetchone()
        if head is None:
            return False
        sequence, previous = head[0] + 1, head[1]
        body = canonical(event.body | {"sequence": sequence})
        link = digest(previous, body)
        at = connection.ops.adapt_datetimefield_value(event.at)
        row = [event.chain, sequence, body, previous, link, at]
        cursor.execute(_INSERT, [*row, event.actor, event.action, event.entity, event.uid, event.patient])
        cursor.execute(_MOVE, [sequence, link, event.chain])
    return True
