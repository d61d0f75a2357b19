"""Rows to facts: what has been answered, and what the record itself already knows. The only translator."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from openkap.care.enrolment.models import Answer, Capacity, ConsentGiven
from openkap.care.enrolment.texts import released
from openkap.care.moment import now
from openkap.care.patients.models import Patient
from openkap.care.prepared import prepared
from openkap.core.quantity import Quantity
from openkap.protocol.elements import Value, dictionary
from openkap.protocol.facts import Fact, Facts

RECORD = "the patient's record"


def current_answers(patient: Patient) -> dict[str, Answer]:
    """The newest answer to each question, answers taken back included."""
    newest: dict[str, Answer] = {}
    for answer in Answer.objects.filter(patient=patient).select_related("answered_by").order_by("id"):
        newest[answer.element] = answer
    return newest


def answers_until(patient: Patient, elements: Iterable[str], moment: datetime) -> dict[str, Answer]:
    """What had been answered by that moment to these questions; an answer taken back is none."""
    rows = Answer.objects.filter(patient=patient, element__in=list(elements), answered_at__lte=moment)
    newest = {row.element: row for row in rows.select_related("answered_by").order_by("id")}
    return {name: row for name, row in newest.items() if row.is_known}


def screening_facts(patient: Patient) -> Facts:
    """Everything known about one patient for assessment, as of now."""
    moment = now()
    given = consent_in_force(patient, moment)
    capacity = None if given else Capacity.objects.filter(consent__patient=patient).order_by("-id").first()
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
        row.patient_id: row for row in _in_force(moment).filter(patient_id__in=ids).order_by("valid_from")
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
    """The consent a dose may rest on at that moment: not ended, not withdrawn, in the version in force."""
    return (
        _in_force(moment)
        .filter(patient=patient)
        .select_related("text", "consent", "patient_signature", "countersignature")
        .order_by("-valid_from")
        .first()
    )


def _in_force(moment: datetime) -> QuerySet[ConsentGiven]:
    return ConsentGiven.objects.filter(
        released("text", "patient__clinic"),
        Q(withdrawal__isnull=True) | Q(withdrawal__withdrawn_at__gt=moment),
        valid_from__lte=moment,
        expires_at__gt=moment,
    ).select_related("text")


def withdrawn(patient_ids: list[int]) -> set[int]:
    """Records of people whose newest consent, in any of their records, was withdrawn: no treatment comes."""
    records = Patient.objects.filter(pk__in=patient_ids)
    person_of = dict(records.values_list("pk", Coalesce("merged_into", "pk")))
    rows = ConsentGiven.objects.annotate(person=Coalesce("patient__merged_into", "patient"))
    given = rows.filter(person__in=set(person_of.values())).order_by("valid_from", "id")
    newest = dict(given.values_list("person", "withdrawal__pk"))
    return {record for record, person in person_of.items() if newest.get(person) is not None}
