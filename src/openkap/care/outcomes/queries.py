"""Reads of outcomes for pages: trajectories, gaps, forms; plain values out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.timezone import localtime

from openkap.care.accounts.actor import Actor
from openkap.care.contributions import CourseMark
from openkap.care.messaging.actions import CALL
from openkap.care.messaging.undelivered import in_words, undelivered_fields
from openkap.care.moment import now
from openkap.care.outcomes import course
from openkap.care.outcomes.case import parts, untaken
from openkap.care.outcomes.follow_up import follow_up, form_of
from openkap.care.outcomes.marks_of_treatment import marks_of
from openkap.care.outcomes.models import (
    Call,
    Form,
    FormScore,
    Invitation,
    ItemAnswer,
    MaintenanceProposal,
    SafetySignal,
    Turn,
)
from openkap.care.outcomes.patient_words import ORIGINAL, patient_words
from openkap.care.outcomes.wording import Asking, Question, questions_of
from openkap.care.patients.access import in_care, scope_of, visible
from openkap.care.patients.models import Patient
from openkap.care.patients.queries import display_name, record_ids
from openkap.care.permissions import Permission
from openkap.care.prepared import prepared
from openkap.instruments.change import Change
from openkap.instruments.load import sources
from openkap.instruments.model import Instrument
from openkap.instruments.score import score

# The scales drawn large, one figure each, in this order; others are listed.
DRAWN = ("pcl-5", "phq-9")


@dataclass(frozen=True, slots=True)
class Reading:
    """One scored form on the time axis."""

    at: datetime
    total: Decimal | None
    scales: dict[str, Decimal | None]
    occasion: str
    form_uid: str
    missing: int
    occasion_id: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A measure that was due and is not there."""

    at: datetime
    occasion: str
    reason: str
    occasion_id: str = ""
    reason_id: str = ""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A named turn of the course, with its definition and where that comes from."""

    at: datetime
    kind: str
    name: str
    source: str
    grade: str
    before: Decimal | None
    after: Decimal | None


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal line of a figure: what it means and where."""

    name: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class Trajectory:
    """All readings of one instrument, and what belongs on the same time axis."""

    instrument: str
    name: str
    short: str
    least: int
    most: int
    better: str
    readings: tuple[Reading, ...]
    gaps: tuple[Gap, ...]
    marks: tuple[CourseMark, ...]
    milestones: tuple[Milestone, ...]
    lines: tuple[Line, ...]
    clusters: tuple[tuple[str, str, int], ...]
    baseline: Reading | None = None
    judged: Change | None = None

    @property
    def newest(self) -> Reading | None:
        """The last reading with a total."""
        return next((row for row in reversed(self.readings) if row.total is not None), None)

    @property
    def points(self) -> Decimal | None:
        """After minus before: a fall is negative."""
        new, base = self.newest, self.baseline
        if new is None or base is None or new.total is None or base.total is None or new is base:
            return None
        return new.total - base.total


def trajectory(
    patient: Patient, instrument: str = "pcl-5", *, judged: bool = True, marked: bool = True
) -> Trajectory:
    """The readings of one instrument of a patient and of records merged into theirs.

    ``marked`` with the dated points of treatment, for whoever draws them.
    """
    return trajectories(record_ids(patient), (instrument,), judged=judged, marked=marked)[0]


def trajectories(
    patient_ids: list[int], instruments: Iterable[str], *, judged: bool = True, marked: bool = True
) -> list[Trajectory]:
    """One trajectory an instrument; readings, gaps, marks and turns are read once for all of them."""
    names = list(instruments)
    rows: dict[str, list[FormScore]] = {name: [] for name in names}
    for row in _scores(patient_ids, names):
        rows[row.instrument].append(row)
    gaps = _gaps(patient_ids, names)
    marks = tuple(marks_of(patient_ids)) if marked else ()
    turns = _turns(patient_ids)
    return [_trajectory(form_of(name), rows[name], gaps[name], marks, turns, judged=judged) for name in names]


