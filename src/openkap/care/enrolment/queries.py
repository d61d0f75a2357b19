"""Reads for the screening pages; plain values out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.timezone import localtime

from openkap.care.enrolment.assessment import assess_patient, fingerprint_of, notice, shown
from openkap.care.enrolment.facts import FROM_REFERRAL, current_answers, fact_of
from openkap.care.enrolment.models import Answer, Assessment, Decision, Screening, SharedDecision
from openkap.care.enrolment.protocols import asked_elements, protocol_of
from openkap.care.enrolment.several_records import is_measured
from openkap.care.patients.models import Patient
from openkap.care.patients.same_person import last_word, same_person, with_merged_at
from openkap.care.prepared import prepared
from openkap.protocol.assess import Assessment as Answered
from openkap.protocol.assess import Verdict
from openkap.protocol.elements import Element, dictionary
from openkap.protocol.facts import Fact, Standing
from openkap.protocol.screening_order import ScreeningSection, screening_order

# What a prescriber can decide: value and words.
OUTCOMES = Decision.Outcome.choices
# What the signatures answer, not a question.
CONSENT = "has_capacity_and_signed_consent"
# Decisions against treating now, the firmest first.
HOLDING = (Decision.Outcome.NOT_ELIGIBLE, Decision.Outcome.WAIT)


@dataclass(frozen=True)
class Question:
    """One question as the page shows it."""

    element: Element
    needed: bool
    # Why an answer that is there does not count.
    was: str = ""
    answer: str = ""
    origin: str = ""
    answered_by: str = ""
    answered_at: datetime | None = None
    observed_on: str = ""
    seen: str = ""
    typed: str = ""
    error: str = ""
    remedy: str = ""
    ask_again: bool = False
    conflict: str = ""
    from_record: bool = False
    typed_list: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        return bool(self.answer) and not self.needed and not self.error and not self.conflict

    @property
    def from_referral(self) -> bool:
        """Whether a referral's file says so, whoever took it over, and nobody here asked."""
        return not self.from_record and self.origin.startswith(FROM_REFERRAL)

    @property
    def takes_day(self) -> bool:
        """Whether the day of the measurement is asked with it."""
        return is_measured(self.element.id)


@dataclass(frozen=True)
class SectionState:
    """One section of the form with how far it is."""

    section: ScreeningSection
    questions: tuple[Question, ...] = field(default=())

    @property
    def whole(self) -> int:
        return len(self.questions)

    @property
    def done(self) -> int:
        return sum(1 for each in self.questions if not each.needed)

    @property
    def to_ask(self) -> Question | None:
        """The first question still to be asked; the signatures answer the one about consent."""
        return next(iter(self._open), None)

    @property
    def left(self) -> int:
        return len(self._open)

    @property
    def _open(self) -> list[Question]:
        return [each for each in self.questions if each.needed and each.element.id != CONSENT]


@dataclass(frozen=True)
class Form:
    """The whole form as of now."""

    screening: Screening
    sections: tuple[SectionState, ...]
    told: dict[str, Any]
    seen: str
    verdict: Verdict

    def state(self, section: str) -> SectionState | None:
        return next((each for each in self.sections if each.section.id == section), None)

    def question(self, element: str) -> Question | None:
        return next((q for each in self.sections for q in each.questions if q.element.id == element), None)

    def after(self, section: str) -> SectionState | None:
        """The next section that has something to ask, in order and then from the top."""
        ids = [each.section.id for each in self.sections]
        place = ids.index(section) + 1 if section in ids else 0
        return next((s for s in (*self.sections[place:], *self.sections[:place]) if s.to_ask), None)

    @property
    def is_consent_missing(self) -> bool:
        question = self.question(CONSENT)
        return question is not None and question.needed

    @property
    def done(self) -> int:
        return sum(each.done for each in self.sections)

    @property
    def whole(self) -> int:
        return sum(each.whole for each in self.sections)


def screening_form(patient: Patient, screening: Screening) -> Form:
    """The form generated from what the protocol still needs, with what is known already."""
    answers = current_answers(patient)
    assessment = assess_patient(patient, screening)
    told = shown(assessment)
    asked = asked_elements(screening.protocol, screening.protocol_version)
    by_section: dict[str, list[Question]] = {}
    for question in _questions(assessment, answers.newest, asked, answers.disputed):
        section = screening_order().section_of(question.element)
        if section:
            by_section.setdefault(section.id, []).append(question)
    sections = tuple(
        SectionState(section, tuple(by_section[section.id]))
        for section in screening_order().sections
        if section.id in by_section
    )
    return Form(screening, sections, told, fingerprint_of(told), assessment.verdict)


# Asked for in place of what is worked out from it.
ASKED_FOR = {"bmi": ("body_weight", "height")}


def _questions(
    assessment: Answered,
    answers: dict[str, Answer],
    asked: frozenset[str],
    disputed: dict[str, Answer],
) -> list[Question]:
    elements = dictionary()
    missing = {each.fact: each.was for each in assessment.missing}
    missing |= {name: _differing(answers[name], other) for name, other in disputed.items() if name in asked}
    for name, parts in ASKED_FOR.items():
        if name in missing:
            was = missing.pop(name)
            missing |= {part: was for part in parts if assessment.facts.value(part) is None}
    answered = {name for name in answers if name in asked}
    parts_asked = {part for name, parts in ASKED_FOR.items() if name in asked for part in parts}
    wanted = set(missing) | answered | parts_asked | _known(assessment, asked)
    for name in set(ASKED_FOR) & wanted - set(answers):
        wanted.discard(name)
    return [
        _question(elements[name], assessment.facts.known.get(name), answers.get(name), missing)
        for name in sorted(wanted, key=elements.rank)
    ]


