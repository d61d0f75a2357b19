"""Rows to facts: what has been answered, and what the record itself already knows. The only translator."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from openkap.care.enrolment.models import Answer, Capacity, ConsentGiven
from openkap.care.enrolment.texts import released
from openkap.care.moment import now
from openkap.care.patients.models import Patient
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


def screening_facts(patient: Patient, answers: Iterable[Answer] | None = None) -> Facts:
    """Everything known about one patient for assessment, as of now."""
    moment = now()
    known = {fact.element.id: fact for fact in _from_record(patient, moment)}
    for answer in answers if answers is not None else current_answers(patient).values():
        if answer.is_known:
            known[answer.element] = fact_of(answer)
    return Facts(moment, known, patient.uid)


def fact_of(answer: Answer) -> Fact:
    """One answer as a fact."""
    element = dictionary()[answer.element]
    return Fact(element, element.parse(answer.value), answer.observed_at, answer.origin, answer.is_confirmed)


def _from_record(patient: Patient, moment: datetime) -> list[Fact]:
    elements = dictionary()
    found: list[tuple[str, Value, datetime | None, str]] = []
    born = patient.identity.birth_date
    if born:
        day = moment.date()
        years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
        found.append(("age", Quantity.of(years, "a"), None, f"{RECORD}: date of birth"))
    if patient.sex != Patient.Sex.UNKNOWN:
        found.append(("sex", patient.sex, None, RECORD))
    found += _from_consent(patient, moment)
    return [Fact(elements[name], value, at, origin) for name, value, at, origin in found]


def _from_consent(patient: Patient, moment: datetime) -> list[tuple[str, Value, datetime | None, str]]:
    given = consent_in_force(patient, moment)
    if given is not None:
        origin = f"consent of {given.valid_from:%Y-%m-%d}, version {given.text.version}"
        return [
            ("has_capacity_and_signed_consent", True, given.valid_from, origin),
            ("lacks_decision_capacity", False, given.valid_from, origin),
        ]
    capacity = Capacity.objects.filter(consent__patient=patient).order_by("-id").first()
    if capacity is None:
        return []
    return [("lacks_decision_capacity", not capacity.is_whole, capacity.assessed_at, "capacity assessment")]


def consent_in_force(patient: Patient, moment: datetime) -> ConsentGiven | None:
    """The consent a dose may rest on at that moment: not ended, not withdrawn, in the version in force."""
    return (
        ConsentGiven.objects.filter(
            patient=patient,
            valid_from__lte=moment,
            expires_at__gt=moment,
            withdrawal__isnull=True,
        )
        .filter(released("text", "patient__clinic"))
        .select_related("text", "consent", "patient_signature", "countersignature")
        .order_by("-valid_from")
        .first()
    )