@prepared
def _scores(patient_ids: list[int], instruments: list[str]) -> QuerySet[FormScore]:
    rows = FormScore.objects.filter(
        patient_id__in=patient_ids, instrument__in=instruments, form__voided_at__isnull=True
    )
    return rows.select_related("form__invitation").order_by("at", "id")


@prepared
def _turns(patient_ids: list[int]) -> QuerySet[Turn]:
    rows = course.turns_that_stand(Turn.objects.filter(patient_id__in=patient_ids))
    return rows.select_related("score", "before").order_by("at", "id")


def _trajectory(
    instrument: Instrument,
    rows: list[FormScore],
    gaps: list[Gap],
    marks: tuple[CourseMark, ...],
    turns: list[Turn],
    *,
    judged: bool,
) -> Trajectory:
    main = instrument.scale(instrument.main) if instrument.main else None
    least, most = main.range if main else (0, 0)
    base = course.baseline_of(rows)
    last = next((row for row in reversed(rows) if row.total is not None), None)
    compared = judged and base is not None and last is not None and base.pk != last.pk
    readings = {row.pk: _reading(row) for row in rows}
    return Trajectory(
        instrument=instrument.id,
        name=instrument.name,
        short=instrument.short,
        least=least,
        most=most,
        better=instrument.better,
        readings=tuple(readings.values()),
        gaps=tuple(gaps),
        marks=marks,
        milestones=tuple(
            _milestone(instrument, turn) for turn in turns if turn.score.instrument == instrument.id
        ),
        lines=tuple(_lines(instrument)),
        clusters=tuple((each.id, each.name, each.range[1]) for each in instrument.scales if each is not main),
        baseline=readings[base.pk] if base else None,
        judged=course.change_between(instrument, base, last) if compared and base and last else None,
    )


def _reading(row: FormScore) -> Reading:
    return Reading(
        at=row.at,
        total=row.total,
        scales={name: None if value is None else Decimal(str(value)) for name, value in row.scales.items()},
        occasion=title_of(row.form.invitation.occasion),
        form_uid=row.form.uid,
        missing=len(row.missing),
        occasion_id=row.form.invitation.occasion,
    )


def title_of(occasion: str) -> str:
    """The occasion in words; one that a later version of the content dropped keeps its id."""
    return {each.id: each.title for each in follow_up().occasions}.get(occasion, occasion.replace("_", " "))


def _gaps(patient_ids: list[int], names: list[str]) -> dict[str, list[Gap]]:
    found: dict[str, list[Gap]] = {name: [] for name in names}
    for row in _closed(patient_ids, names):
        invitation = row.invitation
        found[row.instrument].append(
            Gap(
                invitation.due_at,
                title_of(invitation.occasion),
                invitation.get_gap_display(),
                invitation.occasion,
                invitation.gap,
            )
        )
    return found


@prepared
def _closed(patient_ids: list[int], instruments: list[str]) -> QuerySet[Form]:
    rows = Form.objects.filter(
        patient_id__in=patient_ids,
        instrument__in=instruments,
        invitation__closed_at__isnull=False,
        # Begun, and scored when its time was over: a reading, not a gap.
        score__isnull=True,
    )
    return rows.select_related("invitation").order_by("invitation__due_at")


def _milestone(instrument: Instrument, turn: Turn) -> Milestone:
    by_id = {each.id: each for each in instrument.change}
    definition = by_id.get(turn.definition)
    known = sources()
    titles = "; ".join(known[name].title for name in definition.sources) if definition else ""
    return Milestone(
        at=turn.at,
        kind=turn.kind,
        name=definition.name if definition else turn.definition,
        source=titles,
        grade=definition.grade.value if definition else "",
        before=turn.before.total,
        after=turn.score.total,
    )


def _lines(instrument: Instrument) -> Iterable[Line]:
    """The remission limit and the first general cut-off, where the content has them."""
    for each in instrument.change:
        limit = each.end_at_most if each.end_at_most is not None else each.end_below
        if each.of == "remission" and each.default and limit is not None:
            yield Line("remission", Decimal(limit))
    for cutoff in instrument.cutoffs:
        if cutoff.who is None and cutoff.at_least is not None and cutoff.scale == instrument.main:
            yield Line("cut-off", Decimal(cutoff.at_least))
            return


