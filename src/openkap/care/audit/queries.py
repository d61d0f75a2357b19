"""Reads of the audit: pages for the auditor, the export, and the check of the rows themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.utils import timezone

from openkap.care.audit.actions import LISTED
from openkap.care.audit.chain import GENESIS, digest
from openkap.care.audit.models import AuditEvent, ChainHead
from openkap.care.audit.verify import FORMAT
from openkap.care.contributions import contributions
from openkap.care.typed import day_typed
from openkap.core.errors import InputError

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """One event as the auditor reads it."""

    sequence: int
    at: datetime
    actor: str
    actor_name: str
    roles: str
    action: str
    patient: str
    reason: str
    detail: dict[str, Any]
    digest: str

    @property
    def act(self) -> str:
        """``consent.part_gone_through`` as ``Consent part gone through``."""
        return self.action.replace(".", " ").replace("_", " ").capitalize()

    @property
    def told(self) -> list[Told]:
        """The detail in words; what holds nothing is left out."""
        return [_told(name, value) for name, value in self.detail.items() if value not in ("", None, [], {})]


@dataclass(frozen=True, slots=True)
class Told:
    """One part of an event's detail: its words, and the patients of a list by their ids."""

    name: str
    words: str
    patients: tuple[str, ...] = ()


def _told(name: str, value: Any) -> Told:
    if name == "shown" and isinstance(value, list):
        return Told(name, f"{len(value)} patient{'' if len(value) == 1 else 's'}", tuple(map(str, value)))
    return Told(name.replace("_", " "), _in_words(value))


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name.replace('_', ' ')}: {_in_words(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_in_words, value))
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: "nothing"}[value]
    return str(value)


@dataclass(frozen=True, slots=True)
class Days:
    """The days a search is about, both included; ``None`` where it is open."""

    first: date | None
    last: date | None


def days_typed(first: str, last: str) -> Days:
    """Days as they were typed; refused where one is none or the last comes before the first."""
    days = Days(
        day_typed(first, where="from") if first else None, day_typed(last, where="to") if last else None
    )
    if days.first and days.last and days.last < days.first:
        raise InputError(
            "the last day comes before the first",
            value=last,
            limit=f"first day {first}",
            remedy="turn the two round",
            where="to",
        )
    return days


def find_events(
    events: QuerySet[AuditEvent],
    *,
    clinic: str = "",
    actor: str = "",
    patient: str = "",
    action: str = "",
    days: Days | None = None,
    page: int = 1,
) -> Page[Any]:
    """A page of events, newest first."""
    if days and days.first:
        events = events.filter(at__gte=_midnight(days.first))
    if days and days.last:
        events = events.filter(at__lt=_midnight(days.last + timedelta(days=1)))
    if actor:
        # An id, or a part of a name as it stood at the time.
        named = json.dumps(actor, ensure_ascii=False)[1:-1]
        events = events.filter(Q(actor=actor) | Q(body__iregex=f'"actor_name":"[^"]*{re.escape(named)}'))
    if patient:
        patient = _uid_of(clinic, patient)
        # A list names those it showed inside: whoever looks for one patient finds these looks too.
        listed = Q(patient="", action=LISTED, body__contains=f'"{patient}"')
        events = events.filter(Q(patient=patient) | listed)
    if action:
        events = events.filter(action__startswith=action)
    found: Page[Any] = Paginator(events.order_by("-sequence"), PAGE_SIZE).get_page(page)
    found.object_list = [_read(event) for event in found.object_list]
    return found


def _midnight(day: date) -> datetime:
    """The beginning of a day in the zone that the page tells time in."""
    return timezone.make_aware(datetime.combine(day, time()))


def _uid_of(clinic: str, asked: str) -> str:
    """A patient's id, asked for by itself or by the code that stands on their chart."""
    for module in contributions("patient_codes"):
        if uid := module.uid_of(clinic, asked):
            return str(uid)
    return asked


def _read(event: AuditEvent) -> ReadEvent:
    body = json.loads(event.body)
    return ReadEvent(
        sequence=event.sequence,
        at=event.at,
        actor=event.actor,
        actor_name=body["actor_name"],
        roles=body["roles"],
        action=event.action,
        patient=event.patient,
        reason=body["reason"],
        detail=body["detail"],
        digest=event.digest,
    )


def last_act(action: str, *, clinic_uid: str, patient: str) -> tuple[str, datetime | None]:
    """Who did it last to a patient's record, and when; nobody when it was never done."""
    done = AuditEvent.objects.filter(chain=clinic_uid, patient=patient, action=action)
    event = done.order_by("-sequence").first()
    return (_read(event).actor_name, event.at) if event else ("", None)


def head_of(chain: str) -> tuple[int, str]:
    """Number and digest of a chain's last event: note it elsewhere, it is the anchor."""
    head = ChainHead.objects.filter(chain=chain).first()
    return (head.sequence, head.digest) if head else (0, GENESIS)


def chains() -> list[str]:
    """The names of all chains."""
    return list(ChainHead.objects.order_by("chain").values_list("chain", flat=True))


def export_lines(chain: str) -> Iterator[str]:
    """The whole chain as ``openkap audit verify`` reads it, one JSON object a line."""
    yield _line({"openkap_audit": FORMAT, "chain": chain, "first": 1, "previous": GENESIS})
    sequence, last = 0, GENESIS
    rows = AuditEvent.objects.filter(chain=chain).order_by("sequence")
    for each in rows.values_list("sequence", "previous", "digest", "body").iterator(chunk_size=2000):
        sequence, previous, last, body = each
        yield _line({"sequence": sequence, "previous": previous, "digest": last, "body": body})
    yield _line({"end": sequence, "digest": last})


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False, sort_keys=True) + "\n"


def disagreeing_rows(chain: str) -> list[int]:
    """Numbers of events whose searchable columns or digest differ from their text."""
    wrong = []
    for event in AuditEvent.objects.filter(chain=chain).order_by("sequence").iterator(chunk_size=2000):
        body = json.loads(event.body)
        columns = {
            "sequence": event.sequence,
            "actor": event.actor,
            "action": event.action,
            "entity": event.entity,
            "uid": event.entity_uid,
            "patient": event.patient,
            "at": event.at.isoformat(timespec="microseconds"),
        }
        if digest(event.previous, event.body) != event.digest or any(
            body[name] != value for name, value in columns.items()
        ):
            wrong.append(event.sequence)
    return wrong
