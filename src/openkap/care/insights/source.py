"""One clinic up to one moment: what every translator of rows asks of the record, read once.

What happened after ``cut`` is left for the next extract, so that a release tells of whole days.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from openkap.care.accounts.models import Clinic
from openkap.care.patients.models import Closing, Patient
from openkap.care.treatment.models import AdverseEvent, Course, DoseEvent, Session

Row = dict[str, Any]
DEAD = 5
NOON = time(12)


@dataclass(frozen=True)
class Source:
    """One clinic up to one moment; ``touched`` limits clinical rows to these patients, all when ``None``."""

    clinic: Clinic
    cut: datetime
    touched: frozenset[int] | None = None

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.clinic.time_zone)

    def day(self, moment: datetime) -> date:
        """The clinic's calendar day."""
        return moment.astimezone(self.zone).date()

    def of_patients(self, rows: QuerySet[Any], path: str = "patient") -> QuerySet[Any]:
        """Rows of this clinic's patients, of the touched ones when only those are asked for."""
        rows = rows.filter(**{f"{path}__clinic": self.clinic})
        if self.touched is not None:
            rows = rows.filter(**{f"{path}_id__in": self.touched})
        return rows

    @cached_property
    def names(self) -> dict[int, str]:
        """Patient row -> public id of the person, merged records under the kept one."""
        people = dict(Patient.objects.filter(clinic=self.clinic).values_list("pk", "uid"))
        into = dict(
            Patient.objects.filter(clinic=self.clinic, merged_into__isnull=False).values_list(
                "pk", "merged_into_id"
            )
        )
        return {pk: people[into.get(pk, pk)] for pk in people}

    @cached_property
    def starts(self) -> dict[int, datetime]:
        """Session row -> start of its dose, as it counts after corrections."""
        rows = DoseEvent.objects.filter(
            kind=DoseEvent.Kind.START, corrected_by__isnull=True, observed_at__lt=self.cut
        )
        return dict(self.of_patients(rows).values_list("session_id", "observed_at"))

    @cached_property
    def courses(self) -> dict[int, Course]:
        """Course row by number, those planned before the cut."""
        rows = self.of_patients(Course.objects.filter(planned_at__lt=self.cut)).order_by("planned_at", "id")
        return {row.pk: row for row in rows}

    @cached_property
    def index(self) -> dict[int, datetime]:
        """Course row -> its first dose."""
        first: dict[int, datetime] = {}
        sessions = Session.objects.filter(pk__in=self.starts).values_list("pk", "course_id")
        for session, course in sessions:
            start = self.starts[session]
            first[course] = min(first.get(course, start), start)
        return first

    @cached_property
    def deaths(self) -> dict[str, datetime]:
        """Person -> the onset of a fatal event, else the noon of the day told at the closing."""
        fatal = AdverseEvent.objects.filter(AdverseEvent.STANDS, grade=DEAD, onset_at__lt=self.cut)
        rows = fatal.filter(patient__clinic=self.clinic).values_list("patient_id", "onset_at")
        told = Closing.objects.filter(
            patient__clinic=self.clinic,
            reason=Closing.Reason.DIED,
            reopened_at__isnull=True,
            died_on__isnull=False,
            closed_at__lt=self.cut,
        ).values_list("patient_id", "died_on")
        days = {self.names[patient]: datetime.combine(day, NOON, self.zone) for patient, day in told if day}
        return days | {self.names[patient]: moment for patient, moment in rows}

    @cached_property
    def courses_of(self) -> dict[str, list[Course]]:
        """Person -> their courses, oldest first."""
        found: dict[str, list[Course]] = defaultdict(list)
        for course in self.courses.values():
            found[self.names[course.patient_id]].append(course)
        return found

    def course_at(self, patient: int, moment: datetime) -> Course | None:
        """The course somebody was in, or had last begun to plan, at a moment; else their first."""
        courses = self.courses_of.get(self.names[patient], [])
        before = [course for course in courses if course.planned_at <= moment]
        return before[-1] if before else (courses[0] if courses else None)