@dataclass(frozen=True, slots=True)
class Asked:
    """One invitation as the outcomes page lists it."""

    uid: str
    occasion: str
    forms: str
    due_at: datetime
    closes_at: datetime
    state: str
    tone: str
    is_open: bool
    # The link has gone out, and the time for it is not over.
    is_out: bool = False


def invitations_of(patient: Patient, limit: int = 40) -> list[Asked]:
    """What was asked and what became of it, newest first."""
    rows = (
        _with_late(Invitation.objects.filter(patient_id__in=record_ids(patient)))
        .prefetch_related("forms")
        .order_by("-due_at", "-id")[:limit]
    )
    return [
        Asked(
            uid=row.uid,
            occasion=title_of(row.occasion),
            forms=", ".join(form_of(form.instrument).short for form in row.forms.all()),
            due_at=row.due_at,
            closes_at=row.closes_at,
            state=_state(row)[0],
            tone=_state(row)[1],
            is_open=row.finished_at is None and row.closed_at is None,
        )
        for row in rows
    ]


def _with_late(rows: QuerySet[Invitation]) -> QuerySet[Any]:
    """With how many answers came after the questions were finished or closed."""
    after = Q(forms__answers__received_at__gt=Coalesce("finished_at", "closed_at"))
    return rows.annotate(came_late=Count("forms__answers", filter=after))


def _state(row: Any) -> tuple[str, str]:
    late = f"; answers came after that: {row.came_late}" if row.came_late else ""
    if row.finished_at is not None:
        return f"✓ answered {localtime(row.finished_at):%-d %b %Y}{late}", "good"
    if row.closed_at is not None:
        return f"– {row.get_gap_display()}{late}", "watch" if late else "unknown"
    if row.sent_at is not None:
        reminded = f", reminded {localtime(row.reminded_at):%-d %b}" if row.reminded_at else ""
        until = f"{localtime(row.closes_at):%-d %b}"
        return f"sent {localtime(row.sent_at):%-d %b}{reminded}, open until {until}", "watch"
    return f"planned for {localtime(row.due_at):%-d %b %Y}", "plain"


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


@dataclass(frozen=True, slots=True)
class OpenSignal:
    """A person's case in a list: their alarming answers that are open."""

    uid: str
    patient_uid: str
    patient_name: str
    raised_at: datetime
    escalate_at: datetime
    level: int
    is_acknowledged: bool
    # Somebody had taken it on, and what came after that waits for somebody again.
    is_anew: bool
    # Everybody who is named was called, and nobody further is.
    all_called: bool
    # How many parts there are to look at.
    answers: int
    url: str
    # A call that did not arrive: to whom, and since when.
    undelivered: str


def open_signals(by: Actor) -> list[OpenSignal]:
    """The open cases of the patients whose outcomes somebody may see, oldest first; and those about which
    they were called themselves. A person has one, however many answers are in it.
    """
    cases: dict[int, list[Any]] = {}
    for row in _open_signals(*scope_of(by, Permission.SEE_OUTCOMES)):
        cases.setdefault(person_of(row).pk, []).append(row)
    return [_open_case(rows) for rows in cases.values()]


def _open_case(rows: list[Any]) -> OpenSignal:
    """One line for the answers of one person; what nobody has taken on yet speaks for them."""
    waiting: list[Any] = untaken(rows) or rows
    lost = [in_words(row.undelivered_to, row.undelivered_since) for row in reversed(waiting)]
    return OpenSignal(
        uid=rows[0].uid,
        patient_uid=person_of(rows[0]).uid,
        patient_name=display_name(person_of(rows[0]).identity),
        raised_at=waiting[0].raised_at,
        escalate_at=min(row.escalate_at for row in waiting),
        level=max(row.level for row in waiting),
        is_acknowledged=not untaken(rows),
        is_anew=len(untaken(rows)) not in (0, len(rows)),
        all_called=waiting[0].all_called_at is not None,
        answers=len(parts(rows)),
        url=address_of(rows[0]),
        undelivered=next(filter(None, lost), ""),
    )


