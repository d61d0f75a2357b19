"""Rows to facts: what has been answered, and what the record itself already knows. The only translator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from openkap.care.enrolment.models import (
    Answer,
    Capacity,
    ConsentGiven,
    ConsentRelease,
    PatientSignature,
    Withdrawal,
)
from openkap.care.enrolment.several_records import (
    is_disputed,
    is_measured,
    merges_of,
    newest_of_each,
    that_counts,
)
from openkap.care.moment import now
from openkap.care.patients.models import Merge, Patient
from openkap.care.patients.same_person import same_person
from openkap.care.prepared import prepared
from openkap.core.quantity import Quantity
from openkap.protocol.elements import Value, dictionary
from openkap.protocol.facts import Fact, Facts

RECORD = "the patient's record"
# How the origin of an answer begins that nobody here has asked.
FROM_REFERRAL = "referral of"
WHOLE = Q(understands=True, retains=True, weighs=True, communicates=True)


@dataclass(frozen=True, slots=True)
class Answers:
    """The answer that counts of each question under any record of one person, answers taken back included.

    ``disputed``: what another record says otherwise, and nobody has asked again since the two were merged.
    """

    newest: dict[str, Answer]
    disputed: dict[str, Answer]

    @property
    def known(self) -> list[Answer]:
        """What counts as answered."""
        return [row for name, row in self.newest.items() if row.is_known and name not in self.disputed]


def current_answers(patient: Patient) -> Answers:
    """What has been answered about one patient."""
    return _answers_of([patient.pk])[patient.pk]


def _answers_of(ids: list[int]) -> dict[int, Answers]:
    """The same for many, in one read; a second when a record was merged into one of them."""
    held: dict[int, dict[str, dict[int, Answer]]] = {pk: {} for pk in ids}
    for row in _all_answers(ids):
        person = row.patient_id if row.patient_id in held else row.kept_id
        by_record = held[person].setdefault(row.element, {})
        # The newest of all stands last.
        by_record.pop(row.patient_id, None)
        by_record[row.patient_id] = row
    absorbed = {pk for each in held.values() for of in each.values() for pk in of} - set(ids)
    merged_at = _merges(absorbed) if absorbed else {}
    return {pk: _settled(elements, merged_at) for pk, elements in held.items()}


@prepared
def _all_answers(ids: list[int]) -> QuerySet[Any, Any]:
    records = Patient.objects.filter(Q(pk__in=ids) | Q(merged_into__in=ids))
    rows = Answer.objects.filter(patient__in=records).select_related("answered_by")
    return rows.annotate(kept_id=F("patient__merged_into_id")).order_by("id")


def _merges(absorbed: set[int]) -> dict[int, datetime]:
    rows = Merge.objects.filter(absorbed__in=absorbed, undone_at__isnull=True)
    return dict(rows.values_list("absorbed_id", "merged_at"))


def _settled(held: dict[str, dict[int, Answer]], merged_at: dict[int, datetime]) -> Answers:
    newest, disputed = {}, {}
    for element, by_record in held.items():
        rows = list(by_record.values())
        newest[element] = that_counts(rows, merged_at)
        if len(rows) == 1 or is_measured(element):
            continue
        for other in rows[:-1]:
            if is_disputed(newest[element], other, merged_at):
                disputed[element] = other
    return Answers(newest, disputed)


def answers_until(patient: Patient, elements: Iterable[str], moment: datetime) -> dict[str, Answer]:
    """What had been answered by that moment to these questions; an answer taken back is none."""
    person = same_person(patient.pk)
    rows = Answer.objects.filter(patient__in=person, element__in=list(elements), answered_at__lte=moment)
    newest = {row.element: row for row in rows.select_related("answered_by").order_by("id")}
    return {name: row for name, row in newest.items() if row.is_known}


def screening_facts(patient: Patient) -> Facts:
    """Everything known about one patient for assessment, as of now."""
    moment = now()
    given = consent_in_force(patient, moment)
    looks = Capacity.objects.filter(consent__patient__in=same_person(patient.pk))
    capacity = None if given else looks.order_by("-id").first()
    return _facts(patient, moment, current_answers(patient), given, capacity)


def answered(patient: Patient, element: str) -> Value | None:
    """The value that counts now of one question a person answers; ``None`` for unknown."""
    newest = newest_answer(patient, element)
    if newest is None or not newest.is_known:
        return None
    return Facts(now(), {element: fact_of(newest)}, patient.uid).value(element)


def newest_answer(patient: Patient, element: str) -> Answer | None:
    """The answer that counts now of one question, taken back or not."""
    rows = newest_of_each(patient.pk, [element])
    return that_counts(rows, merges_of(rows)) if rows else None


def screening_facts_of(patients: list[Patient]) -> dict[int, Facts]:
    """The same for many patients of one list: three reads for all of them."""
    moment, ids = now(), [patient.pk for patient in patients]
    answers = _answers_of(ids)
    given = {row.patient_id: row for row in _in_force_of_many(ids, moment)}
    capacity = {row.of_person: row for row in _looks_at_capacity(ids)}
    return {
        each.pk: _facts(each, moment, answers[each.pk], given.get(each.pk), capacity.get(each.pk))
        for each in patients
    }


@prepared
def _looks_at_capacity(ids: list[int]) -> QuerySet[Any]:
    records = Patient.objects.filter(Q(pk__in=ids) | Q(merged_into__in=ids))
    of_person = Coalesce("consent__patient__merged_into_id", "consent__patient_id")
    looks = Capacity.objects.filter(consent__patient__in=records)
    return looks.annotate(of_person=of_person).order_by("id")


def _facts(
    patient: Patient,
    moment: datetime,
    answers: Answers,
    given: ConsentGiven | None,
    capacity: Capacity | None,
) -> Facts:
    known = {fact.element.id: fact for fact in _from_record(patient, moment, given, capacity)}
    known |= {answer.element: fact_of(answer) for answer in answers.known}
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
        day = timezone.localdate(moment)
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
        origin = f"consent of {given.valid_from:%Y-%m-%d}, version {given.text.full_version}"
        return [
            ("has_capacity_and_signed_consent", True, given.valid_from, origin),
            ("lacks_decision_capacity", False, given.valid_from, origin),
        ]
    if capacity is None:
        return []
    return [("lacks_decision_capacity", not capacity.is_whole, capacity.assessed_at, "capacity assessment")]


def consent_in_force(patient: Patient, moment: datetime) -> ConsentGiven | None:
    """The consent a dose may rest on at that moment; ``in_force`` says what that takes."""
    return next(iter(_in_force_of(patient.pk, moment)), None)


@prepared
def _in_force_of(patient_id: int, moment: datetime) -> QuerySet[ConsentGiven]:
    return (
        in_force(moment)
        .filter(patient=patient_id)
        .select_related("text", "consent", "patient_signature", "countersignature")
        .order_by("-valid_from")[:1]
    )


@prepared
def _in_force_of_many(ids: list[int], moment: datetime) -> QuerySet[ConsentGiven]:
    return in_force(moment).filter(patient__in=ids).order_by("valid_from")


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


def withdrawal_that_stands(patient: OuterRef) -> QuerySet[Withdrawal, Any]:
    """When the person of a row last withdrew; nothing where a consent was given since."""
    since = ConsentGiven.objects.filter(
        patient=OuterRef(patient), patient_signature__signed_at__gt=OuterRef("withdrawn_at")
    )
    told = Withdrawal.objects.filter(~Exists(since), consent__patient__in=same_person(OuterRef(patient)))
    return told.order_by("-withdrawn_at").values("withdrawn_at")[:1]


def withdrawn(patient_ids: list[int]) -> set[int]:
    """Records of people who withdrew, in any of their records, and have no consent since: nothing comes."""
    records = Patient.objects.filter(pk__in=patient_ids)
    person_of = dict(records.values_list("pk", Coalesce("merged_into", "pk")))
    of_person = Coalesce("consent__patient__merged_into", "consent__patient")
    told = Withdrawal.objects.annotate(person=of_person).filter(person__in=set(person_of.values()))
    last = dict(told.order_by("withdrawn_at").values_list("person", "withdrawn_at"))
    given = ConsentGiven.objects.annotate(person=Coalesce("patient__merged_into", "patient"))
    newest = given.filter(person__in=set(last)).order_by("valid_from").values_list("person", "valid_from")
    since = dict(newest)
    gone = {person for person, at in last.items() if person not in since or since[person] <= at}
    return {record for record, person in person_of.items() if person in gone}
