"""The clock of a serious adverse event's report: from when the clinic knew, by the time its site has set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from openkap.care.enrolment.protocols import protocol_of
from openkap.care.enrolment.site import reporting_time
from openkap.care.treatment.models import AdverseEvent

NOT_SET = "reporting deadline not set by this site"


@dataclass(frozen=True, slots=True)
class ReportClock:
    """By when an event is reported; without a time of this site there is no ``due``, and ``why`` says so."""

    known_at: datetime
    due: datetime | None
    why: str


def report_clock(row: AdverseEvent) -> ReportClock | None:
    """The running clock of a serious event that nobody has reported; ``None`` for every other.

    Read the row with its session's course: the drug decides which programme holds.
    """
    if not row.is_serious or row.is_retraction or row.reported_at is not None:
        return None
    known_at = row.serious_since or row.entered_at
    time = reporting_time(_drug(row))
    if time is None:
        return ReportClock(known_at, None, NOT_SET)
    return ReportClock(known_at, known_at + time.within, time.why)


def _drug(row: AdverseEvent) -> str:
    if row.session is None:
        return ""
    course = row.session.course
    return protocol_of(course.protocol, course.protocol_version).dosing.drug