@prepared
def _open_signals(clinic_id: int, staff_id: int) -> QuerySet[Any]:
    # Who was called about one answer of a case is called about the person.
    same = Q(signal__patient=OuterRef("patient")) | Q(signal__patient=OuterRef("patient__merged_into"))
    same |= Q(signal__patient__merged_into=OuterRef("patient"))
    same |= Q(signal__patient__merged_into=OuterRef("patient__merged_into"))
    called = Call.objects.filter(same, staff_id=staff_id, signal__closed_at__isnull=True)
    # The record in use decides who may see the alert.
    seen = Q(patient__merged_into__isnull=True, patient__in=visible(clinic_id, staff_id))
    seen |= Q(patient__merged_into__in=visible(clinic_id, staff_id))
    waiting = SafetySignal.objects.filter(
        seen | Q(Exists(called)),
        patient__clinic_id=clinic_id,
        closed_at__isnull=True,
    )
    told = waiting.annotate(**undelivered_fields(CALL))
    rows = told.select_related("patient__identity", "patient__merged_into__identity")
    return rows.order_by("raised_at", "id")


def person_of(signal: SafetySignal) -> Patient:
    """The record in use of the person an alert is about: of a merged record, the one it was merged into."""
    return signal.patient.merged_into or signal.patient


def address_of(signal: SafetySignal) -> str:
    """Where an alert is answered: under the record in use."""
    return reverse("signal", args=[person_of(signal).uid, signal.uid])


def proposal_page(proposal: MaintenanceProposal) -> dict[str, Any]:
    """The proposal with the readings behind it."""
    milestone = _milestone(form_of(proposal.turn.score.instrument), proposal.turn)
    return {
        "uid": proposal.uid,
        "made_at": proposal.made_at,
        "milestone": milestone,
        "decision": proposal.get_decision_display() if proposal.decision else "",
        "reason": proposal.reason,
        "decided_by": proposal.decided_by.name if proposal.decided_by else "",
        "decided_at": proposal.decided_at,
        "choices": MaintenanceProposal.Decision.choices,
    }


def open_proposals(by: Actor) -> list[MaintenanceProposal]:
    """Proposals nobody has decided on, with the patient's identity."""
    return _open_proposals(*scope_of(by, Permission.SEE_OUTCOMES))


@prepared
def _open_proposals(clinic_id: int, staff_id: int) -> QuerySet[MaintenanceProposal]:
    waiting = MaintenanceProposal.objects.filter(
        patient__in=in_care(clinic_id, staff_id),
        decided_at__isnull=True,
        turn__score__form__voided_at__isnull=True,
        turn__before__form__voided_at__isnull=True,
    )
    return waiting.select_related("patient__identity", "turn").order_by("made_at")


def asked_page(invitation: Invitation) -> Asked:
    """One invitation for its own page."""
    state, tone = _state(_with_late(Invitation.objects.filter(pk=invitation.pk)).get())
    forms = ", ".join(form_of(form.instrument).short for form in invitation.forms.order_by("position"))
    return Asked(
        uid=invitation.uid,
        occasion=title_of(invitation.occasion),
        forms=forms,
        due_at=invitation.due_at,
        closes_at=invitation.closes_at,
        state=state,
        tone=tone,
        is_open=invitation.finished_at is None and invitation.closed_at is None,
        is_out=invitation.sent_at is not None and invitation.closes_at > now(),
    )


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


def reach(patient: Patient) -> dict[str, Any]:
    """How to reach the patient and the people around them, for somebody who must call now."""
    from openkap.care.patients.queries import contacts_of, crisis_plan

    return {
        "telephone": patient.identity.telephone,
        "language": patient.identity.language,
        "interpreter": patient.identity.needs_interpreter,
        "contacts": contacts_of(patient),
        "plan": crisis_plan(patient),
    }