def _differing(newest: Answer, other: Answer) -> str:
    said = [f"{_said(row.value)} ({localtime(row.answered_at):%-d %b %Y})" for row in (newest, other)]
    return f"Two records of this person were merged and differ: {said[0]}, {said[1]}. Ask again."


def _said(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _known(assessment: Answered, asked: frozenset[str]) -> set[str]:
    return {fact.element.id for fact in assessment.facts if fact.element.id in asked}


def _question(
    element: Element, fact: Fact | None, answer: Answer | None, missing: dict[str, str]
) -> Question:
    told = Question(
        element,
        needed=element.id in missing,
        was=missing.get(element.id, ""),
        answer=fact.shown() if fact else "",
        origin=fact.origin if fact else "",
        seen=answer.uid if answer else "",
        from_record=fact is not None and (answer is None or not answer.is_known),
    )
    if answer is None or not answer.is_known or fact is None:
        return told
    implausible = fact_of(answer).standing(answer.answered_at) is Standing.IMPLAUSIBLE
    return Question(
        element,
        needed=told.needed,
        was=told.was,
        answer=told.answer,
        origin=told.origin,
        answered_by=answer.answered_by.name,
        answered_at=answer.answered_at,
        observed_on=timezone.localdate(answer.observed_at).isoformat(),
        seen=answer.uid,
        typed=_typed(answer.value, element),
        typed_list=tuple(answer.value) if isinstance(answer.value, list) else (),
        ask_again=implausible,
    )


def _typed(value: Any, element: Element) -> str:
    if element.kind == "quantity":
        return str(value).split(" ")[0]
    return "" if isinstance(value, list) else str(value)


@dataclass(frozen=True)
class SharedShown:
    """A shared decision for the page."""

    wish: str
    is_go_on: bool
    patient_said: str
    alternatives: tuple[str, ...]
    recorded_by: str
    recorded_at: datetime


def shared_decision(screening: Screening) -> SharedShown | None:
    """The newest shared decision of this screening."""
    row = (
        SharedDecision.objects.filter(screening=screening)
        .select_related("recorded_by")
        .order_by("-id")
        .first()
    )
    return None if row is None else _shared(row)


def shared_decision_of(decision: Decision | None) -> SharedShown | None:
    """The shared decision that a prescriber's decision rests on."""
    row = decision.shared_decision if decision else None
    return None if row is None else _shared(row)


def _shared(row: SharedDecision) -> SharedShown:
    return SharedShown(
        row.get_wish_display(),
        row.wish == SharedDecision.Wish.GO_ON,
        row.patient_said,
        tuple(row.alternatives),
        row.recorded_by.name,
        row.recorded_at,
    )


def notice_of(screening: Screening) -> list[dict[str, Any]]:
    """The guideline-conflict notice of the screening's protocol."""
    return notice(protocol_of(screening.protocol, screening.protocol_version))


def alternatives_of(screening: Screening) -> tuple[str, ...]:
    """What a patient can have instead, as the protocol lists it."""
    protocol = protocol_of(screening.protocol, screening.protocol_version)
    return (*(each.title for each in protocol.therapy.trauma_focused), "Medicines", "Nothing now")


@dataclass(frozen=True)
class DecisionShown:
    """One decision for lists."""

    uid: str
    assessment: str
    words: str
    outcome: str
    is_override: bool
    reason: str
    decided_by: str
    decided_at: datetime
    verdict: str

    @property
    def tone(self) -> str:
        return {"eligible": "good", "eligible_with_review_signed": "good", "not_eligible": "alarm"}.get(
            self.outcome, "watch"
        )


def decisions_of(patient: Patient) -> list[DecisionShown]:
    """All decisions on the patient's eligibility, newest first."""
    rows = Decision.objects.filter(patient=patient).select_related("decided_by", "assessment")
    return [
        DecisionShown(
            row.uid,
            row.assessment.uid,
            row.get_outcome_display(),
            row.outcome,
            row.is_override,
            row.reason,
            row.decided_by.name,
            row.decided_at,
            Verdict(row.assessment.verdict).words,
        )
        for row in rows.order_by("-decided_at", "-id")
    ]


def screening_outcome(patient: Patient) -> str:
    """What screening concluded, as the gate before a dose asks; empty while nobody has decided.

    A decision under a record that was merged into this one never lets anybody be treated, but it holds
    until somebody decides anew with what both records say.
    """
    own, merged = last_word(_decisions_on(patient.pk), patient.pk, "decided_at")
    against = [row.outcome for row in merged if row.outcome in HOLDING]
    outcome = min(against, key=HOLDING.index) if against else (own.outcome if own else "")
    return "" if outcome == Decision.Outcome.WAIT else outcome


@prepared
def _decisions_on(patient_id: int) -> QuerySet[Any, Any]:
    rows = Decision.objects.filter(patient__in=same_person(patient_id))
    return with_merged_at(rows).order_by("decided_at", "id")


def stored(assessment: Assessment) -> dict[str, Any]:
    """The assessment exactly as it was seen."""
    told: dict[str, Any] = json.loads(assessment.snapshot)
    return told
