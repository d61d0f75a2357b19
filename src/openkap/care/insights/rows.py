"""Clinic rows to registry rows: the only translator. No names, no free text, no day of birth leave here.

Each table is a generator of mappings with the clinic's own public ids; the registry's extract makes
pseudonyms of them. What happened after ``cut`` is left for the next extract, so that a release tells of
whole days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from openkap.care.accounts.models import Clinic
from openkap.care.enrolment.models import ConsentGiven, ConsentWithdrawn, Decision
from openkap.care.insights.models import AccessFact, RegistryDecision
from openkap.care.patients.models import Patient, Referral
from openkap.care.treatment.models import AdverseEvent, Course, DoseEvent, Session

Row = dict[str, Any]
DEAD = 5
COMPLETE = "complete"
ELIGIBLE = {
    Decision.Outcome.ELIGIBLE: "yes",
    Decision.Outcome.REVIEWED: "yes",
    Decision.Outcome.NOT_ELIGIBLE: "no",
    Decision.Outcome.WAIT: "unknown",
}


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
        """Person -> the onset of a fatal event."""
        fatal = AdverseEvent.objects.filter(grade=DEAD, corrected_by__isnull=True, onset_at__lt=self.cut)
        rows = fatal.filter(patient__clinic=self.clinic).values_list("patient_id", "onset_at")
        return {self.names[patient]: moment for patient, moment in rows}

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


def sites(source: Source) -> Iterator[Row]:
    """The clinic itself."""
    yield {"site_id": source.clinic.uid, "zone": source.clinic.time_zone}


def patients(source: Source) -> Iterator[Row]:
    """Everybody of the clinic, whatever was touched: who is not allowed in is found out by consent."""
    facts: dict[str, AccessFact] = {}
    for fact in AccessFact.objects.filter(patient__clinic=source.clinic).order_by("recorded_at", "id"):
        facts[source.names[fact.patient_id]] = fact
    rows = Patient.objects.filter(clinic=source.clinic, merged_into__isnull=True).select_related("identity")
    for row in rows.order_by("pk"):
        known = facts.get(row.uid)
        died = source.deaths.get(row.uid)
        veteran = {True: "yes", False: "no", None: "unknown"}[row.is_veteran]
        yield {
            "patient_id": row.uid,
            "site_id": source.clinic.uid,
            "birth_year": row.birth_year,
            "sex": row.sex,
            "veteran": veteran,
            "language": row.identity.language if hasattr(row, "identity") else None,
            "distance_km": float(known.distance_km) if known and known.distance_km is not None else None,
            "coverage": known.coverage if known else "unknown",
            "died_on": source.day(died) if died else None,
        }


def consents(source: Source) -> Iterator[Row]:
    """Every decision about treatment and about the registry, of everybody."""
    here = {"patient__clinic": source.clinic}
    for decision in RegistryDecision.objects.filter(**here).order_by("pk"):
        given = decision.choice == RegistryDecision.Choice.GIVEN
        yield _consent(
            source, f"registry {decision.uid}", decision.patient_id, "registry", given, decision.decided_at
        )
    for consent in ConsentGiven.objects.filter(**here).select_related("consent").order_by("pk"):
        yield _consent(
            source, f"given {consent.consent.uid}", consent.patient_id, "treatment", True, consent.valid_from
        )
    withdrawals = ConsentWithdrawn.objects.filter(given__patient__clinic=source.clinic).select_related(
        "given"
    )
    for row in withdrawals.order_by("pk"):
        yield _consent(
            source, f"withdrawn {row.uid}", row.given.patient_id, "treatment", False, row.withdrawn_at
        )


def _consent(source: Source, name: str, patient: int, purpose: str, given: bool, at: datetime) -> Row:
    return {
        "consent_id": name,
        "patient_id": source.names[patient],
        "purpose": purpose,
        "decision": "given" if given else "withdrawn",
        "decided_at": at,
    }


def referrals(source: Source) -> Iterator[Row]:
    """Each way to the door with how far it led, up to the next referral of the same person."""
    by_person: dict[str, list[Referral]] = defaultdict(list)
    rows = source.of_patients(Referral.objects.filter(received_at__lt=source.cut)).defer("document")
    for row in rows.order_by("received_at", "id"):
        by_person[source.names[row.patient_id]].append(row)
    decisions = _by_person(source, Decision.objects.filter(decided_at__lt=source.cut), "decided_at")
    given = _by_person(source, ConsentGiven.objects.filter(valid_from__lt=source.cut), "valid_from")
    for person, found in by_person.items():
        ends = [each.received_at for each in found[1:]] + [source.cut]
        for referral, end in zip(found, ends, strict=True):
            judged = [row for row in decisions[person] if referral.received_at <= row.decided_at < end]
            signed = [row for row in given[person] if referral.received_at <= row.valid_from < end]
            yield {
                "referral_id": referral.uid,
                "patient_id": person,
                "referred_on": source.day(referral.received_at),
                "screened_on": source.day(judged[0].decided_at) if judged else None,
                "eligible": ELIGIBLE[Decision.Outcome(judged[-1].outcome)] if judged else "unknown",
                "consented_on": source.day(signed[0].valid_from) if signed else None,
            }


def _by_person(source: Source, rows: QuerySet[Any], order: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in source.of_patients(rows).order_by(order, "pk"):
        found[source.names[row.patient_id]].append(row)
    return found


Translator = Callable[[Source], Iterable[Row]]


def tables() -> dict[str, Translator]:
    """Table of the registry -> what makes its rows, parents first."""
    from openkap.care.insights import treatment_rows as given

    return {
        "site": sites,
        "patient": patients,
        "referral": referrals,
        "consent": consents,
        "course": given.courses,
        "course_event": given.course_events,
        "session": given.sessions,
        "dose": given.doses,
        "vital": given.vitals,
        "score": given.scores,
        "item": given.items,
        "adverse_event": given.adverse_events,
        "therapy": given.therapy,
        "override": given.overrides,
    }
