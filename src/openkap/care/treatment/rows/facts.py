"""A session's rows to the protocol's facts: gates, readings, conditions for leaving. The only translator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db.models import QuerySet
from django.utils.timezone import localtime

from openkap.care.enrolment.facts import consent_in_force, screening_facts
from openkap.care.enrolment.protocols import protocol_of
from openkap.care.enrolment.queries import screening_outcome
from openkap.care.moment import day_begins
from openkap.care.prepared import prepared
from openkap.care.treatment.drug.drawn import check_before
from openkap.care.treatment.models import (
    DoseEvent,
    Entry,
    Note,
    Prescription,
    Session,
    Value,
    Visit,
)
from openkap.core.quantity import Quantity
from openkap.protocol.elements import Value as Known
from openkap.protocol.elements import dictionary
from openkap.protocol.facts import Fact, Facts
from openkap.protocol.model import Protocol
from openkap.protocol.monitoring import NOT_LONGER, Reading, session_facts

RECORD = "the patient's record"
# A reading before the dose, as the rules during it call it.
BASELINE = {"sbp_predose": "sbp", "dbp_predose": "dbp", "heart_rate_predose": "heart_rate"}


@dataclass(frozen=True)
class Rows:
    """The entries of a session that count, oldest first: what was corrected or taken back is left out."""

    entries: tuple[Entry, ...]

    def of(self, *kinds: str) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.kind in kinds)


def rows_of(session: Session) -> Rows:
    """The entries that count, with their values, in the order they were true."""
    return rows_among(entries_of(session))


def entries_of(session: Session) -> list[Entry]:
    """Every entry, the corrected ones too, in the order they were true; ``values_of`` has their values."""
    rows = _entries(session.pk)
    held: dict[int, list[Value]] = {row.pk: [] for row in rows}
    for value in _values(session.pk) if rows else ():
        # What another tablet wrote between the two reads is for the next look.
        held.get(value.entry_id, []).append(value)
    for row in rows:
        row.held = held[row.pk]
    return rows


def values_of(entry: Entry) -> list[Value]:
    """The values of an entry that ``entries_of`` or ``rows_of`` read."""
    return entry.held


@prepared
def _entries(session_id: int) -> QuerySet[Any]:
    rows = Entry.objects.filter(session_id=session_id).order_by("observed_at", "id")
    return rows.select_related("entered_by", "corrects", "corrected_by")


@prepared
def _values(session_id: int) -> QuerySet[Value]:
    return Value.objects.filter(entry__session_id=session_id).order_by("id")


def rows_among(entries: list[Entry]) -> Rows:
    """Those of the entries that count."""
    return Rows(
        tuple(each for each in entries if not each.is_retraction and not hasattr(each, "corrected_by"))
    )


def parsed(value: Value) -> Known:
    """What was written down, as the rules read it."""
    return _parsed(value.element, value.value)


# A session's readings are looked at with every entry and every poll; the same text is the same value.
@lru_cache(maxsize=4096)
def _parsed(element: str, text: str) -> Known:
    return dictionary()[element].parse(text)


def protocol_of_session(session: Session) -> Protocol:
    """The protocol the course was planned under, in that version."""
    return protocol_of(session.course.protocol, session.course.protocol_version)


def gate_facts(session: Session, rows: Rows, moment: datetime) -> Facts:
    """What is known before the dose: entered today, and what the record knows by itself."""
    elements = dictionary()
    known = {fact.element.id: fact for fact in _from_record(session, moment)}
    screening = screening_facts(session.patient)
    if "could_be_pregnant" in screening.known:
        known["could_be_pregnant"] = screening.known["could_be_pregnant"]
    for entry in rows.of(Entry.Kind.GATE):
        for value in values_of(entry):
            known[value.element] = Fact(
                elements[value.element],
                parsed(value),
                entry.observed_at,
                _said_by(entry),
                value.is_confirmed,
            )
    return Facts(moment, known, session.patient.uid)


def readings_before(session: Session, rows: Rows, moment: datetime) -> list[Facts]:
    """What was read before a dose, each set by itself and as of its own moment, earliest first.

    What was read that day for another session of the patient counts too: a day that has ended by a stop
    limit does not begin again with the next session.
    """
    begins = day_begins(moment)
    others = _read_for_others(session.patient_id, session.pk, begins, begins + timedelta(days=1))
    held: dict[int, list[Value]] = {entry.pk: [] for entry in others}
    for value in _values_among(list(held)) if others else ():
        held[value.entry_id].append(value)
    own = rows.of(Entry.Kind.GATE)
    taken = [(entry, values_of(entry)) for entry in own] + [(each, held[each.pk]) for each in others]
    return [
        _read_at(session, entry, values)
        for entry, values in sorted(taken, key=lambda each: each[0].observed_at)
    ]


def _read_at(session: Session, entry: Entry, values: list[Value]) -> Facts:
    elements = dictionary()
    said_by = _said_by(entry)
    if entry.session_id != session.pk:
        said_by += f", session {entry.session.number}"
    known = {
        value.element: Fact(
            elements[value.element], parsed(value), entry.observed_at, said_by, value.is_confirmed
        )
        for value in values
    }
    return Facts(entry.observed_at, known, session.patient.uid)


@prepared
def _read_for_others(patient_id: int, session_id: int, since: datetime, until: datetime) -> QuerySet[Entry]:
    rows = Entry.objects.filter(
        session__patient_id=patient_id,
        kind=Entry.Kind.GATE,
        is_retraction=False,
        corrected_by__isnull=True,
        observed_at__gte=since,
        observed_at__lt=until,
    ).exclude(session_id=session_id)
    return rows.select_related("entered_by", "session").order_by("observed_at", "id")


@prepared
def _values_among(entry_ids: list[int]) -> QuerySet[Value]:
    return Value.objects.filter(entry_id__in=entry_ids).order_by("id")


def _said_by(entry: Entry) -> str:
    return f"{entry.entered_by.name}, {localtime(entry.observed_at):%H:%M}"


def _from_record(session: Session, moment: datetime) -> list[Fact]:
    elements = dictionary()
    given = consent_in_force(session.patient, moment)
    prepared = Note.objects.filter(
        visit__course=session.course, visit__kind=Visit.Kind.PREPARATION, visit__state=Visit.State.DONE
    ).exists()
    checked = check_before(session, order_of(session)) is not None
    found: list[tuple[str, Known, datetime | None]] = [
        ("valid_consent_version_signed", given is not None, given.valid_from if given else moment),
        ("two_person_dose_check_done", checked, moment),
    ]
    if prepared:
        found.append(("psychological_preparation_done", True, moment))
    outcome = screening_outcome(session.patient)
    if outcome:
        found.append(("screening_outcome", outcome, moment))
    return [Fact(elements[name], value, at, _of_record(at)) for name, value, at in found]


def _of_record(at: datetime | None) -> str:
    return f"{RECORD}, {localtime(at):%-d %b %Y}" if at else RECORD


def readings_of(rows: Rows) -> list[Reading]:
    """The vital signs entered during and after the dose."""
    return [
        Reading(entry.observed_at, {value.element: parsed(value) for value in values_of(entry)})
        for entry in rows.of(Entry.Kind.VITALS)
    ]


def baseline_of(rows: Rows) -> Reading | None:
    """The last pressure and pulse before the dose, under the names the session's rules use."""
    values: dict[str, Known] = {}
    at = None
    for entry in rows.of(Entry.Kind.GATE):
        for value in values_of(entry):
            if value.element in BASELINE:
                values[BASELINE[value.element]] = parsed(value)
                at = entry.observed_at
    return Reading(at, values) if at else None


