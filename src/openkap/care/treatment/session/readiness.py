"""When a patient was ready: the first moment every condition for leaving held, by the readings so far.

Worked out in this one place, when the patient leaves, and kept with the departure. Nothing is ticked: a later
reading can take readiness away again, so it is no state of the session.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from openkap.care.treatment.models import Entry, Session
from openkap.care.treatment.rows import facts as reading
from openkap.protocol.condition import Compare, tests_of
from openkap.protocol.model import Protocol
from openkap.protocol.monitoring import Discharge, discharge
from openkap.protocol.rules import Stage

STAY = "minutes_since_dose_start"


def ready_since(session: Session, rows: reading.Rows, until: datetime) -> datetime | None:
    """The first moment up to ``until`` at which every condition held; ``None`` when there was none."""
    begun = reading.started_at(reading.dose_events(session))
    if begun is None:
        return None
    protocol = reading.protocol_of_session(session)
    longer = reading.longer_than_usual(session, protocol, reading.dose_events(session))
    told = (entry.observed_at for entry in rows.of(Entry.Kind.VITALS, Entry.Kind.DISCHARGE))
    moments = {*told, *(begun + stay + longer for stay in _stays(protocol)), until}
    asked = sorted(each for each in moments if begun <= each <= until)
    return next((each for each in asked if assessed(session, rows, each, begun, longer).may_leave), None)


def assessed(
    session: Session, rows: reading.Rows, moment: datetime, begun: datetime, longer: timedelta
) -> Discharge:
    """The conditions for leaving as they stood at that moment, by what had been seen until then."""
    seen = reading.Rows(tuple(entry for entry in rows.entries if entry.observed_at <= moment))
    facts = reading.discharge_facts(session, seen, moment, begun, longer)
    return discharge(facts, reading.protocol_of_session(session))


def _stays(protocol: Protocol) -> set[timedelta]:
    """The minimum stays that the conditions name: they pass without anybody entering anything."""
    tests = [test for rule in protocol.stage(Stage.DISCHARGE) for test in tests_of(rule.condition)]
    return {
        timedelta(minutes=test.limit.number("min"))
        for test in tests
        if isinstance(test, Compare) and test.fact == STAY and test.limit is not None
    }
