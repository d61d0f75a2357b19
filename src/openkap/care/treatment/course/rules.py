"""The protocol's stopping and maintenance rules against a course as it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet
from django.utils.timezone import localtime

from openkap.care.enrolment.facts import consent_in_force, withdrawn_at
from openkap.care.enrolment.protocols import protocol_of
from openkap.care.moment import now
from openkap.care.patients.models import Patient
from openkap.care.patients.same_person import same_person
from openkap.care.prepared import prepared
from openkap.care.treatment.models import AdverseEvent, Course, DoseEvent, Value
from openkap.core.quantity import Quantity
from openkap.protocol.model import CourseRule

# Relations under which an event counts as possibly due to the drug.
MAYBE = ("possible", "probable", "certain", "not known")


@dataclass(frozen=True, slots=True)
class Ruled:
    """One rule of the course with what the record says about it."""

    rule: CourseRule
    state: str
    said: str = ""

    @property
    def words(self) -> str:
        return {"met": "‼ met", "clear": "✓ not met", "judge": "a person judges"}[self.state]

    @property
    def tone(self) -> str:
        return {"met": "alarm", "clear": "good", "judge": "plain"}[self.state]


def rules_of(course: Course) -> list[Ruled]:
    """Every rule of the course's protocol; what the record cannot answer is left to a person."""
    protocol = protocol_of(course.protocol, course.protocol_version)
    events = _events(course.patient_id)
    told = []
    for rule in protocol.course_rules:
        look = LOOKS.get(rule.id)
        said = look(course, rule, events) if look else None
        state = "judge" if said is None else ("met" if said else "clear")
        told.append(Ruled(rule, state, said or ""))
    return sorted(told, key=lambda each: ("met", "clear", "judge").index(each.state))


@prepared
def _events(patient_id: int) -> QuerySet[AdverseEvent]:
    """What happened to the person, under whichever record."""
    return AdverseEvent.objects.filter(AdverseEvent.STANDS, patient__in=same_person(patient_id))


def holds_of(course: Course) -> list[Ruled]:
    """The rules that are met and speak before the next dose: stopping rules, and those of maintenance."""
    kinds = {"stop", "maintenance"} if course.kind == Course.Kind.MAINTENANCE else {"stop"}
    return [each for each in rules_of(course) if each.state == "met" and each.rule.kind in kinds]


Look = Callable[[Course, CourseRule, list[AdverseEvent]], str]


def _serious(course: Course, rule: CourseRule, events: list[AdverseEvent]) -> str:
    found = [event for event in events if event.is_serious and event.relation in MAYBE]
    return "; ".join(f"{event.term}, {localtime(event.onset_at):%d %b %Y}" for event in found)


def _terms(*terms: str) -> Look:
    def look(course: Course, rule: CourseRule, events: list[AdverseEvent]) -> str:
        found = [event for event in events if event.term in terms]
        return "; ".join(f"{event.term}, {localtime(event.onset_at):%d %b %Y}" for event in found)

    return look


def _answered(element: str, value: str, terms: Look) -> Look:
    def look(course: Course, rule: CourseRule, events: list[AdverseEvent]) -> str:
        row = next(iter(_last_answer(course.pk, element)), None)
        said = (
            f"answered before a dose, {localtime(row.entry.observed_at):%d %b %Y}"
            if row and row.value == value
            else ""
        )
        return said or terms(course, rule, events)

    return look


@prepared
def _last_answer(course_id: int, element: str) -> QuerySet[Value]:
    counted = Value.objects.filter(entry__corrected_by__isnull=True, entry__is_retraction=False)
    asked = counted.filter(entry__session__course=course_id, element=element)
    return asked.select_related("entry").order_by("-entry__observed_at")[:1]


def _withdrawn(course: Course, rule: CourseRule, events: list[AdverseEvent]) -> str:
    moment = now()
    at = None if consent_in_force(course.patient, moment) else withdrawn_at(course.patient, moment)
    return f"{localtime(at):%d %b %Y}" if at else ""


def _reconsent(course: Course, rule: CourseRule, events: list[AdverseEvent]) -> str:
    if course.kind != Course.Kind.MAINTENANCE:
        return ""
    given = consent_in_force(course.patient, now())
    return "" if given and given.scope == "maintenance" else "no consent for maintenance is in force"


def _too_many(course: Course, rule: CourseRule, events: list[AdverseEvent]) -> str:
    if rule.value is None or rule.per is None:
        return ""
    period = Quantity.parse(rule.per)
    count = doses_since(course.patient, now() - timedelta(days=period.number("d")))
    return f"{count} doses in {period.words}, limit {rule.value:f}" if count > rule.value else ""


def doses_since(patient: Patient, since: datetime) -> int:
    """Doses started after that moment."""
    return sum(_doses_since(patient.pk, since))


@prepared
def _doses_since(patient_id: int, since: datetime) -> QuerySet[Any, int]:
    starts = DoseEvent.objects.filter(
        patient__in=same_person(patient_id), kind="start", corrects__isnull=True
    )
    counted = starts.filter(observed_at__gt=since).order_by().values("kind").annotate(count=Count("pk"))
    return counted.values_list("count", flat=True)


LOOKS: dict[str, Look] = {
    "STOP-1": _serious,
    "STOP-2": _terms("psychosis", "mania or hypomania"),
    "STOP-3": _answered(
        "cssrs_since_last_contact_intent_or_plan", "yes", _terms("suicidal ideation", "suicide attempt")
    ),
    "STOP-4": _answered("pregnancy_test_today", "positive", _terms("exposure in pregnancy")),
    "STOP-6": _answered("urinary_symptoms_new", "yes", _terms("cystitis", "haematuria")),
    "STOP-7": _terms("misuse", "diversion"),
    "STOP-9": _withdrawn,
    "MR-2": _reconsent,
    "MR-4": _too_many,
}
