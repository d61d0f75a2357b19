"""Rows to facts: what has been answered, and what the record itself already knows. The only translator."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, When

from openkap.care.enrolment.models import (
    Answer,
    Capacity,
    ConsentGiven,
    ConsentRelease,
    PatientSignature,
    Withdrawal,
)
from openkap.care.moment import now
from openkap.care.patients.models import Patient
from openkap.care.patients.same_person import same_person
from openkap.care.prepared import prepared
from openkap.core.quantity import Quantity
from openkap.protocol.elements import Value, dictionary
from openkap.protocol.facts import Fact, Facts

RECORD = "the patient's record"
WHOLE = Q(understands=True, retains=True, weighs=True, communicates=True)


def current_answers(patient: Patient) -> dict[str, Answer]:
    """The newest answer to each question, answers taken back included."""
    newest: dict[str, Answer] = {}
    for answer in Answer.objects.filter(patient=patient).select_related("answered_by").order_by("id"):
        newest[answer.element] = answer
    return newest


def screening_facts(patient: Patient) -> Facts:
    """Everything known about one patient for assessment, as of now."""
    moment = now()
    given = consent_in_force(patient, moment)
    looks = Capacity.objects.filter(consent__patient__in=same_person(patient.pk))
    capacity = None if given else looks.order_by("-id").first()
    return _facts(patient, moment, current_answers(patient).values(), given, capacity)


def answered(patient: Patient, element: str) -> Value | None:
    """The value that counts now of one question a person answers; ``None`` for unknown."""
    newest = next(iter(_newest(patient.pk, element)), None)
    if newest is None or not newest.is_known:
        return None
    return Facts(now(), {element: fact_of(newest)}, patient.uid).value(element)


@prepared
def _newest(patient_id: int, element: str) -> QuerySet[Answer]:
    return Answer.objects.filter(patient_id=patient_id, element=element).order_by("-id")[:1]


def screening_facts_of(patients: list[Patient]) -> dict[int, Facts]:
    """The same for many patients of one list: three reads for all of them."""
    moment, ids = now(), [patient.pk for patient in patients]
    answers: dict[int, dict[str, Answer]] = {pk: {} for pk in ids}
    for answer in Answer.objects.filter(patient_id__in=ids).order_by("id"):
        answers[answer.patient_id][answer.element] = answer
    given = {
        row.patient_id: row for row in in_force(moment).filter(patient_id__in=ids).order_by("valid_from")
    }
    assessed = Capacity.objects.filter(consent__patient_id__in=ids).select_related("consent").order_by("id")
    capacity = {row.consent.patient_id: row for row in assessed}
    return {
        each.pk: _facts(each, moment, answers[each.pk].values(), given.get(each.pk), capacity.get(each.pk))
        for each in patients
    }


def _facts(
    patient: Patient,
    moment: datetime,
    answers: Iterable[Answer],
    given: ConsentGiven | None,
    capacity: Capacity | None,
) -> Facts:
    known = {fact.element.id: fact for fact in _from_record(patient, moment, given, capacity)}
    known |= {answer.element: fact_of(answer) for answer in answers if answer.is_known}
    return Facts(moment, known, patient.uid)


def fact_of(answer: Answer) -> Fact:
    """One answer as a fact."""
    element = dictionary()[answer.element]
    return Fact(element, element.parse(answer.value), answer.observed_at, answer.origin, answer.is_confirmed)


def _from_record(
    patient: Patient, moment: datetime, given: ConsentGiven | None, capacity: Capacity | None
) -> list[Fact]:
    elements = dictionary()
    found: list[tuple[str, Value, datetime | None, str]] = []
    born = patient.identity.birth_date
    if born:
        day = moment.date()
        years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
        found.append(("age", Quantity.of(years, "a"), None, f"{RECORD}: date of birth"))
    if patient.sex != Patient.Sex.UNKNOWN:
        found.append(("sex", patient.sex, None, RECORD))
    found += _from_consent(given, capacity)
    return [Fact(elements[name], value, at, origin) for name, value, at, origin in found]


def _from_consent(
    given: ConsentGiven | None, capacity: Capacity | None
) -> list[tuple[str, Value, datetime | None, str]]:
    if given is not None:
        origin = f"consent of {given.valid_from:%Y-%m-%d}, version {given.text.version}"
        return [
            ("has_capacity_and_signed_consent", True, given.valid_from, origin),
            ("lacks_decision_capacity", False, given.valid_from, origin),
        ]
    if capacity is None:
        return []
    return [("lacks_decision_capacity", not capacity.is_whole, capacity.assessed_at, "capacity assessment")]


def consent_in_force(patient: Patient, moment: datetime) -> ConsentGiven | None:
    """The consent a dose may rest on at that moment; ``in_force`` says what that takes."""
    return (
        in_force(moment)
        .filter(patient=patient)
        .select_related("text", "consent", "patient_signature", "countersignature")
        .order_by("-valid_from")
        .first()
    )


def in_force(moment: datetime) -> QuerySet[ConsentGiven]:
    """Consents a dose may rest on at that moment.

    Not ended, in a text the clinic has released, not followed by any withdrawal of the same person, and
    nobody doubts their capacity since. The trigger ``dose_needs_consent`` says the same of a start.
    """
    released = ConsentRelease.objects.filter(
        Q(superseded_at__isnull=True) | Q(superseded_at__gt=moment),
        text=OuterRef("text"),
        clinic=OuterRef("patient__clinic"),
    )
    person = same_person(OuterRef(OuterRef("patient")))
    # In doubt, out: a withdrawal at the instant of the signature ends it.
    withdrawn = Withdrawal.objects.filter(
        consent__patient__in=person,
        withdrawn_at__lte=moment,
        withdrawn_at__gte=OuterRef("patient_signature__signed_at"),
    )
    return (
        ConsentGiven.objects.alias(doubted_at=Subquery(doubted_at(person, moment)))
        .filter(Exists(released), ~Exists(withdrawn), doubted_at__isnull=True)
        .filter(valid_from__lte=moment, expires_at__gt=moment)
        .select_related("text")
    )


def doubted_at(person: QuerySet[Patient], moment: datetime) -> QuerySet[Capacity, Any]:
    """When the newest look at a person's capacity found an ability missing; null when it found them all."""
    looks = Capacity.objects.filter(consent__patient__in=person, assessed_at__lte=moment).order_by("-id")
    return looks.values_list(Case(When(WHOLE, then=None), default=F("assessed_at")), flat=True)[:1]


def withdrawn_at(patient: Patient, moment: datetime) -> datetime | None:
    """When the person last withdrew, unless they have signed again since."""
    last = (
        Withdrawal.objects.filter(consent__patient__in=same_person(patient.pk), withdrawn_at__lte=moment)
        .order_by("-withdrawn_at")
        .first()
    )
    if last is None:
        return None
    since = PatientSignature.objects.filter(
        consent__patient__in=same_person(patient.pk), signed_at__gt=last.withdrawn_at
    )
    return None if since.exists() else last.withdrawn_at