def dose_events(session: Session) -> list[DoseEvent]:
    """The dose events that count, in the order they happened."""
    return _dose_events(session.pk)


@prepared
def _dose_events(session_id: int) -> QuerySet[DoseEvent]:
    held = DoseEvent.objects.filter(session_id=session_id, corrected_by__isnull=True)
    return held.select_related("entered_by", "corrects").order_by("observed_at", "id")


def started_at(events: list[DoseEvent]) -> datetime | None:
    """When the dose was started."""
    return next((event.observed_at for event in events if event.kind == DoseEvent.Kind.START), None)


def longer_than_usual(session: Session, protocol: Protocol, events: list[DoseEvent]) -> timedelta:
    """By how much the infusion runs, or ran, longer than the protocol's usual one, pauses included."""
    return longer_by(protocol, events, order_of(session))


def longer_by(protocol: Protocol, events: list[DoseEvent], order: Prescription | None) -> timedelta:
    """The same for an order that is known already."""
    usual = protocol.dosing.step(protocol.dosing.start).over
    begun = started_at(events)
    if usual is None or begun is None:
        return NOT_LONGER
    stopped = next((event.observed_at for event in events if event.kind == DoseEvent.Kind.STOP), None)
    planned = timedelta(minutes=order.over_min) if order and order.over_min else NOT_LONGER
    took = stopped - begun if stopped else planned
    return max(NOT_LONGER, took - timedelta(minutes=Quantity.parse(usual).number("min")))


def order_of(session: Session) -> Prescription | None:
    """The dose that is ordered."""
    return next(iter(_orders(session.pk)), None)


@prepared
def _orders(session_id: int) -> QuerySet[Prescription]:
    rows = Prescription.objects.filter(session_id=session_id, corrected_by__isnull=True)
    return rows.order_by("-id")[:1]


def discharge_facts(
    session: Session,
    rows: Rows,
    moment: datetime,
    begun: datetime,
    longer: timedelta | None = None,
) -> Facts:
    """What is known about leaving: the last readings, the time since the start, and what was asked."""
    elements = dictionary()
    if longer is None:
        longer = longer_than_usual(session, protocol_of_session(session), dose_events(session))
    facts = session_facts(readings_of(rows), moment, begun, baseline_of(rows), elements, longer=longer)
    known = dict(facts.known)
    for entry in rows.of(Entry.Kind.DISCHARGE):
        for value in values_of(entry):
            known[value.element] = Fact(
                elements[value.element], parsed(value), entry.observed_at, entry.entered_by.name, True
            )
    return Facts(moment, known, session.patient.uid)


def as_number(value: Known, unit: str | None) -> tuple[str | None, str]:
    """The number and unit of a value for the columns that other systems read."""
    if isinstance(value, Quantity) and unit:
        return f"{value.to(unit).value:f}", unit
    return None, ""
