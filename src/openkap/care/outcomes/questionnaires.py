"""The questions of an invitation with their answers: as the patient has them, and as staff read a form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from openkap.care.outcomes.follow_up import form_of, title_of
from openkap.care.outcomes.models import (
    Form,
    Invitation,
    ItemAnswer,
    SafetySignal,
)
from openkap.care.outcomes.patient_words import ORIGINAL, patient_words
from openkap.care.outcomes.wording import Asking, Question, questions_of
from openkap.care.prepared import prepared
from openkap.instruments.load import sources
from openkap.instruments.model import Instrument
from openkap.instruments.score import score


@dataclass(frozen=True, slots=True)
class Sheet:
    """One form to be filled or read: its questions, its answers."""

    uid: str
    instrument: str
    short: str
    name: str
    recall: str
    # The language the questions are in, and whether in the official words or in our own, translated by us.
    language: str
    is_official: bool
    is_translation: bool
    questions: tuple[Question, ...]
    answers: dict[str, int]
    is_finished: bool

    @property
    def answered(self) -> int:
        return sum(1 for question in self.questions if question.item in self.answers)


def sheets_of(invitation: Invitation, language: str = ORIGINAL) -> list[Sheet]:
    """The forms of an invitation with what has been answered so far."""
    return [_sheet(form, answers, language) for form, answers in _answered(invitation)]


def progress_of(invitation: Invitation) -> tuple[int, int]:
    """How many questions of an invitation are answered, and how many there are."""
    answered = total = 0
    for form, answers in _answered(invitation):
        items = form_of(form.instrument).items_by_id
        total += len(items)
        answered += sum(1 for item, value in answers.items() if value is not None and item in items)
    return answered, total


def _answered(invitation: Invitation) -> list[tuple[Form, dict[str, int | None]]]:
    """The forms of an invitation, each with the newest answer of every item; None was taken back."""
    forms = _forms_of(invitation.pk)
    answers: dict[int, dict[str, int | None]] = {form.pk: {} for form in forms}
    for form_id, item, value in _taps_of(invitation.pk):
        answers[form_id][item] = value
    return [(form, answers[form.pk]) for form in forms]


@prepared
def _forms_of(invitation_id: int) -> QuerySet[Form]:
    return Form.objects.filter(invitation_id=invitation_id).order_by("position")


@prepared
def _taps_of(invitation_id: int) -> QuerySet[ItemAnswer, tuple[int, str, int | None]]:
    taps = ItemAnswer.objects.filter(form__invitation_id=invitation_id).order_by("answered_at", "id")
    return taps.values_list("form_id", "item", "value")


def _sheet(form: Form, answers: dict[str, int | None], language: str) -> Sheet:
    instrument = form_of(form.instrument)
    asking = questions_of(instrument, language)
    return Sheet(
        uid=form.uid,
        instrument=instrument.id,
        short=instrument.short,
        name=instrument.name,
        recall=_time_asked_about(instrument, asking),
        language=asking.language,
        is_official=asking.is_official,
        is_translation=asking.is_translation,
        questions=asking.questions,
        answers={item: value for item, value in answers.items() if value is not None},
        is_finished=form.finished_at is not None,
    )


def _time_asked_about(instrument: Instrument, asking: Asking) -> str:
    """The time that a form asks about, with our own question where its official ones are not here."""
    spoken = patient_words(asking.language)
    labels = spoken.labels(instrument)
    time = (labels.recall if labels else instrument.recall if asking.language == ORIGINAL else "") or ""
    said = time.partition(";")[0]
    said = said[:1].upper() + said[1:]
    if asking.is_official or not said:
        return said
    return spoken.say("{time}: how much has this been so for you?", time=said)


def read_form(form: Form) -> dict[str, Any]:
    """One form item by item, with what it scored and what the definitions say."""
    instrument = form_of(form.instrument)
    taps = ItemAnswer.objects.filter(form=form).order_by("answered_at", "id")
    ended = form.finished_at or form.invitation.closed_at
    # What came after the end stands beside the form: the score is of what was there then.
    in_time = [row for row in taps if ended is None or row.received_at <= ended]
    late = {row.item: row for row in taps if ended is not None and row.received_at > ended}
    last = {row.item: row.value for row in in_time}
    answers = {item: value for item, value in last.items() if value is not None}
    asking = questions_of(instrument)
    known = sources()
    found = score(instrument, answers)
    return {
        "uid": form.uid,
        "name": instrument.name,
        "short": instrument.short,
        "version": form.instrument_version,
        "occasion": title_of(form.invitation.occasion),
        "at": form.finished_at,
        "is_official": asking.is_official,
        "licence": instrument.licence.terms,
        "rows": [
            (question, answers.get(question.item), question.words(answers.get(question.item)))
            for question in asking.questions
        ],
        "late": [
            (question, question.words(late[question.item].value), late[question.item].received_at)
            for question in asking.questions
            if question.item in late
        ],
        "scales": found.scales,
        "main": instrument.main,
        "bands": [
            (band, "; ".join(known[name].title for name in band.sources)) for band in found.bands if band.band
        ],
        "voided_at": form.voided_at,
        "voided_because": form.voided_because,
        "changes": len(in_time) - len(answers),
    }


def language_of(invitation: Invitation) -> str:
    """The patient's language, as their record says; of a merged record, the one it was merged into."""
    person = invitation.patient.merged_into or invitation.patient
    identity = getattr(person, "identity", None)
    return identity.language if identity else ORIGINAL


def has_signal(invitation: Invitation) -> bool:
    """Whether an answer of this invitation asked for a person."""
    return bool(_signals_of(invitation.pk))


@prepared
def _signals_of(invitation_id: int) -> QuerySet[SafetySignal, tuple[int]]:
    return SafetySignal.objects.filter(form__invitation_id=invitation_id).values_list("pk")[:1]


def last_saved(invitation: Invitation) -> datetime | None:
    """When the newest answer arrived."""
    return next(iter(_newest_tap(invitation.pk)), None)


@prepared
def _newest_tap(invitation_id: int) -> QuerySet[ItemAnswer, datetime]:
    taps = ItemAnswer.objects.filter(form__invitation_id=invitation_id).order_by("-received_at")
    return taps.values_list("received_at", flat=True)[:1]
